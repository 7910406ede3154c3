import { expect, it } from 'vitest';
import { build, rowsOf } from '../../../test/kit/tables.ts';
import { type Batch, MAX_BATCH_BYTES } from '../../batch/batch.ts';
import { batchBytes, copyBatch } from '../../batch/reader.ts';
import type { Schema, Value } from '../../batch/types.ts';
import type { Channel, Exchange, Outlet } from '../../compile/fragment-plan.ts';
import { dealerOf } from './exchange.ts';

const SCHEMA: Schema = {
  fields: [
    { name: 'key', type: { kind: 'int64' }, nullable: false },
    { name: 'text', type: { kind: 'utf8' }, nullable: true },
  ],
};
const ROWS = Array.from({ length: 20_000 }, (_, row): Value[] => [
  BigInt(row % 97),
  row % 7 === 0 ? null : 'x'.repeat(200),
]);
const HALVES: Exchange = {
  kind: 'hash',
  keys: [
    { node: 'column', index: 0, name: 'key', type: { kind: 'int64' }, nullable: false, span: { start: 0, end: 3 } },
  ],
  groups: [
    [0, 63],
    [64, 127],
  ],
};

function deal(exchange: Exchange): Map<number, Batch[]> {
  const channels = [0, 1].map((index) => ({ id: String(index) }) as Channel);
  const outlet: Outlet = { stream: { node: 'rows', port: '' }, schema: SCHEMA, channels, exchange };
  const dealt = new Map<number, Batch[]>();
  dealerOf(outlet)(build(SCHEMA, ROWS), (channel, batch) => {
    dealt.set(channel, [...(dealt.get(channel) ?? []), copyBatch(batch)]);
  });
  return dealt;
}

it('deals a large batch in pieces of about what a source cuts, each channel its keys in their order', () => {
  const dealt = deal(HALVES);
  const rows = [0, 1].map((channel) => (dealt.get(channel) ?? []).flatMap(rowsOf));
  const keys = rows.map((own) => new Set(own.map(([key]) => key)));
  expect([...(keys[0] ?? [])].filter((key) => keys[1]?.has(key))).toEqual([]);
  for (const [channel, own] of rows.entries()) expect(own).toEqual(ROWS.filter(([key]) => keys[channel]?.has(key)));
  expect(dealt.get(0)?.length).toBeGreaterThan(2);
  for (const piece of [...dealt.values()].flat()) expect(batchBytes(piece)).toBeLessThan(MAX_BATCH_BYTES * 1.2);
});

it('hands all channels, and channels in turn, the rows in their order', () => {
  expect((deal({ kind: 'all' }).get(-1) ?? []).flatMap(rowsOf)).toEqual(ROWS);
  const turns = deal({ kind: 'round-robin' });
  const [first = [], second = []] = [turns.get(0), turns.get(1)];
  expect(
    first.flatMap((piece, index) => [piece, second[index]]).flatMap((piece) => (piece ? rowsOf(piece) : [])),
  ).toEqual(ROWS);
});
