/** The rows of a cell's state: as the snapshot has them, or as the cell itself exports them, opened again from its plan. */

import type { Batch } from '../../engine/batch/batch.ts';
import { readValue } from '../../engine/batch/reader.ts';
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
  for (const cell of cellsOf(file)) {
    const groups = await exported(cell);
    if (groups === undefined) return undefined;
    for (const [operator, found] of groups) all.set(operator, [...(all.get(operator) ?? []), ...found]);
  }
  return all.size === 0 ? undefined : all;
}

async function exported({
  image,
  logical,
  plan,
}: CellSnapshot): Promise<ReadonlyMap<string, readonly Group[]> | undefined> {
  if (logical !== undefined) return readGroups(logical);
  const former = plan as CellPlan | undefined;
  if (image === undefined || former === undefined || former.kind === 'component') return undefined;
  const cell = await openCell(former);
  try {
    cell.state?.restoreImage?.(image);
    const states = cell.state?.exportLogical?.();
    return states === undefined ? undefined : readGroups(states);
  } catch (error) {
    if (error instanceof CloudskinError && error.code === 'state.foreign-module') return undefined;
    throw error;
  } finally {
    cell.close();
  }
}

function readGroups(states: readonly LogicalState[]): ReadonlyMap<string, readonly Group[]> {
  return new Map(
    states.map(({ operator, schema, batches }) => {
      const keys = keyColumns(schema);
      return [
        operator,
        batches.flatMap((batch) => Array.from({ length: batch.rows }, (_, row) => groupOf(batch, row, keys))),
      ];
    }),
  );
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
