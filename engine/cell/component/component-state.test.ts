/** Components cut between any two calls go on as if nothing had been: from the image, and from what they export themselves. */
import { afterEach, describe, expect, test } from 'vitest';
import type { Event } from '../../../test/kit/chains.ts';
import { ALL_GROUPS, driveCut, keptImage, keptLogical, throughImage, throughLogical } from '../../../test/kit/cuts.ts';
import { batchOf, errorOf, NONE, ROWS, SCHEMA } from '../../../test/kit/guest-calls.ts';
import { type GuestParts, guestComponent, NOTHING, openOperator, withFile } from '../../../test/kit/guests.ts';
import { build } from '../../../test/kit/tables.ts';
import type { Schema, Value } from '../../batch/types.ts';
import type { Cell } from '../cell.ts';

const KEYED: Schema = {
  fields: [
    { name: 'key', type: { kind: 'utf8' }, nullable: true },
    { name: 'value', type: { kind: 'float64' }, nullable: true },
  ],
};
const CONFIG = { value: 'value', key: 'key', window: 20, minimum: 3, history: 16, maxKeys: 12 };

const opened: Cell[] = [];
afterEach(() => {
  for (const cell of opened.splice(0)) cell.close();
});

/** Opens `count` cells at once, for cuts take them without waiting. */
async function reserve(count: number, open: () => Promise<Cell>): Promise<() => Cell> {
  const cells = await Promise.all(Array.from({ length: count }, open));
  opened.push(...cells);
  return () => cells.pop() ?? fail();
}

function fail(): never {
  throw new Error('no cell is left');
}

/** Rows of more keys than are remembered, some null, in batches. */
function readings(keys: number): Event[] {
  return Array.from({ length: 12 }, (_, batch) => {
    const rows = Array.from({ length: 40 }, (_, row): Value[] => {
      const at = batch * 40 + row;
      const key = (at * 7) % (keys + 1);
      return [key === keys ? null : `k${key}`, at % 23 === 0 ? null : ((at * 2654435761) % 1000) / 7];
    });
    return { batch: build(KEYED, rows) };
  });
}

const anomaly = (config: object = CONFIG) => openOperator('anomaly', KEYED, { config: { ...config } });

