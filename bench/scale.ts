/**
 * `bench scale`: a keyed aggregate over two source partitions on one worker thread and on two, where each aggregates what it reads before
 * groups are dealt by key; then from 1e5 to 1e9 rows and from 1 to 1e6 keys, with processor time and memory of the whole process. The answer of
 * every run is checked: the groups stand for all rows.
 */
import { execFile } from 'node:child_process';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { against, type Benchmark, type BenchOptions, plain, quantile, type Result, sized } from './harness.ts';

const CHILD = fileURLToPath(new URL('./scale/child.ts', import.meta.url));
const execute = promisify(execFile);

/** Milliseconds that one measurement may take; the longest needs about ten seconds. */
const LIMIT = 120_000;

interface Measured {
  /** Rows a second, in millions. */
  readonly rate: number;
  /** Seconds of all processors that a million rows took. */
  readonly cpu: number;
  readonly megabytes: number;
}

/** The median of some runs, one and two threads in turn. */
async function measure(rows: number, keys: number, rounds: number): Promise<readonly [one: Measured, two: Measured]> {
  const runs: [Measured[], Measured[]] = [[], []];
  for (let round = 0; round < rounds; round++) {
    for (const [index, own] of runs.entries()) own.push(await runOnce(rows, keys, index + 1));
  }
  return [median(runs[0]), median(runs[1])];
}

async function runOnce(rows: number, keys: number, threads: number): Promise<Measured> {
  const what = [String(rows), String(keys), String(threads)];
  const { stdout } = await execute(process.execPath, [CHILD, ...what], { timeout: LIMIT, killSignal: 'SIGKILL' });
  const { seconds, cpu, megabytes } = JSON.parse(stdout) as Readonly<Record<'seconds' | 'cpu' | 'megabytes', number>>;
  return { rate: rows / seconds / 1e6, cpu: cpu / (rows / 1e6), megabytes };
}

function median(runs: readonly Measured[]): Measured {
  const of = (values: readonly number[]): number =>
    quantile(
      values.toSorted((a, b) => a - b),
      0.5,
    );
  return {
    rate: of(runs.map(({ rate }) => rate)),
    cpu: of(runs.map(({ cpu }) => cpu)),
    megabytes: of(runs.map(({ megabytes }) => megabytes)),
  };
}

async function run(options: BenchOptions): Promise<readonly Result[]> {
  const results: Result[] = [];
  const rounds = sized(options, 3, 1, 1);
  const most = sized(options, 1e9, 1e7, 1e5);
  const cases = [
    ...[1e5, 1e6, 1e7, 1e8, 1e9].filter((rows) => rows <= most).map((rows) => ({ rows, keys: 1_000 })),
    ...[1, 1e5, 1e6].map((keys) => ({ rows: Math.min(1e7, most), keys })),
  ];
  for (const { rows, keys } of sized(options, cases, cases, cases.slice(0, 1))) {
    const name = `${rows.toExponential(0).replace('+', '')} rows, ${keys} keys`;
    const [one, two] = await measure(rows, keys, rounds);
    results.push(plain('scale', `${name}, 1 thread`, 'throughput', one.rate, 'Mrows/s'));
    results.push(plain('scale', `${name}, 1 thread`, 'processors', one.cpu * 1e3, 'ns/row'));
    results.push(plain('scale', `${name}, 1 thread`, 'memory', one.megabytes, 'MB'));
    const both = plain('scale', `${name}, 2 threads`, 'throughput', two.rate, 'Mrows/s');
    results.push(against(both, { variant: '1 thread', value: one.rate }));
    results.push(plain('scale', `${name}, 2 threads`, 'processors', two.cpu * 1e3, 'ns/row'));
    results.push(plain('scale', `${name}, 2 threads`, 'memory', two.megabytes, 'MB'));
  }
  return results;
}

export const benchmark: Benchmark = {
  name: 'scale',
  summary: 'a keyed aggregate on one and on two threads, 1e5 to 1e9 rows, 1 to 1e6 keys, with memory',
  run,
};
