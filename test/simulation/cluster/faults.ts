/** What can happen to a cluster: to its agents, servers, link, connections, disks and clocks. */
import type { RegionPhase } from '../../../engine/cluster/documents/status.ts';
import type { Latency } from '../nats/pipe.ts';
import type { FaultKind } from '../stage.ts';
import type { Machine } from './machine.ts';
import type { SimulatedCluster } from './simulated-cluster.ts';

type Begin = (continuum: SimulatedCluster) => (() => void) | undefined;

const LEADING = new Set<RegionPhase>(['acquiring', 'starting', 'running', 'backoff', 'stopping']);

const NOTHING = (): void => undefined;

/** Without a continuum only the names mean something. */
export function clusterFaults(continuum: SimulatedCluster | undefined): readonly FaultKind[] {
  const on = (begin: Begin) => () => (continuum === undefined ? undefined : begin(continuum));
  return [
    { kind: 'agent killed', lasts: [50, 6_000], begin: on(killAgent) },
    { kind: 'agent leaves', lasts: [3_000, 8_000], begin: on(letLeave) },
    { kind: 'agent frozen', lasts: [200, 30_000], begin: on(freezeAgent) },
    { kind: 'server killed', lasts: [50, 5_000], begin: on(killServer) },
    { kind: 'server frozen', lasts: [200, 10_000], begin: on(freezeServer) },
    { kind: 'link cut', lasts: [100, 15_000], begin: on(cutLink) },
    { kind: 'link held', lasts: [200, 8_000], begin: on(holdLink) },
    { kind: 'connection cut', lasts: [50, 8_000], begin: on(cutConnection) },
    { kind: 'partition', lasts: [500, 25_000], begin: on(partition) },
    { kind: 'slow', lasts: [500, 6_000], begin: on(slow) },
    { kind: 'disk full', lasts: [500, 6_000], begin: on(fillDisk) },
    { kind: 'server disk full', lasts: [500, 6_000], begin: on(fillServer) },
    { kind: 'clock jumps', lasts: [0, 0], begin: on(jump) },
    { kind: 'coordinator killed', lasts: [500, 8_000], begin: on((all) => kill(coordinatorOf(all))) },
    { kind: 'coordinator frozen', lasts: [500, 20_000], begin: on((all) => freeze(coordinatorOf(all))) },
    { kind: 'leader killed', lasts: [50, 8_000], begin: on((all) => kill(leaderOf(all))) },
    { kind: 'leader frozen', lasts: [500, 20_000], begin: on((all) => freeze(leaderOf(all))) },
  ];
}

/** Copies of an agent are lost, with its disk or one by one, of which there must be others: servers keep theirs. */
export function lostCopies(continuum: SimulatedCluster | undefined): readonly FaultKind[] {
  const on = (begin: Begin) => () => (continuum === undefined ? undefined : begin(continuum));
  return [
    { kind: 'agent replaced', lasts: [50, 6_000], begin: on(replaceAgent) },
    { kind: 'blob damaged', lasts: [0, 0], begin: on(damage) },
  ];
}

/** Of servers alone: they lose what they had acknowledged, while the disks of the agents stay. */
export function forgetfulServers(continuum: SimulatedCluster | undefined): readonly FaultKind[] {
  const on = (begin: Begin) => () => (continuum === undefined ? undefined : begin(continuum));
  return [
    { kind: 'power lost', lasts: [50, 3_000], begin: on(losePower) },
    { kind: 'older disk', lasts: [50, 3_000], begin: on(putBack) },
  ];
}

function someone({ stage, alive }: SimulatedCluster): Machine | undefined {
  return alive.length === 0 ? undefined : stage.random.pick(alive);
}

function kill(machine: Machine | undefined): (() => void) | undefined {
  if (machine === undefined) return undefined;
  machine.kill();
  return () => void machine.start();
}

function killAgent(continuum: SimulatedCluster): (() => void) | undefined {
  return kill(someone(continuum));
}

function letLeave(continuum: SimulatedCluster): (() => void) | undefined {
  const machine = someone(continuum);
  const { agent } = machine ?? {};
  if (machine === undefined || agent === undefined || machine.node?.frozen === true || agent.status().parting === true)
    return undefined;
  let hasLeft = false;
  machine.leave(() => {
    hasLeft = true;
  });
  return () => {
    const hangs = machine.alive && machine.agent === agent;
    if (hangs) machine.kill();
    // who killed it meanwhile starts it, too
    if (hangs || hasLeft) void machine.start();
  };
}

