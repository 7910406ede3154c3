/**
 * `bench pipeline`: filter, map, tumbling windows of 1 s, group by 1,000 keys, sum, count, min and max; 24 bytes a row, of
 * which 5 % or 50 % pass. One thread each: a fused cell (batches copied in, results handed out), the kernels, typed-array
 * JavaScript, DuckDB. The 12 MiB of input stay in the last-level cache, as batches do on their way from cell to cell. `resident`: one batch that stays in the cell's memory, against the speed at which that memory can be read.
 */
import { type DuckDBConnection, DuckDBInstance, type DuckDBPreparedStatement } from '@duckdb/node-api';
import type { Batch } from '../engine/batch/batch.ts';
import { valueReader } from '../engine/batch/reader.ts';
import type { Cell } from '../engine/cell/cell.ts';
import { openCompiledCell } from '../engine/cell/compiled.ts';
import { CompiledInput } from '../engine/cell/compiled-input.ts';
import { ChainCode } from '../engine/cell/compiled-module.ts';
import type { CellPlan } from '../engine/compile/cell-plan.ts';
import { openKernelCell } from '../engine/compile/kernels/chain.ts';
import {
  against,
  type Benchmark,
  type BenchOptions,
  interleave,
  plain,
  type Result,
  sized,
  type Variant,
} from './harness.ts';
import { assertSame, type Group, makeBatches, pipelinePlan, STEP, TABLE_SQL } from './pipeline/data.ts';
import { runJavaScript } from './pipeline/javascript.ts';
import { readLimit } from './pipeline/read-limit.ts';

const RATES: readonly { readonly name: string; readonly threshold: number }[] = [
  { name: '5%', threshold: 95 },
  { name: '50%', threshold: 50 },
];

export const benchmark: Benchmark = {
  name: 'pipeline',
  summary: 'filter, map, 1 s tumbling window, 1,000 keys, four aggregates; million rows a second on one thread',
  run,
};

/** 8 batches of 64K rows. */
const ROWS = 524_288;

async function run(options: BenchOptions): Promise<readonly Result[]> {
  const instance = await DuckDBInstance.create(':memory:', { threads: '1' });
  const connection = await instance.connect();
  await connection.run(TABLE_SQL, { rows: ROWS });
  const results: Result[] = [];
  for (const rate of RATES) results.push(...(await runRate(rate, connection, options)));
  connection.closeSync();
  instance.closeSync();
  return results;
}

async function runRate(
  { name, threshold }: (typeof RATES)[number],
  connection: DuckDBConnection,
  size: BenchOptions,
): Promise<Result[]> {
  const plan = await pipelinePlan(threshold);
  const batches = makeBatches(plan.input, ROWS);
  const statement = await prepareDuckDb(connection, threshold);
  await assertAllSame(plan, batches, threshold, statement);
  const stream = new Stream(batches);
  const fusedCell = openCompiledCell(plan);
  const variants: Variant[] = [
    { name: 'fused', before: () => stream.advance(), run: () => stream.through(fusedCell) },
    { name: 'typed-array-js', run: () => void runJavaScript(batches, threshold) },
    { name: 'duckdb-1-thread', run: async () => void (await statement.run()) },
  ];
  const options = { rounds: sized(size, 25, 9, 1), warmup: 2, minSeconds: sized(size, 0.03, 0.03, 0) };
  const timings = await interleave(variants, options);
  const kernels = await interleave([{ name: 'kernels', run: () => drive(openKernelCell(plan), batches) }], {
    rounds: 1,
    warmup: 0,
  });
  const resident = await interleave(residentVariants(plan, batches[0] as Batch), options);
  const rate = (timing: { readonly median: number } | undefined, count: number) => count / (timing?.median ?? 0) / 1e6;
  const figure = (variant: string, value: number) =>
    plain('pipeline', `${name} ${variant}`, 'throughput', value, 'Mrows/s');
  const fused = figure('fused', rate(timings.get('fused'), ROWS));
  const baselines = ['duckdb-1-thread', 'typed-array-js'].map((variant) => {
    return { variant, value: rate(timings.get(variant), ROWS) };
  });
  baselines.push({ variant: 'kernels', value: rate(kernels.get('kernels'), ROWS) });
  const limit = { variant: 'read-limit', value: rate(resident.get('read-limit'), batches[0]?.rows ?? 0) };
  return [
    ...baselines.map((baseline) => against(fused, baseline)),
    against(figure('resident', rate(resident.get('resident'), batches[0]?.rows ?? 0)), limit),
    ...[...baselines, limit].map(({ variant, value }) => figure(variant, value)),
  ];
}

