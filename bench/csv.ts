/**
 * A csv file through filter and window into a csv file, as whole processes: the published command (`dist`, built first), DuckDB on one
 * thread and csv-parse in plain Node, each with its own start and its own reading and writing. And what bounds ours: its
 * start, and reading alone (bytes to columns, in this process, warm).
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { fileSourceOptions } from '../connectors/file/options.ts';
import { openFileSource } from '../connectors/file/source.ts';
import { parseType, type Schema } from '../engine/batch/types.ts';
import { realPorts } from '../engine/ports.ts';
import { compareAnswers } from './csv/answers.ts';
import { type Child, runChild } from './csv/child.ts';
import { graphOf, writeData } from './csv/data.ts';
import {
  against,
  type Benchmark,
  type BenchOptions,
  interleave,
  plain,
  quantile,
  type Result,
  sized,
} from './harness.ts';
import { published } from './published.ts';

const here = fileURLToPath(new URL('csv', import.meta.url));

const NAME = 'csv';
const OURS = 'cloudskin run';
const DUCKDB = 'duckdb-1-thread';
const PLAIN_NODE = 'node-csv-parse';
const MEBIBYTE = 1_048_576;

interface Program {
  readonly name: string;
  readonly output: string;
  readonly args: readonly string[];
}

function programs(cli: string, directory: string, input: string): Program[] {
  const output = (name: string): string => join(directory, `${name}.csv`);
  const graph = join(directory, 'graph.yaml');
  writeFileSync(graph, graphOf(input, output('ours')));
  return [
    { name: OURS, output: output('ours'), args: [cli, 'run', graph] },
    { name: DUCKDB, output: output('duckdb'), args: [join(here, 'duckdb.ts'), input, output('duckdb')] },
    { name: PLAIN_NODE, output: output('plain'), args: [join(here, 'csv-parse.ts'), input, output('plain')] },
  ];
}

/** Runs the programs in turn, after one round that is not counted and whose answers are compared. */
async function measure(entries: readonly Program[], rounds: number): Promise<Map<string, Child[]>> {
  const runs = new Map<string, Child[]>(entries.map(({ name }) => [name, []]));
  for (let round = -1; round < rounds; round++) {
    for (const { name, args } of entries) {
      const child = await runChild(args);
      if (round >= 0) runs.get(name)?.push(child);
    }
    if (round >= 0) continue;
    const [first, ...others] = entries;
    for (const other of others) compareAnswers(other.output, first?.output ?? '');
  }
  return runs;
}

function medianOf(children: readonly Child[] | undefined, of: (child: Child) => number): number {
  return quantile(
    (children ?? []).map(of).toSorted((a, b) => a - b),
    0.5,
  );
}

async function compare(cli: string, directory: string, rows: number, rounds: number): Promise<Result[]> {
  const input = join(directory, 'readings.csv');
  writeData(input, rows);
  const runs = await measure(programs(cli, directory, input), rounds);
  const rate = (name: string): number => rows / medianOf(runs.get(name), (child) => child.seconds);
  const peak = (name: string): number => medianOf(runs.get(name), (child) => child.peakBytes) / MEBIBYTE;
  const duckdb = { variant: DUCKDB, value: rate(DUCKDB) };
  const results = [OURS, DUCKDB, PLAIN_NODE].flatMap((name) => {
    const throughput = plain(NAME, name, 'throughput', rate(name), 'rows/s');
    return [
      name === DUCKDB ? throughput : against(throughput, duckdb),
      plain(NAME, name, 'peak-memory', peak(name), 'MiB'),
    ];
  });
  const parts = await bounds(cli, input, rows, rounds);
  return [...results, against(parts.throughput, { variant: OURS, value: rate(OURS) }), parts.start];
}

/** Reading alone, and starting alone. */
async function bounds(
  cli: string,
  input: string,
  rows: number,
  rounds: number,
): Promise<{ throughput: Result; start: Result }> {
  const idle = join(input, '../empty.csv');
  writeData(idle, 0);
  const graph = join(input, '../idle.yaml');
  writeFileSync(graph, graphOf(idle, join(input, '../idle-out.csv')));
  const timings = await interleave(
    [
      { name: 'read', run: () => readOnly(input) },
      { name: 'start', run: async () => void (await runChild([cli, 'run', graph])) },
    ],
    { rounds, warmup: 1 },
  );
  const seconds = (name: string): number => timings.get(name)?.median ?? Number.NaN;
  return {
    throughput: plain(NAME, 'read only, warm', 'throughput', rows / seconds('read'), 'rows/s'),
    start: plain(NAME, `${OURS}, empty file`, 'time', seconds('start') * 1000, 'ms'),
  };
}

async function readOnly(input: string): Promise<void> {
  const context = {
    directory: '.',
    signal: new AbortController().signal,
    ports: realPorts,
    name: 'readings',
    paths: new Map<string, string>(),
    attach: [],
    reject: (): never => {
      throw new Error('a row could not be read');
    },
  };
  const source = await openFileSource(fileSourceOptions.parse({ path: input }), schema(), context);
  for (const partition of source.partitions) while ((await partition.next()) !== undefined);
  await source.close();
}

function schema(): Schema {
  const columns = { machine: 'utf8', at: 'timestamp[ms]', temperature: 'float64', count: 'int64' };
  const fields = Object.entries(columns).map(([name, text]) => {
    const type = parseType(text);
    if (type === undefined) throw new Error(`no type ${text}`);
    return { name, type, nullable: true };
  });
  return { fields };
}

/** Peak memory of ours on a file ten times as long. */
async function tenfold(cli: string, directory: string, rows: number, single: number): Promise<Result> {
  const input = join(directory, 'tenfold.csv');
  writeData(input, rows * 10);
  const [ours] = programs(cli, directory, input);
  const child = await runChild(ours?.args ?? []);
  const result = plain(NAME, `${OURS}, 10x rows`, 'peak-memory', child.peakBytes / MEBIBYTE, 'MiB');
  return against(result, { variant: OURS, value: single });
}

async function run(options: BenchOptions): Promise<readonly Result[]> {
  const { cli } = published(options);
  const directory = mkdtempSync(join(tmpdir(), 'cloudskin-csv-'));
  const rows = sized(options, 1_000_000, 500_000, 20_000);
  try {
    const results = await compare(cli, directory, rows, sized(options, 7, 3, 1));
    const single =
      results.find(({ variant, metric }) => variant === OURS && metric === 'peak-memory')?.value ?? Number.NaN;
    return [...results, await tenfold(cli, directory, rows, single)];
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

export const benchmark: Benchmark = {
  name: NAME,
  summary:
    'a csv file through filter and window, whole programs: against DuckDB on one thread and csv-parse; peak memory',
  run,
};
