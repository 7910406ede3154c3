/**
 * Dealing the rows of an outlet to its channels: all to all, by key group, or whole batches in turn. Rows of one key keep their
 * order, since a channel's rows are taken in the order of the batch.
 */
import type { Batch } from '../../batch/batch.ts';
import type { BatchMemory } from '../../batch/reader.ts';
import { type Exchange, KEY_GROUPS, type Outlet } from '../../compile/fragment-plan.ts';
import { keyGroupsOf } from '../../compile/key-groups.ts';
import { internalError } from '../../errors.ts';
import { takeRows } from '../source/take-rows.ts';
import { streamName } from '../stream.ts';

/** Hands each part of a batch to `send` with the channel it is for; -1 means all of them. The part is valid until `send` returns. */
export type Deal = (batch: Batch, send: (channel: number, batch: Batch) => void) => void;

export function dealerOf({ exchange, channels, stream }: Outlet): Deal {
  if (exchange.kind === 'all' || channels.length === 1) return (batch, send) => send(-1, batch);
  if (exchange.kind === 'round-robin') {
    let next = 0;
    return (batch, send) => {
      send(next, batch);
      next = (next + 1) % channels.length;
    };
  }
  return hashDealer(exchange, streamName(stream));
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
  const counts = new Uint32Array(groups.length);
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
    counts.fill(0);
    for (let row = 0; row < rows; row++) {
      const channel = channelOf[groupOf[row] ?? 0] ?? 0;
      counts[channel] = (counts[channel] ?? 0) + 1;
    }
    for (let channel = 0; channel < groups.length; channel++) {
      const count = counts[channel] ?? 0;
      if (count === 0) continue;
      if (count === rows) return send(channel, batch);
      let at = 0;
      for (let row = 0; row < rows; row++) if (channelOf[groupOf[row] ?? 0] === channel) indices[at++] = row;
      send(channel, takeRows(batch, indices.subarray(0, count), memory));
    }
  };
}
