/** Guests that do what no compiler would make of an honest program: each is stopped alone, by a clear error, and its cell recovers. */
import { describe, expect, test } from 'vitest';
import { batchOf, errorOf, gather, NONE, ROWS, withGuest } from '../../../test/kit/guest-calls.ts';
import { ECHO, failing, type GuestParts, NOTHING, REALLOC, TEXT } from '../../../test/kit/guests.ts';

/** One batch of output `output` at `address`. */
const returning = (output: number, address: string, length: string): string => `
  (i32.store8 (i32.const 1008) (i32.const 0)) (i32.store (i32.const 1012) (i32.const 1040))
  (i32.store (i32.const 1016) (i32.const 1)) (i32.store (i32.const 1040) (i32.const ${output}))
  (i32.store (i32.const 1044) ${address}) (i32.store (i32.const 1048) ${length}) (i32.const 1008)`;

const LOOP = '(loop $l (br $l)) (i32.const 0)';

describe('a guest that misbehaves', () => {
  const hostile: readonly (readonly [string, GuestParts, string, RegExp])[] = [
    [
      'never returns',
      { process: LOOP },
      'cell.deadline',
      /stopped while processing a batch: a call took longer than 200 ms/,
    ],
    [
      'recurses for ever',
      {
        extra: '(func $f (param i32) (result i32) (i32.add (call $f (i32.const 1)) (i32.const 1)))',
        process: '(call $f (i32.const 1))',
      },
      'component.trap',
      /call stack is exhausted/,
    ],
    ['traps', { process: 'unreachable' }, 'component.trap', /trapped while processing a batch: unreachable/],
    ['divides by zero', { process: '(i32.div_u (local.get $at) (i32.const 0))' }, 'component.trap', /divide by zero/],
    [
      'reads outside of its memory',
      { process: '(i32.load (i32.const -8))' },
      'component.trap',
      /memory access out of bounds/,
    ],
    [
      'returns a wild result',
      { process: '(i32.const -16)' },
      'component.abi-violation',
      /a result lies outside of its memory/,
    ],
    ['returns an odd result', { process: '(i32.const 1009)' }, 'component.abi-violation', /not aligned to 4/],
    [
      'returns a bad discriminant',
      { process: '(i32.store8 (i32.const 1008) (i32.const 7)) (i32.const 1008)' },
      'component.abi-violation',
      /discriminant 7/,
    ],
    [
      'returns a wild list',
      {
        process:
          '(i32.store8 (i32.const 1008) (i32.const 0)) (i32.store (i32.const 1012) (i32.const -64)) (i32.store (i32.const 1016) (i32.const 60)) (i32.const 1008)',
      },
      'component.abi-violation',
      /a list of batches lies outside/,
    ],
    [
      'returns an endless list',
      {
        process:
          '(i32.store8 (i32.const 1008) (i32.const 0)) (i32.store (i32.const 1016) (i32.const -1)) (i32.const 1008)',
      },
      'component.abi-violation',
      /returned 4294967295 batches/,
    ],
    [
      'returns a wild batch',
      { process: returning(0, '(i32.const -64)', '(i32.const 640)') },
      'component.abi-violation',
      /a batch lies outside of its memory/,
    ],
    [
      'returns a batch of no output',
      { process: returning(3, '(local.get $at)', '(local.get $length)') },
      'component.abi-violation',
      /output 3/,
    ],
    [
      'returns half a batch',
      { process: returning(0, '(local.get $at)', '(i32.const 64)') },
      'component.malformed-output',
      /malformed batch/,
    ],
    [
      'returns something else',
      { process: returning(0, '(i32.const 0)', '(i32.const 640)') },
      'component.malformed-output',
      /no prefix/,
    ],
    [
      'gives wild memory',
      {
        realloc: `${REALLOC} (drop) (if (i32.gt_u (local.get $size) (i32.const 600)) (then (return (i32.const -4096)))) (local.get $p)`,
      },
      'component.abi-violation',
      /the memory that its realloc gave lies outside/,
    ],
    ['traps after a result', { postProcess: 'unreachable' }, 'component.trap', /trapped while processing a batch/],
    [
      'rejects a row there is not',
      {
        extra: '(import "cloudskin:operator/rows@0.1.0" "reject" (func $reject (param i32 i32 i32 i32 i32 i32)))',
        process: `(call $reject (i32.const 3) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0)) ${NOTHING}`,
      },
      'component.abi-violation',
      /rejected row 3/,
    ],
    [
      'logs wild memory',
      {
        extra: '(import "cloudskin:operator/logging@0.1.0" "log" (func $log (param i32 i32 i32)))',
        process: `(call $log (i32.const 1) (i32.const -9) (i32.const 100)) ${NOTHING}`,
      },
      'component.abi-violation',
      /a log message lies outside/,
    ],
  ];

  test.each(hostile)('one that %s fails the run by a clear error', async (_, parts, code, message) => {
    const error = await errorOf(() =>
      withGuest(parts, { callLimitMs: 200 }, (cell) => cell.process(0, batchOf(ROWS), NONE)),
    );
    expect(error.code).toBe(code);
    expect(error.domain).toBe('user');
    expect(error.message).toMatch(/^operator score \(component .*guest\.wasm\)/);
    expect(error.message).toMatch(message);
  });

  test.each(hostile)('one that %s is started again where its errors are skipped', async (_, parts) => {
    const messages: string[] = [];
    await withGuest(
      parts,
      { callLimitMs: 100, onError: 'skip', onLog: (entry) => messages.push(entry.message) },
      (cell) => {
        cell.process(0, batchOf(ROWS), NONE);
        cell.process(0, batchOf(ROWS), NONE);
        expect(cell.counters().errors).toBe(6);
        cell.onWatermark(1n, NONE);
        cell.onEnd(NONE);
      },
    );
    expect(messages.filter((message) => message.includes('starts again with empty state'))).toHaveLength(2);
  });

  test('one that always traps gives up after a while even where its errors are skipped', async () => {
    const error = await errorOf(() =>
      withGuest({ process: 'unreachable' }, { onError: 'skip' }, (cell) => {
        for (let i = 0; i < 100; i++) cell.process(0, batchOf(ROWS), NONE);
      }),
    );
    expect(error.code).toBe('component.trap');
  });

  test.each([
    ['rows, but takes watermarks', { process: 'unreachable' }],
    ['watermarks, but takes rows', { onWatermark: 'unreachable' }],
  ])('one that never takes %s, gives up as well', async (_what, parts) => {
    const error = await errorOf(() =>
      withGuest(parts, { onError: 'divert' }, (cell) => {
        for (let i = 0; i < 20; i++) {
          cell.process(0, batchOf(ROWS), NONE);
          cell.onWatermark(BigInt(i), NONE);
        }
      }),
    );
    expect(error.code).toBe('component.trap');
  });

  test('only the call that takes too long is cut off, not the next one', async () => {
    // Loops on the first batch only: the global is set by the guest before.
    const parts = {
      extra: '(global $n (mut i32) (i32.const 0))',
      process: `(if (i32.eqz (global.get $n)) (then (global.set $n (i32.const 1)) ${ECHO} (drop)) (else (loop $l (br $l)))) ${ECHO}`,
    };
    await withGuest(parts, { callLimitMs: 100, onError: 'skip' }, (cell) => {
      const { emit, rows } = gather();
      for (let i = 0; i < 4; i++) cell.process(0, batchOf(ROWS), emit);
      // Good, cut off and started again, good, cut off.
      expect(rows.get(0)).toHaveLength(6);
      expect(cell.counters().errors).toBe(6);
    });
  });

  test('one that hoards memory is held at its limit', async () => {
    const process = '(loop $l (br_if $l (i32.ge_s (memory.grow (i32.const 16)) (i32.const 0)))) unreachable';
    await withGuest({ process }, { memoryLimitBytes: 8 * 1024 * 1024, onError: 'skip' }, (cell) => {
      cell.process(0, batchOf(ROWS), NONE);
      expect(cell.counters().errors).toBe(3);
      expect(cell.memory()).toBeLessThanOrEqual(8 * 1024 * 1024);
    });
    const error = await errorOf(() =>
      withGuest({ pages: 200 }, { memoryLimitBytes: 8 * 1024 * 1024 }, () => undefined),
    );
    expect(error.code).toBe('component.memory-limit');
  });

  test.each([
    ['loops', LOOP, 'cell.deadline'],
    ['traps', 'unreachable', 'component.trap'],
    [
      'has no output',
      '(i32.store8 (i32.const 1008) (i32.const 0)) (i32.store (i32.const 1016) (i32.const 0)) (i32.const 1008)',
      'component.abi-violation',
    ],
    ['refuses its configuration', failing(0, 15), 'component.invalid-config'],
    ['refuses its input', failing(1, 15), 'component.invalid-schema'],
  ])('one that %s at the start fails the check of the graph', async (_, init, code) => {
    const error = await errorOf(() => withGuest({ init, extra: TEXT }, { callLimitMs: 100 }, () => undefined));
    expect(error.code).toBe(code);
    if (code.includes('invalid')) expect(error.message).toMatch(/guest\.wasm: the cup is full$/);
  });
});
