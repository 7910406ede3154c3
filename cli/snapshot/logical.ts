/** The rows of a cell's state: as the snapshot has them, or as the cell itself exports them, opened again from its plan. */

import type { Batch } from '../../engine/batch/batch.ts';
import { readValue, valueReader } from '../../engine/batch/reader.ts';
import type { Schema, Value } from '../../engine/batch/types.ts';
import { openCell } from '../../engine/cell/open.ts';
import type { CellPlan } from '../../engine/compile/cell-plan.ts';
import { CloudskinError } from '../../engine/errors.ts';
import type { CellSnapshot, LogicalState } from '../../engine/state/checkpoint/state.ts';
import { cellsOf } from '../../engine/state/snapshot/fit.ts';
import type { CellSnapshotFile } from '../../engine/state/snapshot/format.ts';

export interface Group {
  readonly keyGroup: number;
  /** What tells it from others, and what it holds. */
  readonly key: string;
  readonly value: string;
}

/** By operator; undefined where the state has no logical form that this version can get at. */
export async function groupsOf(file: CellSnapshotFile): Promise<ReadonlyMap<string, readonly Group[]> | undefined> {
  const all = new Map<string, Group[]>();
  const isWhole = await eachBatch(file, (operator, batch) => {
    const groups = all.get(operator) ?? [];
    all.set(operator, groups);
    if (batch === undefined) return;
    const keys = keyColumns(batch.schema);
    for (let row = 0; row < batch.rows; row += 1) groups.push(groupOf(batch, row, keys));
  });
  return isWhole && all.size > 0 ? all : undefined;
}

/** Rows by key group of each operator, without what is in them; undefined as of `groupsOf`. */
export async function countsOf(
  file: CellSnapshotFile,
): Promise<ReadonlyMap<string, ReadonlyMap<number, number>> | undefined> {
  const all = new Map<string, Map<number, number>>();
  const isWhole = await eachBatch(file, (operator, batch) => {
    const counts = all.get(operator) ?? new Map<number, number>();
    all.set(operator, counts);
    const groupAt = batch === undefined ? undefined : valueReader(batch, 0);
    for (let row = 0; row < (batch?.rows ?? 0); row += 1) {
      const group = Number(groupAt?.(row));
      counts.set(group, (counts.get(group) ?? 0) + 1);
    }
  });
  return isWhole && all.size > 0 ? all : undefined;
}

type Use = (operator: string, batch: Batch | undefined) => void;

/** Every operator's batches, or none of them once; false where there is no logical form. */
async function eachBatch(file: CellSnapshotFile, use: Use): Promise<boolean> {
  for (const cell of cellsOf(file)) if (!(await eachOf(cell, use))) return false;
  return true;
}

async function eachOf({ image, logical, plan }: CellSnapshot, use: Use): Promise<boolean> {
  if (logical !== undefined) return handOut(logical, use);
  const former = plan as CellPlan | undefined;
  if (image === undefined || former === undefined || former.kind === 'component') return false;
  const cell = await openCell(former);
  try {
    cell.state?.restoreImage?.(image);
    return handOut(cell.state?.exportLogical?.(), use);
  } catch (error) {
    if (error instanceof CloudskinError && error.code === 'state.foreign-module') return false;
    throw error;
  } finally {
    cell.close();
  }
}

function handOut(states: readonly LogicalState[] | undefined, use: Use): boolean {
  for (const { operator, batches } of states ?? []) {
    use(operator, undefined);
    for (const batch of batches) use(operator, batch);
  }
  return states !== undefined;
}

/** Of an aggregate the window and the keys, which stand in front of its count of rows; of other states all columns. */
function keyColumns({ fields }: Schema): ReadonlySet<number> {
  const rows = fields.findIndex(({ name, metadata }) => name === 'rows' && metadata === undefined);
  const columns = fields.flatMap(({ name }, index) => (PLACES.has(name) ? [] : [index]));
  return new Set(rows === -1 ? columns : columns.filter((index) => index < rows));
}

/** Where a row lies, which is nothing of its own. */
const PLACES: ReadonlySet<string> = new Set(['key_group', 'position']);

function groupOf(batch: Batch, row: number, keys: ReadonlySet<number>): Group {
  const key: string[] = [];
  const value: string[] = [];
  for (const [index, { name, type }] of batch.schema.fields.entries()) {
    if (PLACES.has(name)) continue;
    const read = readValue(batch, index, row);
    const text = `${name}=${type.kind === 'timestamp' ? timeText(read, type.unit) : valueText(read)}`;
    (keys.has(index) ? key : value).push(text);
  }
  return { keyGroup: Number(readValue(batch, 0, row)), key: key.join(' '), value: value.join(' ') };
}

const TICKS = { s: 1n, ms: 1_000n, us: 1_000_000n, ns: 1_000_000_000n } as const;

function timeText(value: Value, unit: keyof typeof TICKS): string {
  if (typeof value !== 'bigint') return 'null';
  const milliseconds = Number((value * 1_000n) / TICKS[unit]);
  return Math.abs(milliseconds) <= 8.64e15 ? new Date(milliseconds).toISOString() : String(value);
}

function valueText(value: Value): string {
  if (value instanceof Uint8Array) return Buffer.from(value).toString('hex');
  return typeof value === 'string' ? JSON.stringify(value) : String(value);
}