/** The one that comes back has an empty disk. */
function replaceAgent(continuum: SimulatedCluster): (() => void) | undefined {
  const machine = someone(continuum);
  // a durable stream is kept on one disk until the other side has it
  if (machine === undefined || machine.logs.any) return undefined;
  machine.replace();
  return () => void machine.start();
}

function coordinatorOf({ alive }: SimulatedCluster): Machine | undefined {
  return alive.find(({ agent }) => agent?.status().coordinator === true);
}

/** Of one of the regions. */
function leaderOf({ stage, alive }: SimulatedCluster): Machine | undefined {
  const leaders = alive.filter(({ agent }) => agent?.status().regions.some(({ phase }) => LEADING.has(phase)));
  return leaders.length === 0 ? undefined : stage.random.pick(leaders);
}

function freezeAgent(continuum: SimulatedCluster): (() => void) | undefined {
  return freeze(someone(continuum));
}

function freeze(machine: Machine | undefined): (() => void) | undefined {
  const node = machine?.node;
  if (node === undefined || node.frozen) return undefined;
  node.freeze();
  return () => node.thaw();
}

function killServer({ stage, servers }: SimulatedCluster): (() => void) | undefined {
  const server = stage.random.pick(servers);
  if (!server.up) return undefined;
  server.crash();
  return () => server.start();
}

/** What was acknowledged and not yet synced is gone. */
function losePower({ stage, servers }: SimulatedCluster): (() => void) | undefined {
  const server = stage.random.pick(servers);
  if (!server.up) return undefined;
  server.crash();
  return () => server.start('unsynced-lost');
}

/** The server comes back with what its disk was some time ago. */
function putBack(continuum: SimulatedCluster): (() => void) | undefined {
  const { stage, servers } = continuum;
  const server = stage.random.pick(servers);
  const backups = continuum.backups(server);
  if (!server.up || backups.length === 0) return undefined;
  server.crash();
  return () => server.start(stage.random.pick(backups));
}

function freezeServer({ stage, servers }: SimulatedCluster): (() => void) | undefined {
  const server = stage.random.pick(servers);
  if (!server.up || server.frozen) return undefined;
  stage.network.freeze(server);
  return () => stage.network.thaw(server);
}

function cutLink({ link }: SimulatedCluster): (() => void) | undefined {
  if (!link.up) return undefined;
  link.cut();
  return () => link.heal();
}

function holdLink({ link }: SimulatedCluster): (() => void) | undefined {
  if (!link.up) return undefined;
  link.hold();
  return () => link.release();
}

function cutConnection(continuum: SimulatedCluster): (() => void) | undefined {
  return onConnections(continuum, 'cut');
}

function partition(continuum: SimulatedCluster): (() => void) | undefined {
  return onConnections(continuum, 'partition');
}

/** All of one process, or one of them. */
function onConnections(continuum: SimulatedCluster, how: 'cut' | 'partition'): (() => void) | undefined {
  const { stage } = continuum;
  const machine = someone(continuum);
  if (machine?.node === undefined) return undefined;
  const { node, connections } = machine;
  const hit = stage.random.chance(0.6) ? connections : [stage.random.pick(connections)];
  for (const nats of hit) stage.network[how](nats);
  return () => {
    if (node.alive) for (const nats of hit) stage.network.heal(nats);
  };
}

function slow(continuum: SimulatedCluster): (() => void) | undefined {
  const { stage, link } = continuum;
  const [nats] = someone(continuum)?.connections ?? [];
  const latency: Latency = nats === undefined || stage.random.chance(0.5) ? link.latency : stage.network.latency(nats);
  return stage.slowDown(latency, 100, 1_500);
}

function fillDisk({ stage, machines }: SimulatedCluster): () => void {
  const { disk } = stage.random.pick(machines);
  disk.full = true;
  return () => {
    disk.full = false;
  };
}

function fillServer({ stage, servers }: SimulatedCluster): () => void {
  const { streams } = stage.random.pick(servers);
  streams.diskFull = true;
  return () => {
    streams.diskFull = false;
  };
}

/** One of two copies: the other one is to be used. */
function damage({ stage, machines }: SimulatedCluster): (() => void) | undefined {
  const { disk } = stage.random.pick(machines);
  const names = disk.names.filter((name) => name.startsWith('checkpoints/'));
  return names.length > 0 && disk.corrupt(stage.random.pick(names), stage.random) ? NOTHING : undefined;
}

function jump(continuum: SimulatedCluster): (() => void) | undefined {
  const node = someone(continuum)?.node;
  if (node === undefined) return undefined;
  node.skew += continuum.stage.random.between(-120_000, 120_000);
  return NOTHING;
}
