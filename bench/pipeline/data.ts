/** The pipeline benchmark's input: the same rows for every variant, in batches and as a DuckDB table. */

import { connectors } from '../../connectors/registry.ts';
import { align64, type Batch, LAYOUT_WORDS, MAX_BATCH_ROWS } from '../../engine/batch/batch.ts';
import type { Schema } from '../../engine/batch/types.ts';
import type { CellPlan } from '../../engine/compile/cell-plan.ts';
import { fuse } from '../../engine/compile/fuse.ts';
import { planOrThrow, prepareText } from '../../engine/runtime/prepare.ts';

export const KEYS = 1000;
/** Microseconds that event time goes on a row: 250,000 rows a window. */
export const STEP = 4;

/** The declared pipeline; values are spread evenly from 0 to 100, so that the threshold sets the share that passes. */
export async function pipelinePlan(threshold: number): Promise<CellPlan> {
  const graph = `
apiVersion: cloudskin.dev/v1
kind: Dataflow
metadata: { name: pipeline }
spec:
  sources:
    readings:
      file: { path: unused.csv }
      schema: { at: "timestamp[us]", key: int64, value: float64 }
      time: { column: at, maxDelay: 1s }
  operators:
    hot: { from: readings, filter: "value >= ${threshold}" }
    fahrenheit: { from: hot, select: { at: at, key: key, f: "value * 1.8 + 32" } }
    seconds:
      from: fahrenheit
      window: { tumbling: 1s }
      groupBy: [key]
      aggregate: { total: sum(f), readings: count(*), least: min(f), most: max(f) }
  sinks:
    out: { from: seconds, console: {} }
`;
  const plan = planOrThrow(await prepareText(graph, '<bench>', { connectors }));
  const [cell] = fuse(plan).cells;
  if (cell === undefined) throw new Error('the pipeline is one cell');
  return cell;
}

/** Random-looking 32 bits of a row number, by operations that SQL has as well (see `TABLE_SQL`). */
function mix(row: number): number {
  const first = Math.imul(row, 2_654_435_761) >>> 0;
  const second = Math.imul((first ^ (first >>> 16)) >>> 0, 22_695_477) >>> 0;
  return (second ^ (second >>> 13)) >>> 0;
}

/** The same rows as `makeBatches` makes. */
export const TABLE_SQL = `
CREATE TABLE readings AS
WITH first AS (SELECT i, (i * 2654435761) % 4294967296 AS h FROM range($rows) t(i)),
second AS (SELECT i, (xor(h, h >> 16) * 22695477) % 4294967296 AS h FROM first),
mixed AS (SELECT i, xor(h, h >> 13) AS h FROM second)
SELECT i * 4 AS "at", h % 1000 AS key, ((h // 1000) % 100000) / 1000.0::DOUBLE AS value FROM mixed`;

/** Batches of 64K rows: at, key, value; 8 bytes each, none null although the schema allows it. */
export function makeBatches(schema: Schema, rows: number): Batch[] {
  const batches: Batch[] = [];
  for (let from = 0; from < rows; from += MAX_BATCH_ROWS) {
    batches.push(makeBatch(schema, from, Math.min(MAX_BATCH_ROWS, rows - from)));
  }
  return batches;
}

function makeBatch(schema: Schema, from: number, rows: number): Batch {
  const bytes = align64(rows * 8);
  const body = new Uint8Array(bytes * 3);
  const at = new BigInt64Array(body.buffer, 0, rows);
  const key = new BigInt64Array(body.buffer, bytes, rows);
  const value = new Float64Array(body.buffer, bytes * 2, rows);
  for (let row = 0; row < rows; row++) {
    const mixed = mix(from + row);
    at[row] = BigInt((from + row) * STEP);
    key[row] = BigInt(mixed % KEYS);
    value[row] = (Math.floor(mixed / KEYS) % 100_000) / 1000;
  }
  const layout = new Int32Array(3 * LAYOUT_WORDS);
  for (let column = 0; column < 3; column++) layout.set([0, 0, 0, bytes * column, rows * 8], column * LAYOUT_WORDS);
  return { schema, rows, body, layout };
}

/** One group's result; all variants give these, in any order. */
export interface Group {
  readonly window: number;
  readonly key: number;
  readonly total: number;
  readonly readings: number;
  readonly least: number;
  readonly most: number;
}

/** Throws where two variants disagree; sums may differ in their last bits, as DuckDB adds in another order. */
export function assertSame(name: string, found: readonly Group[], expected: readonly Group[]): void {
  const order = (groups: readonly Group[]) => groups.toSorted((a, b) => a.window - b.window || a.key - b.key);
  const right = order(expected);
  if (found.length !== right.length) throw new Error(`${name}: ${found.length} groups, not ${right.length}`);
  for (const [index, group] of order(found).entries()) {
    const other = right[index];
    const same =
      other !== undefined &&
      group.window === other.window &&
      group.key === other.key &&
      group.readings === other.readings &&
      group.least === other.least &&
      group.most === other.most &&
      Math.abs(group.total - other.total) <= 1e-9 * Math.abs(other.total);
    if (!same) throw new Error(`${name}: ${JSON.stringify(group)}, not ${JSON.stringify(other)}`);
  }
}