/** The batches as an endless stream: event time goes on from one repetition to the next, and so the cell stays open. */
class Stream {
  readonly #batches: readonly Batch[];
  /** Event time from beginning to end, in microseconds. */
  readonly #length: bigint;
  #start = 0n;

  constructor(batches: readonly Batch[]) {
    this.#batches = batches;
    this.#length = BigInt(batches.reduce((rows, batch) => rows + batch.rows * STEP, 0));
  }

  /** Moves every row on by the length of the stream. */
  advance(): void {
    for (const { body, layout, rows } of this.#batches) {
      const times = new BigInt64Array(body.buffer, layout[3] ?? 0, rows);
      for (let row = 0; row < rows; row++) times[row] = (times[row] ?? 0n) + this.#length;
    }
    this.#start += this.#length;
  }

  /** Each batch, and behind it a watermark 1 s back. */
  through(cell: Cell): void {
    let time = this.#start - 1_000_000n;
    for (const batch of this.#batches) {
      cell.process(0, batch, ignore);
      time += BigInt(batch.rows * STEP);
      cell.onWatermark(time - 1n, ignore);
    }
  }
}

const ignore = (): void => {};

/** All batches through a cell, with a watermark 1 s behind after each, to the end. */
function drive(cell: Cell, batches: readonly Batch[], receive: (batch: Batch) => void = () => {}): void {
  const emit = (_port: number, batch: Batch) => receive(batch);
  let time = -1_000_000n;
  for (const batch of batches) {
    cell.process(0, batch, emit);
    time += BigInt(batch.rows * STEP);
    cell.onWatermark(time - 1n, emit);
  }
  cell.onEnd(emit);
  cell.close();
}

function prepareDuckDb(connection: DuckDBConnection, threshold: number): Promise<DuckDBPreparedStatement> {
  return connection.prepare(`
    SELECT "at" // 1000000 AS w, key, sum(value * 1.8 + 32), count(*), min(value * 1.8 + 32), max(value * 1.8 + 32)
    FROM readings WHERE value >= ${threshold} GROUP BY w, key`);
}

/** One batch, copied in once. */
function residentVariants(plan: CellPlan, batch: Batch): Variant[] {
  const code = new ChainCode(plan, 1 << 30, { inputBytes: 1 << 24 }).open({ emit: () => {}, fail: () => {} });
  const rows = new CompiledInput(code.generated.input, code.memory, code.support).copyIn(batch, 0);
  return [
    { name: 'resident', run: () => code.process(rows) },
    { name: 'read-limit', run: readLimit(batch.body) },
  ];
}

async function assertAllSame(
  plan: CellPlan,
  batches: readonly Batch[],
  threshold: number,
  statement: DuckDBPreparedStatement,
): Promise<void> {
  const expected = runJavaScript(batches, threshold);
  assertSame('fused', cellGroups(openCompiledCell(plan), batches), expected);
  assertSame('kernels', cellGroups(openKernelCell(plan), batches), expected);
  const answer = await (await statement.run()).getRows();
  const groups = answer.map((row): Group => {
    const [window = 0, key = 0, total = 0, readings = 0, least = 0, most = 0] = row.map(Number);
    return { window: window * 1_000_000, key, total, readings, least, most };
  });
  assertSame('duckdb-1-thread', groups, expected);
}

function cellGroups(cell: Cell, batches: readonly Batch[]): Group[] {
  const groups: Group[] = [];
  drive(cell, batches, (batch) => {
    const [window, , key, total, readings, least, most] = batch.schema.fields.map((_, column) => {
      const read = valueReader(batch, column);
      return (row: number) => Number(read(row));
    });
    for (let row = 0; row < batch.rows; row++) {
      groups.push({
        window: window?.(row) ?? 0,
        key: key?.(row) ?? 0,
        total: total?.(row) ?? 0,
        readings: readings?.(row) ?? 0,
        least: least?.(row) ?? 0,
        most: most?.(row) ?? 0,
      });
    }
  });
  return groups;
}
