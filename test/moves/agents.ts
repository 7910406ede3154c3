/**
 * `npm run test:moves:agents -- [--moves N] [--seed S] [--rows N] [--speed 2000x] [--kills]`: moves and rescales between four real agents at two sites, at random, while real
 * sensor data flows through windows and a join; with `--kills` agents are killed meanwhile and come back. Exit status 1 where what comes out is not what comes out of a run that
 * nobody disturbs, by series and in order.
 */
import process from 'node:process';
import { parseArgs } from 'node:util';
import { quantile } from '../../bench/harness.ts';
import type { MoveRequest } from '../../engine/cluster/coordinator/try-moving.ts';
import type { MoveReceipt } from '../../engine/cluster/documents/status.ts';
import { messageOf } from '../../engine/errors.ts';
import { pause, realPorts } from '../../engine/ports.ts';
import { type AgentProcess, Continuum } from '../cluster/processes.ts';
import { mergedReadings } from '../recovery/sensors.ts';
import { SeededRandom } from '../simulation/nats/random.ts';

const { values } = parseArgs({
  options: {
    moves: { type: 'string', default: '40' },
    seed: { type: 'string', default: '1' },
    rows: { type: 'string', default: '100000' },
    speed: { type: 'string', default: '2000x' },
    kills: { type: 'boolean', default: false },
  },
});

const SCHEMA = '{ at: "timestamp[s]", measured: utf8, series: utf8, value: float64 }';
const source = (speed: string): string =>
  `{ file: { path: readings.csv }, schema: ${SCHEMA}, time: { column: at }, speed: ${speed} }`;

const graph = (name: string, speed: string): string => `
apiVersion: cloudskin.dev/v1
kind: Dataflow
metadata: { name: ${name} }
spec:
  sources:
    one: ${source(speed)}
    other: ${source(speed)}
  operators:
    labelled: { from: one, with: { high: CASE WHEN value > 50 THEN 1 END } }
    windows:
      from: labelled
      window: { tumbling: 5m }
      groupBy: [series]
      aggregate: { rows: count(*), mean: avg(value), lo: min(value), hi: max(value), highs: count(high) }
    pairs:
      from: { a: one, b: other }
      join: { where: "a.series = b.series AND a.value = b.value" }
      window: { tumbling: 1m }
      select: { series: a.series, value: a.value, beside: b.at, window_end: window_end }
    meetings:
      from: pairs
      window: { tumbling: 10m }
      groupBy: [series]
      aggregate: { pairs: count(*), most: max(value), first: min(beside) }
  sinks:
    out: { from: windows, file: { path: ${name}-windows.ndjson } }
    met: { from: meetings, file: { path: ${name}-meetings.ndjson } }
  placement: { one: { site: plant }, other: { site: plant }, out: { site: hub }, met: { site: hub } }
  checkpoint: { every: 500ms }
`;

const APP = { namespace: 'default', app: 'moved' };
const ENTRIES = ['labelled', 'windows', 'pairs', 'meetings'] as const;
const AGENTS = [
  ['plant', 'plant-1'],
  ['plant', 'plant-2'],
  ['hub', 'hub-1'],
  ['hub', 'hub-2'],
] as const;
/** Milliseconds for which what came of a move is waited for: another one may overtake it. */
const PATIENCE = 4_000;
const KILLED = 0.3;

const random = new SeededRandom(Number(values.seed));

function anyMove(): MoveRequest {
  const entry = random.pick(ENTRIES);
  const [site, agent] = random.pick(AGENTS);
  if (entry !== 'labelled' && random.chance(0.4)) return { entries: [entry], partitions: random.integer(1, 3) };
  return { entries: [entry], site, agent };
}

function say(text: string): void {
  process.stdout.write(`${text}\n`);
}

/** The agent is gone for a moment, at some time of the next change. */
async function killed(agent: AgentProcess): Promise<void> {
  await pause(realPorts, random.between(0, 400));
  await agent.end('SIGKILL');
  await pause(realPorts, 300);
  agent.start();
}

