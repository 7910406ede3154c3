/** Component cells from outside: good guests, and what becomes of their errors. */
import { describe, expect, test } from 'vitest';
import { batchOf, errorOf, gather, NONE, ROWS, SCHEMA, withGuest } from '../../test/kit/guest-calls.ts';
import {
  ECHO,
  failing,
  type GuestParts,
  guestComponent,
  guestModule,
  guestText,
  NOTHING,
  TEXT,
  withFile,
} from '../../test/kit/guests.ts';
import { CloudskinError } from '../errors.ts';
import { loadToolchain } from './component/toolchain.ts';
import { describeComponent, prepare, prepareComponent } from './component.ts';

describe('a component', () => {
  test('gets batches and hands them on, whatever their columns hold', async () => {
    await withGuest({}, {}, (cell) => {
      const { emit, rows } = gather();
      cell.process(0, batchOf(ROWS), emit);
      cell.process(0, batchOf(ROWS.slice(0, 1)), emit);
      expect(rows.get(0)).toEqual([...ROWS, ...ROWS.slice(0, 1)]);
      expect(cell.memory()).toBeGreaterThan(0);
      expect(cell.counters()).toEqual({ late: 0, errors: 0 });
    });
  });

  test('may grow its memory while it is called', async () => {
    const process = `(drop (memory.grow (i32.const 3))) ${ECHO}`;
    await withGuest({ process, pages: 1 }, {}, (cell) => {
      const { emit, rows } = gather();
      for (let i = 0; i < 3; i++) cell.process(0, batchOf(ROWS), emit);
      expect(rows.get(0)).toHaveLength(9);
    });
  });

  test('is described by its init, which is given names, schemas and configuration', async () => {
    const outputs = await withFile(await guestComponent(), 'guest.wasm', (path) =>
      describeComponent(path, {}, new Map([['readings', SCHEMA]]), '.'),
    );
    expect([...outputs]).toEqual([['', SCHEMA]]);
  });

  test('is found relative to the directory it is given', async () => {
    const schemas = await withFile(await guestComponent(), 'guest.wasm', (path) =>
      describeComponent('./guest.wasm', {}, new Map([['readings', SCHEMA]]), path.slice(0, path.lastIndexOf('/'))),
    );
    expect(schemas.size).toBe(1);
  });

  test('gets its timers in order, those that a timer sets included, then the watermark', async () => {
    const log = '(import "cloudskin:operator/logging@0.1.0" "log" (func $log (param i32 i32 i32)))';
    const set = '(import "cloudskin:operator/timers@0.1.0" "set" (func $set (param i64) (result i32)))';
    const say = (at: number): string => `(call $log (i32.const 2) (i32.const ${at}) (i32.const 1))`;
    const arm = (time: string): string => `(drop (call $set ${time}))`;
    const seen: string[] = [];
    const parts = {
      extra: `${log} ${set}`,
      process: `(i32.store8 (i32.const 2048) (i32.const 87)) (i32.store8 (i32.const 2049) (i32.const 69))
        ${arm('(i64.const 70)')} ${arm('(i64.const 50)')} ${arm('(i64.const 50)')} ${arm('(i64.const 90)')} ${NOTHING}`,
      // Says the time as a letter, and asks for the next time and for one that has passed.
      onTimer: `(i32.store8 (i32.const 2050) (i32.wrap_i64 (local.get $time))) ${say(2050)}
        (if (i64.eq (local.get $time) (i64.const 50)) (then ${arm('(i64.const 60)')} ${arm('(i64.const 40)')})) ${NOTHING}`,
      onWatermark: `${say(2048)} ${NOTHING}`,
      onEnd: `${say(2049)} ${NOTHING}`,
    };
    await withGuest(parts, { onLog: ({ message }) => seen.push(message) }, (cell) => {
      cell.process(0, batchOf(ROWS), NONE);
      cell.onWatermark(75n, NONE);
      cell.onWatermark(76n, NONE);
      cell.onEnd(NONE);
    });
    expect(seen.join('')).toBe(
      `${String.fromCharCode(50, 60, 70)}W${String.fromCharCode(40)}W${String.fromCharCode(90)}E`,
    );
  });

  test('is given the clock and the seed, and nothing of the machine', async () => {
    const parts = {
      extra: `(import "cloudskin:operator/clock@0.1.0" "now" (func $now (result i64)))
        (import "cloudskin:operator/random@0.1.0" "next" (func $next (result i64)))
        (import "cloudskin:operator/metrics@0.1.0" "gauge" (func $gauge (param i32 i32 f64)))
        (import "cloudskin:operator/metrics@0.1.0" "count" (func $count (param i32 i32 i64)))`,
      process: `(i32.store (i32.const 2048) (i32.const 0x64636261))
        (call $gauge (i32.const 2048) (i32.const 1) (f64.convert_i64_s (call $now)))
        (call $gauge (i32.const 2049) (i32.const 1) (f64.convert_i64_u (call $next)))
        (call $count (i32.const 2050) (i32.const 2) (i64.const 3)) ${NOTHING}`,
    };
    const run = (seed: bigint): Promise<Map<string, number>> =>
      withGuest(parts, { seed, now: () => 1234 }, (cell) => {
        cell.process(0, batchOf(ROWS), NONE);
        cell.process(0, batchOf(ROWS), NONE);
        if (!('metrics' in cell)) throw new Error('no metrics');
        return new Map((cell as unknown as { metrics(): Map<string, number> }).metrics());
      });
    const [first, again, other] = [await run(1n), await run(1n), await run(2n)];
    expect(first.get('a')).toBe(1_234_000);
    expect(first.get('cd')).toBe(6);
    expect(again).toEqual(first);
    expect(other.get('b')).not.toBe(first.get('b'));
  });

  test('may say at most 100 things a second; what is left out is counted', async () => {
    const parts = {
      extra: '(import "cloudskin:operator/logging@0.1.0" "log" (func $log (param i32 i32 i32)))',
      process: `(local $n i32) (loop $l (call $log (i32.const 2) (i32.const 2048) (i32.const 1))
        (br_if $l (i32.lt_u (local.tee $n (i32.add (local.get $n) (i32.const 1))) (i32.const 150)))) ${NOTHING}`,
    };
    const seen: string[] = [];
    let now = 0;
    await withGuest(parts, { now: () => now, onLog: ({ message }) => seen.push(message) }, (cell) => {
      cell.process(0, batchOf(ROWS), NONE);
      now = 1000;
      cell.process(0, batchOf(ROWS), NONE);
    });
    expect(seen.filter((message) => message.startsWith('50 messages were dropped'))).toHaveLength(1);
    expect(seen).toHaveLength(201);
  });
});

