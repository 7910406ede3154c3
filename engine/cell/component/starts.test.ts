/** Cells that begin with what an earlier one left: as a first one does, and with nothing of what the earlier one was given. */
import { expect, test } from 'vitest';
import { batchOf, NONE, ROWS, SCHEMA } from '../../../test/kit/guest-calls.ts';
import {
  type GuestParts,
  guestComponent,
  type OpenGuest,
  openOperator,
  REALLOC,
  withFile,
} from '../../../test/kit/guests.ts';
import type { CellImage } from '../../state/checkpoint/state.ts';
import type { Cell } from '../cell.ts';
import { acquireMemory, memoryPoolSize, prepareMemories, releaseMemory } from '../memory-pool.ts';
import { startStats } from './starts.ts';

const CLOCK = '(import "cloudskin:operator/clock@0.1.0" "now" (func $now (result i64)))';
const COUNT = '(import "cloudskin:operator/metrics@0.1.0" "count" (func $count (param i32 i32 i64)))';
const LOG = '(import "cloudskin:operator/logging@0.1.0" "log" (func $log (param i32 i32 i32)))';
/** Keeps what it was given: its memory is never taken back, and a global counts its calls. */
const HOARDER: GuestParts = {
  extra: '(global $calls (mut i32) (i32.const 0))',
  realloc: REALLOC.replace('(local.set', '(global.set $calls (i32.add (global.get $calls) (i32.const 1))) (local.set'),
  postProcess: '',
};
/** `body` in front of what `init` does, its imports with it. */
const beginning = (imports: string, body: string): GuestParts => ({
  extra: imports,
  init: `${body} (i32.store8 (i32.const 1008) (i32.const 0)) (i32.store (i32.const 1012) (i32.const 1024))
    (i32.store (i32.const 1016) (i32.const 1)) (i32.store (i32.const 1028) (i32.const 0))
    (i32.store (i32.const 1032) (i32.load offset=8 (local.get $inputs)))
    (i32.store (i32.const 1036) (i32.load offset=12 (local.get $inputs))) (i32.const 1008)`,
});

/** Runs `use` with a function that opens cells of one operator; how guests started meanwhile. */
async function starting(parts: GuestParts, use: (open: (options?: OpenGuest) => Promise<Cell>) => Promise<void>) {
  const { initialised, copied, reused } = startStats();
  await withFile(await guestComponent(parts), 'guest.wasm', (path) =>
    use((options) => openOperator(path, SCHEMA, options)),
  );
  const now = startStats();
  return {
    initialised: now.initialised - initialised,
    copied: now.copied - copied,
    reused: now.reused - reused,
  };
}

function imageOf(cell: Cell): { readonly memory: Buffer; readonly globals: CellImage['globals'] } {
  const image = cell.state?.image?.();
  if (image === undefined) throw new Error('the cell has no image');
  const end = image.memory.findLastIndex((byte) => byte !== 0) + 1;
  return { memory: Buffer.from(image.memory.slice(0, end)), globals: image.globals };
}

test('a second cell begins as the first did, whatever that one was given, and without init', async () => {
  const started = await starting(
    { ...HOARDER, extra: `${HOARDER.extra} (data (i32.const 4000) "mark of the hoarder")` },
    async (open) => {
      const first = await open();
      const beginning = imageOf(first);
      first.process(0, batchOf(ROWS), NONE);
      expect(imageOf(first)).not.toEqual(beginning);
      first.close();
      const [second, third] = [await open(), await open()];
      expect(imageOf(second)).toEqual(beginning);
      expect(imageOf(third)).toEqual(beginning);
      for (const cell of [second, third]) cell.close();
    },
  );
  // each is checked first, which starts and ends a guest, too: of six, one ran init, and one found none that waited
  expect(started).toEqual({ initialised: 1, copied: 1, reused: 4 });
});

test('nothing of what a cell was given is left where the next one is, in a memory that grew either', async () => {
  const secret = Buffer.from('the secret of tenant one');
  const rows = Array.from({ length: 20_000 }, (_, row) => [secret.toString(), row, true, BigInt(row)]);
  await starting(HOARDER, async (open) => {
    const first = await open();
    first.process(0, batchOf(rows), NONE);
    expect(imageOf(first).memory.includes(secret)).toBe(true);
    first.close();
    const second = await open();
    expect(imageOf(second).memory.includes(secret)).toBe(false);
    second.close();
  });
});

test('a memory of the pool is empty, whoever had it', () => {
  const memory = acquireMemory(3, 77);
  new Uint8Array(memory.buffer).fill(0xa5);
  memory.grow(2);
  new Uint8Array(memory.buffer).fill(0xa5);
  releaseMemory(memory, 77);
  const again = acquireMemory(4, 77);
  expect(again).toBe(memory);
  expect(new Uint8Array(again.buffer).every((byte) => byte === 0)).toBe(true);
  prepareMemories(3, 2, 77);
  expect(memoryPoolSize().memories).toBeGreaterThanOrEqual(3);
});

test('each cell has what init told: figures, and log lines', async () => {
  const lines: string[] = [];
  const parts = beginning(
    `${COUNT} ${LOG}`,
    '(i32.store (i32.const 3000) (i32.const 0x6e676562)) (call $count (i32.const 3000) (i32.const 4) (i64.const 7)) (call $log (i32.const 2) (i32.const 3000) (i32.const 4))',
  );
  await starting(parts, async (open) => {
    const onLog = ({ message }: { readonly message: string }): number => lines.push(message);
    const cells = [await open(), await open({ onLog }), await open({ onLog })];
    for (const cell of cells) {
      expect('metrics' in cell && typeof cell.metrics === 'function' ? cell.metrics() : undefined).toEqual(
        new Map([['begn', 7]]),
      );
      cell.close();
    }
  });
  expect(lines.filter((line) => line === 'begn')).toHaveLength(4);
});

test('an init that asks for the time runs for every cell', async () => {
  const started = await starting(beginning(CLOCK, '(drop (call $now))'), async (open) => {
    for (const cell of [await open(), await open()]) cell.close();
  });
  expect(started).toEqual({ initialised: 4, copied: 0, reused: 0 });
});

test('a guest that trapped does not serve again', async () => {
  const started = await starting({ process: '(unreachable)' }, async (open) => {
    const first = await open();
    expect(() => first.process(0, batchOf(ROWS), NONE)).toThrow('trapped');
    first.close();
    (await open()).close();
  });
  // of the four guests the second, which waited, trapped: the third came from the image
  expect(started).toEqual({ initialised: 1, copied: 1, reused: 2 });
});

test('a component that changes its tables has no state that could be taken, and always runs init', async () => {
  const parts: GuestParts = {
    extra: '(table $held 4 funcref) (elem declare func $other) (func $other)',
    onEnd:
      '(table.set $held (i32.const 1) (ref.func $other)) (i32.store8 (i32.const 1008) (i32.const 0)) (i32.store (i32.const 1016) (i32.const 0)) (i32.const 1008)',
  };
  const started = await starting(parts, async (open) => {
    const cell = await open();
    expect(cell.state).toBeUndefined();
    expect(cell.noState).toMatch(/changes its tables/);
    cell.close();
  });
  expect(started).toEqual({ initialised: 2, copied: 0, reused: 0 });
});
