/** Cells beyond a few sleep when they were not called for long, and nobody can tell it by what they do. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { batchOf, errorOf, NONE, SCHEMA } from '../../../test/kit/guest-calls.ts';
import { componentPlan, type GuestParts, guestComponent, REALLOC, withFile } from '../../../test/kit/guests.ts';
import type { Value } from '../../batch/types.ts';
import type { Cell } from '../cell.ts';
import { describeComponent, prepareComponentCell } from '../component.ts';

const MANY = 300;
const COUNT = '(import "cloudskin:operator/metrics@0.1.0" "count" (func $count (param i32 i32 i64)))';
/** Keeps what it was given, and grows: its memory is never taken back, and a global counts its calls. */
const HOARDER: GuestParts = {
  extra: '(global $calls (mut i32) (i32.const 0))',
  realloc: REALLOC.replace('(local.set', '(global.set $calls (i32.add (global.get $calls) (i32.const 1))) (local.set'),
  postProcess: '',
};

/** Runs `use` with what opens cells of the guest. */
async function opening(parts: GuestParts, use: (open: () => Cell) => void | Promise<void>): Promise<void> {
  await withFile(await guestComponent(parts), 'guest.wasm', async (path) => {
    const outputs = await describeComponent(path, {}, new Map([['', SCHEMA]]), '.', {});
    await use(await prepareComponentCell(componentPlan(path, SCHEMA, outputs), { now: () => 0 }));
  });
}

function stateOf(cell: Cell): { readonly memory: Buffer; readonly globals: unknown; readonly host: unknown } {
  const image = cell.state?.image?.();
  if (image === undefined) throw new Error('the cell has no image');
  const end = image.memory.findLastIndex((byte) => byte !== 0) + 1;
  return {
    memory: Buffer.from(image.memory.slice(0, end)),
    globals: image.globals,
    host: { ...(image.host as object), memories: 0 },
  };
}

const rowsOf = (mark: number, count: number): Value[][] =>
  Array.from({ length: count }, (_, row) => [`of ${mark}`, row, row % 2 === 0, BigInt(row)]);

test('many cells, called in any order while others open and close, are each as one that is alone', async () => {
  await opening(HOARDER, async (open) => {
    const call = fc.record({ cell: fc.nat(MANY - 1), rows: fc.constantFrom(1, 40, 6_000) });
    await fc.assert(
      fc.asyncProperty(fc.array(call, { minLength: 20, maxLength: 60 }), async (calls) => {
        const cells = Array.from({ length: MANY }, () => open());
        const had = new Map<number, number[]>();
        for (const [index, { cell, rows }] of calls.entries()) {
          cells[cell]?.process(0, batchOf(rowsOf(cell, rows)), NONE);
          had.set(cell, [...(had.get(cell) ?? []), rows]);
          if (index % 4 === 0) for (const further of [open(), open(), open(), open(), open()]) further.close();
        }
        const found = [...had.keys()].map((cell) => stateOf(cells[cell] ?? open()));
        for (const cell of cells) cell.close();
        const alone = [...had].map(([cell, batches]) => {
          const one = open();
          for (const rows of batches) one.process(0, batchOf(rowsOf(cell, rows)), NONE);
          const state = stateOf(one);
          one.close();
          return state;
        });
        expect(found).toEqual(alone);
      }),
      { numRuns: 5, endOnFailure: true },
    );
  });
});

/** Opens so many that all that may sleep do. */
function crowd(open: () => Cell): Cell[] {
  return Array.from({ length: MANY }, () => open());
}

const closeAll = (cells: readonly Cell[]): void => {
  for (const cell of cells) cell.close();
};

test('a cell that sleeps holds what it changed and no more, and is a whole one when it is called', async () => {
  await opening(HOARDER, (open) => {
    const cell = open();
    cell.process(0, batchOf(rowsOf(1, 10)), NONE);
    const whole = cell.memory();
    const others = crowd(open);
    expect(cell.memory()).toBeGreaterThan(0);
    expect(cell.memory()).toBeLessThan(whole / 4);
    const again = others.reduce((sum, other) => sum + other.memory(), 0);
    expect(again).toBeLessThan(whole * 140);
    cell.process(0, batchOf(rowsOf(1, 10)), NONE);
    expect(cell.memory()).toBe(whole);
    closeAll([cell, ...others]);
  });
});

test('a memory whose image somebody looks at stays where it is until the next call', async () => {
  await opening(HOARDER, (open) => {
    const cell = open();
    cell.process(0, batchOf(rowsOf(7, 10)), NONE);
    const view = cell.state?.image?.().memory ?? new Uint8Array(0);
    const before = Buffer.from(view);
    const others = crowd(open);
    for (const other of others) other.process(0, batchOf(rowsOf(8, 10)), NONE);
    expect(before.equals(view)).toBe(true);
    closeAll([cell, ...others]);
  });
});

test('what a guest told its host is told once, and its calls stay limited', async () => {
  const forever: GuestParts = {
    extra: COUNT,
    init: `(i32.store (i32.const 3000) (i32.const 0x6e676562)) (call $count (i32.const 3000) (i32.const 4) (i64.const 7))
      (i32.store8 (i32.const 1008) (i32.const 0)) (i32.store (i32.const 1012) (i32.const 1024))
      (i32.store (i32.const 1016) (i32.const 1)) (i32.store (i32.const 1028) (i32.const 0))
      (i32.store (i32.const 1032) (i32.load offset=8 (local.get $inputs)))
      (i32.store (i32.const 1036) (i32.load offset=12 (local.get $inputs))) (i32.const 1008)`,
    process: '(loop $again (br $again)) (unreachable)',
  };
  await opening(forever, async (open) => {
    const cell = open();
    cell.limitCalls?.(20);
    const others = crowd(open);
    expect(cell.memory()).toBeLessThan(10_000);
    const start = performance.now();
    expect(await errorOf(() => cell.process(0, batchOf(rowsOf(1, 1)), NONE))).toMatchObject({ code: 'cell.deadline' });
    expect(performance.now() - start).toBeLessThan(8_000);
    const metrics = 'metrics' in cell && typeof cell.metrics === 'function' ? cell.metrics() : undefined;
    expect(metrics).toEqual(new Map([['begn', 7]]));
    closeAll([cell, ...others]);
  });
});