describe('a component cell', () => {
  test.each([8, 30])('goes on from its image, %i keys', async (keys) => {
    const open = await reserve(14, anomaly);
    const expected = driveCut(open(), readings(keys), () => false, throughImage(open));
    expect(driveCut(open(), readings(keys), (event) => event > 0, throughImage(open))).toEqual(expected);
  });

  test.each([8, 30])('goes on from the state that it exports, %i keys', async (keys) => {
    const open = await reserve(14, anomaly);
    const expected = driveCut(open(), readings(keys), () => false, throughLogical(open));
    expect(driveCut(open(), readings(keys), (event) => event > 0, throughLogical(open))).toEqual(expected);
  });

  test('hands its keys to three others, and takes them back', async () => {
    const open = await reserve(40, anomaly);
    const expected = driveCut(open(), readings(8), () => false, throughLogical(open));
    const split = (cell: Cell): Cell => {
      const states = keptLogical(cell);
      const parts = [
        { first: 0, last: 30 },
        { first: 31, last: 90 },
        { first: 91, last: 127 },
      ].map((groups) => {
        const part = open();
        part.state?.importLogical?.(states, groups);
        return part;
      });
      const sizes = parts.map((part) => rowsIn(part));
      expect(sizes.reduce((sum, size) => sum + size, 0)).toBe(9);
      expect(Math.max(...sizes)).toBeLessThan(9);
      const merged = open();
      merged.state?.importLogical?.(parts.flatMap(keptLogical), ALL_GROUPS);
      return merged;
    };
    expect(driveCut(open(), readings(8), (event) => event > 1 && event % 2 === 0, split)).toEqual(expected);
  });

  test('takes the last values where its window is smaller now', async () => {
    const [before, after] = [await anomaly(), await anomaly({ ...CONFIG, window: 5 })];
    opened.push(before, after);
    for (const event of readings(8)) if (event !== 'end' && 'batch' in event) before.process(0, event.batch, NONE);
    after.state?.importLogical?.(keptLogical(before), ALL_GROUPS);
    expect(rowsIn(after)).toBe(9);
    const image = keptImage(before);
    expect((await errorOf(() => after.state?.restoreImage?.(image))).code).toBe('state.foreign-module');
  });

  test('refuses the state of another key', async () => {
    const [before, after] = [await anomaly(), await anomaly({ value: 'value' })];
    opened.push(before, after);
    const error = await errorOf(() => after.state?.importLogical?.(keptLogical(before), ALL_GROUPS));
    expect(error.code).toBe('state.mismatch');
    expect(error.message).toMatch(/its column key is not the values that is due/);
  });

  test('keeps globals, timers, figures and randomness', async () => {
    const cells = await withFile(await guestComponent(COUNTING), 'counting.wasm', async (path) => {
      return reserve(20, () => openOperator(path, SCHEMA, { seed: 7n }));
    });
    const events: Event[] = [1, 2, 3, 4].flatMap((time) => [
      { batch: batchOf(ROWS) },
      { watermark: BigInt(time * 1000) },
    ]);
    const figures: (ReadonlyMap<string, number> | undefined)[] = [];
    const noting = (open: () => Cell) => (cell: Cell) => {
      figures.push(metricsOf(cell));
      return throughImage(open)(cell);
    };
    driveCut(cells(), events, (event) => event > 0, noting(cells));
    const plain: (ReadonlyMap<string, number> | undefined)[] = [];
    driveCut(
      cells(),
      events,
      (event) => event > 0,
      (cell) => {
        plain.push(metricsOf(cell));
        return cell;
      },
    );
    expect(figures).toEqual(plain);
    expect(plain.at(-1)?.get('fired')).toBe(3);
    expect(plain.at(-1)?.get('calls')).toBe(10);
  });

  test('has no state, and says why, where a global variable holds a reference', async () => {
    const cell = await withFile(
      await guestComponent({ extra: '(global $r (mut externref) (ref.null extern))' }),
      'reference.wasm',
      (path) => openOperator(path, SCHEMA),
    );
    opened.push(cell);
    expect(cell.state).toBeUndefined();
    expect(cell.noState).toBe('the component keeps references or vectors in global variables');
  });

  test('that does not export its state has the image only', async () => {
    const cell = await withFile(await guestComponent(), 'plain.wasm', (path) => openOperator(path, SCHEMA));
    opened.push(cell);
    expect(cell.state?.exportLogical).toBeUndefined();
    expect(cell.state?.image?.().memory.length).toBe(cell.memory());
  });
});

function rowsIn(cell: Cell): number {
  const [own] = cell.state?.exportLogical?.() ?? [];
  return own?.batches.reduce((sum, batch) => sum + batch.rows, 0) ?? 0;
}

function metricsOf(cell: Cell): ReadonlyMap<string, number> | undefined {
  return 'metrics' in cell && typeof cell.metrics === 'function' ? new Map(cell.metrics()) : undefined;
}

/** Counts batches in a global, sets a timer for each, counts timers and adds up random numbers. */
const COUNTING: GuestParts = {
  extra: `
    (import "cloudskin:operator/metrics@0.1.0" "count" (func $count (param i32 i32 i64)))
    (import "cloudskin:operator/metrics@0.1.0" "gauge" (func $gauge (param i32 i32 f64)))
    (import "cloudskin:operator/timers@0.1.0" "set" (func $set (param i64) (result i32)))
    (import "cloudskin:operator/random@0.1.0" "next" (func $next (result i64)))
    (global $calls (mut i64) (i64.const 0))
    (global $mean (mut f64) (f64.const 0.1))
    (data (i32.const 2048) "firedcallsrandom")`,
  process: `
    (global.set $calls (i64.add (global.get $calls) (i64.const 1)))
    (global.set $mean (f64.div (global.get $mean) (f64.const 3)))
    (drop (call $set (i64.mul (global.get $calls) (i64.const 1000))))
    (call $count (i32.const 2053) (i32.const 5) (global.get $calls))
    (call $gauge (i32.const 2058) (i32.const 6)
      (f64.add (global.get $mean) (f64.convert_i64_u (i64.shr_u (call $next) (i64.const 33)))))
    ${NOTHING}`,
  onTimer: `(call $count (i32.const 2048) (i32.const 5) (i64.const 1)) ${NOTHING}`,
};
