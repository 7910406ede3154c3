/** One simulated run of the control plane from a seed: faults and a fickle user for a while, then peace, in which all must come right. */
import type { Process } from './control-world.ts';
import { ControlWorld } from './control-world.ts';

/** Milliseconds of virtual time. */
const TROUBLE = 60_000;
const PEACE = 60_000;
const FAULTS = 8;
const ACTS = 3;

export interface ControlOutcome {
  readonly seed: number;
  readonly violations: readonly string[];
  readonly log: readonly string[];
  readonly commits: number;
  readonly starts: number;
  readonly faults: readonly string[];
}

export async function simulateControl(seed: number): Promise<ControlOutcome> {
  const world = new ControlWorld(seed);
  await world.begin();
  await world.pass(3_000);
  world.act('deploy');
  await world.pass(5_000);
  const faults: string[] = [];
  for (let index = 0; index < FAULTS; index++) plan(world, faults);
  for (let index = 0; index < ACTS; index++) {
    const what = world.random.pick(['deploy', 'paused', 'running', 'stopped'] as const);
    world.network.clock.after(world.random.between(0, TROUBLE), () => world.act(what));
  }
  await world.pass(TROUBLE + 15_000);
  // A former wish of the user may still be under way.
  await world.pass(10_000);
  world.act('running');
  await world.pass(PEACE);
  const { commits } = world.ledger;
  await world.pass(5_000);
  mustBeRight(world, commits);
  const { violations, starts } = world.ledger;
  return { seed, violations, log: world.log, commits: world.ledger.commits, starts, faults };
}

function mustBeRight({ ledger, processes }: ControlWorld, commits: number): void {
  const running = processes.flatMap(({ host, name }) =>
    (host?.running ?? []).map(({ plan, start }) => ({ name, fragment: plan.name, epoch: start.epoch })),
  );
  const shown = running.map(({ name, fragment, epoch }) => `${fragment}@${epoch} on ${name}`).join(', ');
  const epochs = new Set(running.map(({ epoch }) => epoch));
  if (running.length !== 2 || epochs.size !== 1) ledger.violations.push(`in the end there run: ${shown}`);
  if (ledger.commits === commits)
    ledger.violations.push(`in the end nothing is committed any more; there run: ${shown}`);
  const leaders = processes.filter(({ agent }) => agent?.status().coordinator === true);
  if (leaders.length !== 1) ledger.violations.push(`in the end there are ${leaders.length} coordinators`);
}

/** One fault at some moment, undone within 15 s. */
function plan(world: ControlWorld, faults: string[]): void {
  const { network, random } = world;
  network.clock.after(random.between(0, TROUBLE), () => {
    const [kind, begin] = random.pick(Object.entries(KINDS));
    const end = begin(world);
    if (end === undefined) return;
    const lasts = random.between(50, 15_000);
    faults.push(kind);
    world.say(`fault: ${kind} for ${lasts.toFixed(0)} ms`);
    network.clock.after(lasts, () => {
      world.say(`fault over: ${kind}`);
      end();
    });
  });
}

type Begin = (world: ControlWorld) => (() => void) | undefined;

const KINDS: Readonly<Record<string, Begin>> = {
  'process killed': (world) => {
    const process = alive(world);
    if (process === undefined) return undefined;
    world.say(`${process.name} is killed`);
    process.node.kill();
    return () => restart(world, process);
  },
  'process frozen': (world) => {
    const process = alive(world);
    if (process === undefined) return undefined;
    world.say(`${process.name} is frozen`);
    const { node } = process;
    node.freeze();
    return () => node.thaw();
  },
  'connection cut': (world) => {
    const process = alive(world);
    const nats = process?.nats;
    if (process === undefined || nats === undefined) return undefined;
    const { node } = process;
    world.say(`${process.name} is cut off`);
    world.network.cut(nats);
    return () => {
      if (node.alive) world.network.heal(nats);
    };
  },
  partition: (world) => {
    const process = alive(world);
    const nats = process?.nats;
    if (process === undefined || nats === undefined) return undefined;
    const { node } = process;
    world.say(`${process.name} is partitioned`);
    world.network.partition(nats);
    return () => {
      if (node.alive) world.network.heal(nats);
    };
  },
  'link cut': ({ link }) => {
    if (!link.up) return undefined;
    link.cut();
    return () => link.heal();
  },
  'server killed': ({ hub, leaf, random }) => {
    const server = random.pick([hub, leaf]);
    if (!server.up) return undefined;
    server.crash();
    return () => server.start();
  },
  'fragment fails': ({ processes, random }) => {
    const all = processes.flatMap(({ host, node }) => (node.alive && !node.frozen ? (host?.running ?? []) : []));
    if (all.length === 0) return undefined;
    random.pick(all).fail();
    return () => undefined;
  },
};

/** Again and again, while there is no server for it. */
function restart(world: ControlWorld, process: Process): void {
  world.start(process).catch(() => world.network.clock.after(1_000, () => restart(world, process)));
}

function alive({ processes, random }: ControlWorld): Process | undefined {
  const all = processes.filter(({ node, agent }) => agent !== undefined && node.alive && !node.frozen);
  return all.length === 0 ? undefined : random.pick(all);
}
