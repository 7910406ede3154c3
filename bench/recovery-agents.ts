/**
 * How long a graph is silent after `kill -9` of the agent that it runs on, where its site has another: until the coordinator has given it away (detection), until the
 * region's new leader has taken it over, until its worker thread has begun and opened it, until the first row that had not come out before.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { connectNats } from '../engine/nats/client.ts';
import { type AgentProcess, Continuum } from '../test/cluster/processes.ts';
import { hasNats, NO_NATS } from '../test/kit/nats-server.ts';
import { type BenchOptions, sized } from './harness.ts';
import { published } from './published.ts';

const graph = (url: string): string => `apiVersion: cloudskin.dev/v1
kind: Dataflow
metadata: { name: recovery }
spec:
  sources:
    readings:
      generate: { rate: 20000, interval: 50us, columns: { id: { sequence: {} }, at: { time: {} }, machine: { integers: { min: 0, max: 9999 } } } }
      time: { column: at }
  operators:
    hours: { from: readings, window: { tumbling: 1h }, groupBy: [machine], aggregate: { readings: count(*), last: max(id) } }
    some: { from: readings, filter: id % 100 = 0, select: { id: id } }
  sinks:
    shown: { from: some, nats: { url: "${url}", subject: shown } }
    kept: { from: hours, file: { path: hours.csv } }
  placement: { readings: { site: plant }, hours: { site: plant }, some: { site: plant }, shown: { site: plant }, kept: { site: plant } }
  checkpoint: { every: 250ms }
`;

/** What is measured, in milliseconds since the kill, each from the step before. */
export interface Silence {
  readonly detected: number;
  readonly takenOver: number;
  readonly begun: number;
  readonly opened: number;
  readonly row: number;
  readonly all: number;
}

/** Why it cannot be measured; undefined where it can. */
export function agentsMissing(): string | undefined {
  return hasNats('installed') ? undefined : NO_NATS.installed;
}

const STEPS: readonly (readonly [keyof Silence, RegExp])[] = [
  ['detected', /^assigned /],
  ['takenOver', /^region starts/],
  ['begun', /^starts/],
  ['opened', /^ready/],
];

/** Kills, one after the other. */
export async function killedAgents(options: BenchOptions): Promise<readonly Silence[]> {
  const { cli: program } = published(options);
  const continuum = await Continuum.start();
  const nats = await connectNats({ servers: continuum.leaf.url });
  let lines: { readonly at: number; readonly msg: string }[] = [];
  const hear = (line: string): void => {
    const { time, msg } = JSON.parse(line) as { readonly time: string; readonly msg: string };
    lines.push({ at: Date.parse(time), msg });
  };
  let greatest = -1;
  let waiting: { readonly beyond: number; readonly resolve: (at: number) => void } | undefined;
  const subscription = nats.subscribe('shown', ({ data }) => {
    for (const line of new TextDecoder().decode(data).trim().split('\n')) {
      greatest = Math.max(greatest, (JSON.parse(line) as { readonly id: number }).id);
    }
    if (waiting !== undefined && greatest > waiting.beyond) waiting.resolve(Date.now());
  });
  const beyond = (id: number): Promise<number> =>
    new Promise((resolve, reject) => {
      const late = setTimeout(() => reject(new Error(`no new row\n${continuum.logs()}`)), 30_000);
      const come = (at: number): void => {
        clearTimeout(late);
        resolve(at);
      };
      waiting = { beyond: id, resolve: come };
    });
  try {
    const start = { hear, program };
    continuum.agent({ site: 'hub', tier: 'cloud' }, start);
    const agents = ['a', 'b'].map((name) => continuum.agent({ site: 'plant', tier: 'edge', name }, start));
    await continuum.ready(3);
    await sleep(1_000);
    await continuum.ok('deploy', continuum.graph('graph.yaml', graph(continuum.leaf.url)), '--wait', 'running');
    await beyond(greatest);
    const silences: Silence[] = [];
    for (let kill = 0; kill < sized(options, 20, 3, 1); kill++) {
      await settled(continuum, kill);
      const owner = await ownerOf(continuum, agents);
      lines = [];
      const killed = Date.now();
      await owner.kill();
      const row = await beyond(greatest);
      silences.push(silenceOf(killed, row, lines));
      owner.start();
    }
    return silences;
  } finally {
    subscription.close();
    await nats.close(200);
    await continuum.close();
  }
}

/** Until both agents are there, and a checkpoint later; a little more each time, so that kills fall anywhere between two checkpoints. */
async function settled(continuum: Continuum, round: number): Promise<void> {
  await continuum.ready(3);
  const before = (await continuum.region('recovery'))?.checkpoint ?? 0;
  await continuum.until(async () => ((await continuum.region('recovery'))?.checkpoint ?? 0) > before + 2 || undefined);
  await sleep(1_500 + ((round * 97) % 250));
}

async function ownerOf(continuum: Continuum, agents: readonly AgentProcess[]): Promise<AgentProcess> {
  const statuses = await continuum.client.ask(500, (all) => all.length === 3);
  const owner = statuses.find(({ regions }) =>
    regions.some(({ app, phase }) => app === 'recovery' && phase === 'running'),
  );
  const found = agents[owner?.agent === 'a' ? 0 : 1];
  if (owner === undefined || found === undefined) throw new Error('nobody runs it');
  return found;
}

function silenceOf(
  killed: number,
  row: number,
  lines: readonly { readonly at: number; readonly msg: string }[],
): Silence {
  let last = killed;
  const steps: Record<string, number> = {};
  for (const [name, pattern] of STEPS) {
    const at = lines.find((line) => line.at >= last && pattern.test(line.msg))?.at ?? last;
    steps[name] = at - last;
    last = at;
  }
  const { detected = 0, takenOver = 0, begun = 0, opened = 0 } = steps;
  return { detected, takenOver, begun, opened, row: row - last, all: row - killed };
}
