/**
 * `orderBy`: a bounded source read whole, put in order of one column and handed on again. Stable: rows of equal value keep the
 * order in which they were read. Null comes last and NaN before it, as in PostgreSQL; text by its bytes.
 */
import { type Batch, MAX_BATCH_BYTES, MAX_BATCH_ROWS } from '../../batch/batch.ts';
import { getBit } from '../../batch/bits.ts';
import { type ColumnView, columnView, concatBatches, copyBatch } from '../../batch/reader.ts';
import { takeRows } from '../../batch/take-rows.ts';
import { formatType } from '../../batch/types.ts';
import { internalError, userError } from '../../errors.ts';
import type { SourceNode } from '../../graph/plan.ts';
import { usedBytes } from '../../metrics/counters.ts';
import type { Control } from '../control.ts';
import type { PlacedPartition } from './position.ts';

/** Reading this long without a turn of the event loop would hold up timers and signals. */
const TURN_AFTER = 10;

/**
 * One partition with the rows of all `partitions`, in order of `column`, the first `from` of them left out. Throws `source.order-memory` when they take more than
 * `limit` bytes, and `source.order-type` for a column type that has no order.
 */
export function ordered(
  source: SourceNode,
  column: string,
  partitions: readonly PlacedPartition[],
  { limit, from }: { readonly limit: number; readonly from: number },
  control: Control,
): PlacedPartition {
  const index = orderColumn(source, column);
  let rows: { readonly all: Batch; readonly order: Uint32Array } | undefined;
  let at = from;
  return {
    name: source.name,
    next: async () => {
      if (rows === undefined) {
        const all = concatBatches(source.schema, await readAll(source, partitions, limit, control));
        rows = { all, order: orderOf(columnView(all, index)) };
      }
      const { all, order } = rows;
      if (at >= order.length || control.stopping.tripped) return undefined;
      const share = Math.max(1, Math.floor(MAX_BATCH_BYTES / Math.max(1, usedBytes(all) / all.rows)));
      const to = Math.min(order.length, at + Math.min(MAX_BATCH_ROWS, share));
      const batch = takeRows(all, order.subarray(at, to));
      at = to;
      return batch;
    },
    place: () => ({ position: undefined, rows: at, bad: 0 }),
    replayable: () => partitions.every((partition) => partition.replayable()),
  };
}

function orderColumn({ name, schema }: SourceNode, column: string): number {
  const index = schema.fields.findIndex((field) => field.name === column);
  const type = schema.fields[index]?.type;
  if (type === undefined) throw internalError('source.order-column', `source ${name} has no column ${column}`);
  const foreign = schema.fields.find((field) => field.type.kind === 'foreign');
  if (foreign !== undefined) {
    throw userError(
      'source.order-type',
      `source ${name} cannot be put in order: column ${foreign.name} is of type ${formatType(foreign.type)}`,
      {
        hint: `leave ${foreign.name} out of the schema, or leave out orderBy`,
      },
    );
  }
  return index;
}

async function readAll(
  source: SourceNode,
  partitions: readonly PlacedPartition[],
  limit: number,
  { ports }: Control,
): Promise<Batch[]> {
  const batches: Batch[] = [];
  let bytes = 0;
  let lastTurn = ports.monotonic();
  for (const partition of partitions) {
    for (let batch = await partition.next(); batch !== undefined; batch = await partition.next()) {
      bytes += usedBytes(batch);
      if (bytes > limit) throw tooLarge(source.name, limit);
      batches.push(copyBatch(batch));
      if (ports.monotonic() - lastTurn < TURN_AFTER) continue;
      await ports.turn();
      lastTurn = ports.monotonic();
    }
  }
  return batches;
}

function tooLarge(name: string, limit: number): Error {
  const mebibytes = Math.round(limit / 2 ** 20);
  return userError(
    'source.order-memory',
    `source ${name} holds more than the ${mebibytes} MiB that orderBy may read into memory`,
    {
      hint: 'order the file beforehand, give maxDelay room for the disorder instead, or raise the limit (orderBytes in the API)',
    },
  );
}

/** Row numbers in order. */
function orderOf(view: ColumnView): Uint32Array {
  const { rows, validity } = view;
  const present = new Uint32Array(rows);
  const absent = new Uint32Array(rows);
  let count = 0;
  let nulls = 0;
  for (let row = 0; row < rows; row++) {
    if (view.type.kind !== 'null' && (validity.length === 0 || getBit(validity, row))) present[count++] = row;
    else absent[nulls++] = row;
  }
  const compare = comparison(view);
  const order = present.subarray(0, count);
  if (!isInOrder(order, compare)) order.sort((a, b) => compare(a, b) || a - b);
  present.set(absent.subarray(0, nulls), count);
  return present;
}

/** Much of what is replayed was written in order. */
function isInOrder(order: Uint32Array, compare: (a: number, b: number) => number): boolean {
  for (let at = 1; at < order.length; at++) if (compare(order[at - 1] ?? 0, order[at] ?? 0) > 0) return false;
  return true;
}

/** Compares the values of two rows, neither of them null. */
function comparison(view: ColumnView): (a: number, b: number) => number {
  const { type, values, offsets, data } = view;
  if (type.kind === 'bool') return (a, b) => bit(values as Uint8Array, a) - bit(values as Uint8Array, b);
  if (type.kind === 'utf8' || type.kind === 'binary') {
    const bytes = Buffer.from(data.buffer, data.byteOffset, data.length);
    return (a, b) => bytes.compare(bytes, offsets[b], offsets[b + 1], offsets[a], offsets[a + 1]);
  }
  if (values instanceof BigInt64Array || values instanceof BigUint64Array) {
    return (a, b) => {
      const x = values[a] ?? 0n;
      const y = values[b] ?? 0n;
      return x < y ? -1 : x > y ? 1 : 0;
    };
  }
  return (a, b) => compareNumbers(values[a] ?? 0, values[b] ?? 0);
}

function bit(bits: Uint8Array, row: number): number {
  return getBit(bits, row) ? 1 : 0;
}

function compareNumbers(a: number, b: number): number {
  if (Number.isNaN(a)) return Number.isNaN(b) ? 0 : 1;
  return a < b || Number.isNaN(b) ? -1 : a > b ? 1 : 0;
}
