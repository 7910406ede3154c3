/** What can happen to channels: faults of connections, links, servers and processes, and replacements of ends. */
import type { Latency } from '../nats/pipe.ts';
import type { FaultKind } from '../stage.ts';
import type { SimulatedChannels } from './simulated-channels.ts';

const NOTHING = (): void => undefined;

/** Without a continuum only the names mean something. */
export function faultKinds(continuum: SimulatedChannels | undefined): readonly FaultKind[] {
  const on = (begin: (continuum: SimulatedChannels) => (() => void) | undefined) => () =>
    continuum === undefined ? undefined : begin(continuum);
  return [
    { kind: 'connection reset', lasts: [0, 0], begin: on(resetConnection) },
    { kind: 'connection cut', lasts: [50, 5_000], begin: on(cutConnection) },
    { kind: 'partition', lasts: [500, 20_000], begin: on(partition) },
    { kind: 'link cut', lasts: [50, 10_000], begin: on(cutLink) },
    { kind: 'link held', lasts: [100, 6_000], begin: on(holdLink) },
    { kind: 'slow', lasts: [200, 4_000], begin: on(slow) },
    { kind: 'server killed', lasts: [50, 3_000], begin: on(killServer) },
    { kind: 'server frozen', lasts: [100, 8_000], begin: on(freezeServer) },
    { kind: 'process killed', lasts: [10, 2_000], begin: on(killProcess) },
    { kind: 'process frozen', lasts: [100, 30_000], begin: on(freezeProcess) },
    { kind: 'clock jumps', lasts: [0, 0], begin: on(jump) },
    { kind: 'receiver moved', lasts: [0, 0], begin: on(moveReceiver) },
    { kind: 'both replaced', lasts: [0, 0], begin: on(replaceBoth) },
  ];
}

function resetConnection({ stage, alive }: SimulatedChannels): (() => void) | undefined {
  if (alive.length === 0) return undefined;
  stage.network.reset(stage.random.pick(alive).connection);
  return NOTHING;
}

function cutConnection({ stage, alive }: SimulatedChannels): (() => void) | undefined {
  if (alive.length === 0) return undefined;
  const { connection: nats, node } = stage.random.pick(alive);
  stage.network.cut(nats);
  return () => {
    if (node.alive) stage.network.heal(nats);
  };
}

function partition({ stage, alive }: SimulatedChannels): (() => void) | undefined {
  if (alive.length === 0) return undefined;
  const { connection: nats, node } = stage.random.pick(alive);
  stage.network.partition(nats);
  return () => {
    if (node.alive) stage.network.heal(nats);
  };
}

function cutLink({ link }: SimulatedChannels): (() => void) | undefined {
  if (!link.up) return undefined;
  link.cut();
  return () => link.heal();
}

function holdLink({ link }: SimulatedChannels): (() => void) | undefined {
  if (!link.up) return undefined;
  link.hold();
  return () => link.release();
}

function slow({ stage, alive, link }: SimulatedChannels): () => void {
  const [process] = alive;
  const latency: Latency =
    process === undefined || stage.random.chance(0.5)
      ? link.latency
      : stage.network.latency(stage.random.pick(alive).connection);
  return stage.slowDown(latency, 50, 800);
}

function killServer({ stage, servers }: SimulatedChannels): (() => void) | undefined {
  const server = stage.random.pick(servers);
  if (!server.up) return undefined;
  server.crash();
  return () => server.start();
}

function freezeServer({ stage, servers }: SimulatedChannels): (() => void) | undefined {
  const server = stage.random.pick(servers);
  if (!server.up || server.frozen) return undefined;
  stage.network.freeze(server);
  return () => stage.network.thaw(server);
}

/** Its senders and receivers die with it; others take their place when it is back. */
function killProcess(continuum: SimulatedChannels): (() => void) | undefined {
  const { stage, processes } = continuum;
  const index = stage.random.integer(0, processes.length - 1);
  const { node } = continuum.process(index);
  if (!node.alive) return undefined;
  node.kill();
  return () => void revive(continuum, index);
}

async function revive(continuum: SimulatedChannels, index: number): Promise<void> {
  const { stage, processes } = continuum;
  const made = await continuum.makeProcess(index).catch(() => undefined);
  if (made === undefined) {
    // no server is there yet
    stage.network.clock.after(200, () => void revive(continuum, index));
    return;
  }
  const { sending, receiving } = continuum.hosts(index);
  processes[index] = made;
  for (const lane of sending) lane.replaceBoth(false);
  for (const lane of receiving) if (!sending.includes(lane)) lane.replaceReceiver(false);
}

function freezeProcess({ stage, processes }: SimulatedChannels): (() => void) | undefined {
  const { node } = stage.random.pick(processes);
  if (!node.alive || node.frozen) return undefined;
  node.freeze();
  return () => node.thaw();
}

function jump({ stage, processes }: SimulatedChannels): () => void {
  stage.random.pick(processes).node.skew += stage.random.between(-60_000, 60_000);
  return NOTHING;
}

function moveReceiver({ stage, lanes, processes }: SimulatedChannels): () => void {
  const to = stage.random.integer(0, processes.length - 1);
  stage.random.pick(lanes).replaceReceiver(stage.random.chance(0.5), to);
  return NOTHING;
}

function replaceBoth({ stage, lanes }: SimulatedChannels): () => void {
  stage.random.pick(lanes).replaceBoth(stage.random.chance(0.5));
  return NOTHING;
}
