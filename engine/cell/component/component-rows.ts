/**
 * A component's own state as logical state: what its `export-state` gives, one row a key, with the key group of each row in front. Fields whose
 * metadata has `cloudskin.key` are the key, in the order of the keys that the stream is dealt by; where there is none, the state is of no key
 * and belongs to group 0 as a whole.
 */
import type { Batch } from '../../batch/batch.ts';
import { BatchBuilder } from '../../batch/builder.ts';
import { decodeSchema, encodeSchema, IpcDecoder, IpcEncoder } from '../../batch/ipc.ts';
import { assembleColumns, type ColumnRange, columnView, copyBatch } from '../../batch/reader.ts';
import type { Schema } from '../../batch/types.ts';
import { keyGroupsOf } from '../../compile/key-groups.ts';
import { AbiViolation } from './guest-memory.ts';

/** Field metadata that marks a key column of a state: `true`. */
const KEY_MARK = 'cloudskin.key';

export const GROUP_FIELD: Schema['fields'][number] = { name: 'key_group', type: { kind: 'int32' }, nullable: false };

export interface StateRows {
  /** The guest's schema with the key group in front. */
  readonly schema: Schema;
  readonly batches: readonly Batch[];
}

export interface KeyGroups {
  readonly first: number;
  readonly last: number;
}

/** Throws `AbiViolation` or `batch.*` where the messages are no state. */
export function readState(messages: readonly Uint8Array[]): StateRows {
  const [first, ...rest] = messages;
  if (first === undefined) throw new AbiViolation('its state has no schema');
  const own = decodeSchema(first);
  const schema = { fields: [GROUP_FIELD, ...own.fields] };
  const decoder = new IpcDecoder(own);
  const keys = own.fields.flatMap(({ metadata }, index) => (metadata?.get(KEY_MARK) === 'true' ? [index] : []));
  return { schema, batches: rest.map((message) => withGroups(decoder.decode(message), schema, keys)) };
}

function withGroups(batch: Batch, schema: Schema, keys: readonly number[]): Batch {
  const { rows } = batch;
  const groups = new Uint8Array(rows);
  // Buffers of a guest lie at multiples of 8 only.
  const aligned = copyBatch(batch);
  keyGroupsOf(aligned, keys, groups);
  const builder = new BatchBuilder({ fields: [GROUP_FIELD] }, { rows });
  for (const group of groups) builder.columns[0]?.appendNumber(group);
  builder.endRows(rows);
  const front = [{ batch: builder.finish(), column: 0, from: 0, to: rows }];
  const columns = batch.schema.fields.map((_, column) => [{ batch: aligned, column, from: 0, to: rows }]);
  return assembleColumns(schema, rows, [front, ...columns]);
}

/** The messages of a state as the guest gave them, of the rows within `groups`. */
export function writeState({ schema, batches }: StateRows, groups: KeyGroups): Uint8Array[] {
  const own = { fields: schema.fields.slice(1) };
  const encoder = new IpcEncoder(own);
  const messages = [encodeSchema(own)];
  for (const batch of batches) {
    const part = rowsWithin(batch, own, groups);
    if (part.rows > 0) messages.push(encoder.encode(part).slice());
  }
  return messages;
}

function rowsWithin(batch: Batch, own: Schema, { first, last }: KeyGroups): Batch {
  const groups = columnView(batch, 0).values;
  const runs: { readonly from: number; readonly to: number }[] = [];
  let from = -1;
  for (let row = 0; row <= batch.rows; row += 1) {
    const group = row < batch.rows ? Number(groups[row] ?? 0) : -1;
    const inside = group >= first && group <= last;
    if (inside && from < 0) from = row;
    if (inside || from < 0) continue;
    runs.push({ from, to: row });
    from = -1;
  }
  const rows = runs.reduce((sum, run) => sum + run.to - run.from, 0);
  const columns = own.fields.map((_, column) =>
    runs.map((run): ColumnRange => ({ batch, column: column + 1, ...run })),
  );
  return assembleColumns(own, rows, columns);
}

/** Whether two states of one operator can be taken together. */
export function sameLayout(a: Schema, b: Schema): boolean {
  const left = encodeSchema(a);
  const right = encodeSchema(b);
  return left.length === right.length && left.every((byte, index) => byte === right[index]);
}