/** What came of it; undefined where nobody told in time, or the app is through. */
async function receiptOf(continuum: Continuum, revision: number): Promise<MoveReceipt | undefined> {
  const end = realPorts.monotonic() + PATIENCE;
  while (realPorts.monotonic() < end) {
    const region = await continuum.region(APP.app);
    if (region?.phase === 'finished') return undefined;
    if (region?.move !== undefined && region.move.revision >= revision) return region.move;
  }
  return undefined;
}

async function moveAbout(continuum: Continuum, victims: readonly AgentProcess[]): Promise<readonly MoveReceipt[]> {
  const receipts: MoveReceipt[] = [];
  for (let left = Number(values.moves); left > 0; left -= 1) {
    if ((await continuum.region(APP.app))?.phase === 'finished') break;
    const dying = values.kills && random.chance(KILLED) ? killed(random.pick(victims)) : undefined;
    try {
      const { revision } = await continuum.client.move(APP, anyMove());
      const receipt = await receiptOf(continuum, revision);
      if (receipt !== undefined) receipts.push(receipt);
    } catch (error) {
      say(`not moved: ${messageOf(error)}`);
    }
    await dying;
  }
  return receipts;
}

function report(receipts: readonly MoveReceipt[]): void {
  for (const how of ['live', 'restart'] as const) {
    const pauses = receipts.filter((one) => one.how === how).map((one) => one.pause);
    const sorted = pauses.toSorted((a, b) => a - b);
    const spread =
      sorted.length === 0
        ? ''
        : `, pause p50 ${quantile(sorted, 0.5).toFixed(1)} ms, p99 ${quantile(sorted, 0.99).toFixed(1)} ms`;
    say(`${sorted.length} ${how}${spread}`);
  }
}

/** By series, in the order in which they came out. */
function bySeries(continuum: Continuum, start: string): ReadonlyMap<string, readonly string[]> {
  const rows = Map.groupBy(continuum.rows(start), ({ series }) => String(series));
  return new Map([...rows].map(([series, all]) => [series, all.map((row) => JSON.stringify(row))]));
}

function compare(continuum: Continuum, sink: string): boolean {
  const [moved, plain] = [bySeries(continuum, `${APP.app}-${sink}`), bySeries(continuum, `plain-${sink}`)];
  const wrong = [...plain].filter(([series, rows]) => String(moved.get(series)) !== String(rows));
  const strange = [...moved.keys()].filter((series) => !plain.has(series));
  const rows = [...plain.values()].reduce((sum, all) => sum + all.length, 0);
  say(`${sink}: ${rows} rows of ${plain.size} series, ${wrong.length + strange.length} series not the same`);
  return rows > 0 && wrong.length === 0 && strange.length === 0;
}

async function main(): Promise<boolean> {
  const continuum = await Continuum.start();
  try {
    const agents = AGENTS.map(([site, name]) => {
      const tier = site === 'hub' ? 'cloud' : 'edge';
      return continuum.agent({ site, tier, ...(name.endsWith('1') ? {} : { name }) });
    });
    const lines = mergedReadings()
      .csv.split('\n')
      .slice(0, Number(values.rows) + 1);
    continuum.graph('readings.csv', `${lines.join('\n')}\n`);
    await continuum.ready(agents.length);
    await continuum.ok('run', continuum.graph('plain.yaml', graph('plain', 'max')));
    await continuum.ok('deploy', continuum.graph('moved.yaml', graph(APP.app, values.speed)));
    // those that lead and coordinate stay, so that moves go on
    report(
      await moveAbout(
        continuum,
        agents.filter((_, index) => index % 2 === 1),
      ),
    );
    await continuum.whenRegion(APP.app, ({ phase }) => phase === 'finished', { within: 600_000 });
    return ['windows', 'meetings'].map((sink) => compare(continuum, sink)).every(Boolean);
  } finally {
    await continuum.close();
  }
}

process.exitCode = (await main()) ? 0 : 1;