describe('a row or batch that a guest cannot take', () => {
  const refusing: GuestParts = { extra: TEXT, process: failing(2, 15) };
  const reject = '(import "cloudskin:operator/rows@0.1.0" "reject" (func $reject (param i32 i32 i32 i32 i32 i32)))';
  const rejecting: GuestParts = {
    extra: reject,
    process: `(i32.store8 (i32.const 2048) (i32.const 120))
      (call $reject (i32.const 1) (i32.const 1) (i32.const 2048) (i32.const 1) (i32.const 2048) (i32.const 1)) ${ECHO}`,
  };

  test("fails the run with the guest's own words", async () => {
    const error = await errorOf(() => withGuest(refusing, {}, (cell) => cell.process(0, batchOf(ROWS), NONE)));
    expect(error.code).toBe('component.invalid-batch');
    expect(error.message).toMatch(/^operator score \(component .*\): the cup is full$/);
  });

  test('is skipped and counted without a restart', async () => {
    await withGuest(refusing, { onError: 'skip' }, (cell) => {
      cell.process(0, batchOf(ROWS), NONE);
      expect(cell.counters().errors).toBe(3);
      expect((cell as unknown as { metrics(): Map<string, number> }).metrics().has('restarts')).toBe(false);
    });
  });

  test('is diverted as a row of `.errors`', async () => {
    const { emit, rows } = gather();
    await withGuest(refusing, { onError: 'divert', errors: true, now: () => 7 }, (cell) =>
      cell.process(0, batchOf(ROWS), emit),
    );
    expect(rows.get(1)).toEqual([
      [7000n, 'score', 'component.invalid-batch', expect.stringMatching(/the cup is full$/), 'batch of 3 rows', null],
    ]);
    expect(rows.get(0)).toBeUndefined();
  });

  test('may be a single one: the others go on', async () => {
    const { emit, rows } = gather();
    await withGuest(rejecting, { onError: 'divert', errors: true }, (cell) => {
      cell.process(0, batchOf(ROWS), emit);
      expect(cell.counters().errors).toBe(1);
    });
    expect(rows.get(0)).toHaveLength(3);
    expect(rows.get(1)).toEqual([[0n, 'score', 'component.rejected-row', 'x', 'row 1, column x', null]]);
    const error = await errorOf(() => withGuest(rejecting, {}, (cell) => cell.process(0, batchOf(ROWS), NONE)));
    expect(error.code).toBe('component.rejected-row');
    expect(error.message).toMatch(/cannot take a row: x \(row 1, column x of the batch\)/);
  });

  test("an error of a receiver downstream is its own, not the guest's", async () => {
    const error = await errorOf(() =>
      withGuest({}, { onError: 'skip' }, (cell) =>
        cell.process(0, batchOf(ROWS), () => {
          throw new CloudskinError('sink.full', 'the disk is full', { domain: 'external' });
        }),
      ),
    );
    expect(error.code).toBe('sink.full');
  });
});

describe('a file', () => {
  test('that is a core module is told from a component', async () => {
    const error = await errorOf(async () => prepare(await guestModule(guestText())));
    expect(error.code).toBe('component.not-a-component');
    expect(error.message).toMatch(/a core module, not a component/);
    expect((await errorOf(() => prepare(new TextEncoder().encode('name,value\n')))).code).toBe(
      'component.not-a-component',
    );
  });

  test('that is missing is named, a standard operator by its name', async () => {
    const path = await errorOf(() => describeComponent('./nowhere.wasm', {}, new Map(), '/tmp'));
    expect(path.code).toBe('component.not-found');
    expect(path.message).toContain('/tmp/nowhere.wasm');
    const standard = await errorOf(() => describeComponent('anomly', {}, new Map(), '/tmp'));
    expect(standard.code).toBe('component.not-found');
    expect(standard.message).toMatch(/no standard operator is called anomly/);
    expect(standard.hint).toMatch(/anomaly/);
  });

  test('that is prepared runs without the toolchain and is the same operator', async () => {
    const component = await guestComponent();
    const direct = await prepare(component);
    const file = await prepareComponent(component, 'guest.wasm');
    const prepared = await prepare(file);
    expect(prepared.digest).toBe(direct.digest);
    expect([...prepared.exports.keys()]).toEqual([...direct.exports.keys()]);
  });

  test('that is a component cannot be prepared without the toolchain, and the error names it', async () => {
    const missing = (): Promise<never> =>
      Promise.reject(Object.assign(new Error('no'), { code: 'ERR_MODULE_NOT_FOUND' }));
    const error = await errorOf(() => loadToolchain('checking the component x.wasm', missing));
    expect(error.code).toBe('component.needs-jco');
    expect(error.hint).toMatch(/npm install @bytecodealliance\/jco/);
  });
});
