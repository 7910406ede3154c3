/**
 * Dealing the rows of an outlet to its channels: all to all, by key group, or whole batches in turn. Rows of one key keep their
 * order, since a channel's rows are taken in the order of the batch.
 */
import { type Batch, LAYOUT_WORDS, MAX_BATCH_BYTES } from '../../batch/batch.ts';
import { type BatchMemory, sliceBatch } from '../../batch/reader.ts';
import { takeRows } from '../../batch/take-rows.ts';
import { type Exchange, KEY_GROUPS, type Outlet } from '../../compile/fragment-plan.ts';
import { keyGroupsOf } from '../../compile/key-groups.ts';
import { internalError } from '../../errors.ts';
import { streamName } from '../stream.ts';

/** Hands each part of a batch to `send` with the channel it is for; -1 means all of them. The part is valid until `send` returns. */
export type Deal = (batch: Batch, send: (channel: number, batch: Batch) => void) => void;

export function dealerOf({ exchange, channels, stream }: Outlet): Deal {
  return inPieces(dealPieces(exchange, channels.length, streamName(stream)));
}

function dealPieces(exchange: Exchange, channels: number, stream: string): Deal {
  if (exchange.kind === 'all' || channels === 1) return (batch, send) => send(-1, batch);
  if (exchange.kind === 'hash') return hashDealer(exchange, stream);
  let next = 0;
  return (batch, send) => {
    send(next, batch);
    next = (next + 1) % channels;
  };
}

/** Rows of a piece are a multiple of this, so that it is a view of the batch. */
const PIECE_ROWS = 512;

/** Deals a batch that is larger than a source would cut in pieces: cells emit as many rows, whatever their width, and a channel moves on an item at a time. */
function inPieces(deal: Deal): Deal {
  return (batch, send) => {
    const rows = pieceRows(batch);
    for (let from = 0; from < batch.rows; from += rows) {
      deal(sliceBatch(batch, from, Math.min(batch.rows, from + rows)), send);
    }
  };
}

function pieceRows(batch: Batch): number {
  const rows = (batch.rows * MAX_BATCH_BYTES) / usedBytes(batch);
  return Math.max(1, Math.ceil(rows / PIECE_ROWS)) * PIECE_ROWS;
}

/** Bytes of a batch's values; its body may be larger. Foreign columns, which are not cut, do not count. */
function usedBytes({ layout }: Batch): number {
  let bytes = 1;
  for (let word = 0; word < layout.length; word += LAYOUT_WORDS)
    bytes += (layout[word + 4] ?? 0) + (layout[word + 6] ?? 0);
  return bytes;
}

type HashExchange = Extract<Exchange, { readonly kind: 'hash' }>;

function hashDealer({ keys, groups }: HashExchange, stream: string): Deal {
  const columns = keys.map((key) => {
    if (key.node === 'column') return key.index;
    throw internalError(
      'runtime.exchange-key',
      `the rows of ${stream} are dealt by an expression; only columns can deal`,
    );
  });
  const channelOf = new Uint16Array(KEY_GROUPS);
  for (const [channel, [first, last]] of groups.entries()) channelOf.fill(channel, first, last + 1);
  const ends = new Uint32Array(groups.length);
  const memory: BatchMemory = { body: new Uint8Array(0) };
  let groupOf = new Uint8Array(0);
  let indices = new Uint32Array(0);
  return (batch, send) => {
    const { rows } = batch;
    if (groupOf.length < rows) {
      groupOf = new Uint8Array(rows + (rows >> 1));
      indices = new Uint32Array(groupOf.length);
    }
    keyGroupsOf(batch, columns, groupOf);
    sortByChannel(groupOf, rows, channelOf, ends, indices);
    for (let channel = 0, from = 0; channel < groups.length; channel++) {
      const to = ends[channel] ?? 0;
      if (to - from === rows) return send(channel, batch);
      if (to > from) send(channel, takeRows(batch, indices.subarray(from, to), memory));
      from = to;
    }
  };
}

/** Writes the rows' numbers to `indices`, channel by channel, and where each channel ends there to `ends`. */
function sortByChannel(
  groupOf: Uint8Array,
  rows: number,
  channelOf: Uint16Array,
  ends: Uint32Array,
  indices: Uint32Array,
): void {
  ends.fill(0);
  for (let row = 0; row < rows; row++) {
    const channel = channelOf[groupOf[row] ?? 0] ?? 0;
    ends[channel] = (ends[channel] ?? 0) + 1;
  }
  for (let channel = 0, before = 0; channel < ends.length; channel++) {
    const count = ends[channel] ?? 0;
    ends[channel] = before;
    before += count;
  }
  // each channel's start moves on to its end
  for (let row = 0; row < rows; row++) {
    const channel = channelOf[groupOf[row] ?? 0] ?? 0;
    const at = ends[channel] ?? 0;
    indices[at] = row;
    ends[channel] = at + 1;
  }
}
