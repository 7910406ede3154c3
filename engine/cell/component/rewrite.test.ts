import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { Worker } from 'node:worker_threads';
import fc from 'fast-check';
import { beforeAll, describe, expect, test } from 'vitest';
import { guestModule } from '../../../test/kit/guests.ts';
import { ByteWriter, MalformedBinary } from './binary.ts';
import { DEADLINE_IMPORT, GLOBAL_PREFIX, HOST_MODULE, MEMORY_IMPORT, rewriteModule } from './rewrite.ts';

interface Run {
  readonly exports: WebAssembly.Exports;
  readonly deadline: Int32Array;
}

/** Instantiates the module as it is, or rewritten. */
function instantiate(module: Uint8Array, rewritten: boolean): Run {
  const memory = new WebAssembly.Memory({ initial: 1, maximum: 1, shared: true });
  const deadline = new Int32Array(memory.buffer);
  if (!rewritten) return { exports: new WebAssembly.Instance(new WebAssembly.Module(module)).exports, deadline };
  const { bytes, memoryPages } = rewriteModule(module);
  const own: Record<string, WebAssembly.ImportValue> = { [DEADLINE_IMPORT]: memory };
  if (memoryPages !== undefined) own[MEMORY_IMPORT] = new WebAssembly.Memory({ initial: memoryPages });
  const instance = new WebAssembly.Instance(new WebAssembly.Module(bytes), { [HOST_MODULE]: own });
  return { exports: instance.exports, deadline };
}

function call(run: Run, name: string, ...args: (number | bigint)[]): unknown {
  const value = run.exports[name];
  if (typeof value !== 'function') throw new Error(`${name} is not exported`);
  try {
    return (value as (...values: (number | bigint)[]) => unknown)(...args);
  } catch (error) {
    if (error instanceof WebAssembly.RuntimeError) return `trap: ${error.message}`;
    throw error;
  }
}

/** Random statements over three locals and memory: arithmetic, branches, loops that end, calls, stores. */
const statements = fc.letrec<{ value: string; statement: string; block: string }>((tie) => ({
  value: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    fc.integer({ min: -100, max: 100 }).map((n) => `(i32.const ${n})`),
    fc.constantFrom('$a', '$b', '$c').map((name) => `(local.get ${name})`),
    fc
      .tuple(
        fc.constantFrom('add', 'sub', 'mul', 'div_s', 'rem_u', 'xor', 'shl', 'lt_s', 'eq'),
        tie('value'),
        tie('value'),
      )
      .map(([op, a, b]) => `(i32.${op} ${a} ${b})`),
    tie('value').map((at) => `(i32.load (i32.and ${at} (i32.const 1023)))`),
    fc.tuple(tie('value'), tie('value'), tie('value')).map(([a, b, c]) => `(select ${a} ${b} ${c})`),
    tie('value').map((x) => `(i32.trunc_sat_f64_s (f64.mul (f64.convert_i32_s ${x}) (f64.const 1.5)))`),
    tie('value').map((x) => `(i32x4.extract_lane 2 (i32x4.add (i32x4.splat ${x}) (v128.const i32x4 1 2 3 4)))`),
    fc.tuple(tie('value'), tie('value')).map(([a, b]) => `(call $leaf ${a} ${b})`),
    tie('value').map((x) => `(call_indirect (param i32 i32) (result i32) ${x} (i32.const 3) (i32.const 0))`),
  ),
  statement: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    fc.tuple(fc.constantFrom('$a', '$b', '$c'), tie('value')).map(([name, x]) => `(local.set ${name} ${x})`),
    fc.tuple(tie('value'), tie('value')).map(([at, x]) => `(i32.store (i32.and ${at} (i32.const 1023)) ${x})`),
    fc.tuple(tie('value'), tie('block'), tie('block')).map(([x, a, b]) => `(if ${x} (then ${a}) (else ${b}))`),
    fc
      .tuple(fc.integer({ min: 1, max: 5 }), tie('block'))
      .map(
        ([n, body]) =>
          `(local.set $n (i32.const ${n})) (loop $l ${body} (br_if $l (i32.gt_s (local.tee $n (i32.sub (local.get $n) (i32.const 1))) (i32.const 0))))`,
      ),
    tie('value').map((x) => `(block $x (block $y (br_table $x $y (i32.and ${x} (i32.const 1)))) (global.set $g ${x}))`),
    tie('value').map((x) => `(memory.fill (i32.and ${x} (i32.const 511)) (i32.const 7) (i32.const 9))`),
  ),
  block: fc.array(tie('statement'), { maxLength: 3 }).map((list) => list.join(' ')),
}));

function program(body: string): string {
  return `(module
    (memory (export "memory") 1) (global $g (export "g") (mut i32) (i32.const 5))
    (table 1 funcref) (elem (i32.const 0) $leaf)
    (func $leaf (param $x i32) (param $y i32) (result i32) (i32.sub (i32.mul (local.get $x) (i32.const 3)) (local.get $y)))
    (func (export "run") (param $a i32) (param $b i32) (result i32) (local $c i32) (local $n i32)
      ${body} (i32.add (i32.mul (local.get $a) (i32.const 31)) (i32.xor (local.get $b) (local.get $c)))))`;
}

describe('a rewritten module', () => {
  test('computes what the original does, traps and memory included', async () => {
    await fc.assert(
      fc.asyncProperty(statements.block, fc.integer(), fc.integer(), async (body, a, b) => {
        const module = await guestModule(program(body));
        const original = instantiate(module, false);
        const rewritten = instantiate(module, true);
        expect(call(rewritten, 'run', a, b)).toEqual(call(original, 'run', a, b));
        const memory = (run: Run): Uint8Array =>
          new Uint8Array((run.exports.memory as WebAssembly.Memory).buffer).subarray(0, 2048);
        expect(memory(rewritten)).toEqual(memory(original));
        expect(rewritten.exports.g).toHaveProperty('value', (original.exports.g as WebAssembly.Global).value);
      }),
      { numRuns: 200 },
    );
  });

  test.each(['run', 'recurse', 'mutual'])('%s stops once its deadline word is negative', async (name) => {
    const module = await guestModule(`(module
      (func (export "run") (loop $l (br $l)))
      (func $recurse (export "recurse") (call $recurse) (drop (i32.const 1)))
      (func $mutual (export "mutual") (return_call $other))
      (func $other (return_call $mutual)))`);
    const run = instantiate(module, true);
    run.deadline[0] = -1;
    expect(call(run, name)).toBe('trap: unreachable');
  });

  test.each([
    ['an empty loop', '(br_if $l (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (local.get $n)))'],
    [
      'a loop that reads memory',
      `(local.set $s (i32.add (local.get $s) (i32.load (i32.and (local.get $i) (i32.const 65532)))))
       (br_if $l (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (local.get $n)))`,
    ],
    [
      'a loop that writes memory',
      `(i32.store (i32.and (local.get $i) (i32.const 65532)) (local.get $i))
       (br_if $l (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (local.get $n)))`,
    ],
  ])('%s is stopped by another thread in optimised code too', async (_, body) => {
    const module = await guestModule(`(module (memory 1) (func (export "run") (param $n i32) (result i32)
      (local $i i32) (local $s i32) (loop $l (local.set $i (i32.and (local.get $i) (i32.const 0x3fffffff))) ${body}) (local.get $s)))`);
    const run = instantiate(module, true);
    for (let i = 0; i < 20_000; i++) call(run, 'run', 1000);
    const killer = new Worker(
      `const { workerData, parentPort } = require('node:worker_threads');
       parentPort.postMessage('up');
       Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 100);
       Atomics.store(workerData, 0, -1);`,
      { eval: true, workerData: run.deadline },
    );
    await once(killer, 'message');
    // The index never reaches this bound: without the check it would run for ever.
    expect(call(run, 'run', 0x7fffffff)).toBe('trap: unreachable');
    await killer.terminate();
  });

  test('checks no function entry that calls nothing, since only loops and calls can go on for ever', async () => {
    const text = (body: string): string => `(module (func $f ${body}) (func (export "run")))`;
    const size = async (body: string): Promise<number> => rewriteModule(await guestModule(text(body))).bytes.length;
    const original = async (body: string): Promise<number> => (await guestModule(text(body))).length;
    const base = (await size('nop')) - (await original('nop'));
    expect((await size('call $f')) - (await original('call $f'))).toBeGreaterThan(base);
  });

  test('exports the mutable globals that it defines, by their index', async () => {
    const module = await guestModule(`(module
      (import "host" "g" (global i32))
      (global i32 (i32.const 1)) (global (mut i64) (i64.const 2)) (global (mut f64) (f64.const 3)))`);
    const { bytes, mutableGlobals } = rewriteModule(module);
    expect(mutableGlobals).toEqual([2, 3]);
    const names = WebAssembly.Module.exports(new WebAssembly.Module(bytes)).map((entry) => entry.name);
    expect(names).toEqual([`${GLOBAL_PREFIX}2`, `${GLOBAL_PREFIX}3`]);
  });

  test('imports the memory it defined and keeps one that it imported', async () => {
    const importsOf = (module: Uint8Array): string[] =>
      WebAssembly.Module.imports(new WebAssembly.Module(rewriteModule(module).bytes)).map(
        (i) => `${i.module}.${i.name}`,
      );
    expect(importsOf(await guestModule('(module (memory 3) (func (export "f") (loop)))'))).toEqual([
      'cloudskin.memory',
      'cloudskin.deadline',
    ]);
    expect(importsOf(await guestModule('(module (import "m" "x" (memory 1)) (func (loop)))'))).toEqual([
      'm.x',
      'cloudskin.deadline',
    ]);
    expect(rewriteModule(await guestModule('(module (memory 3))')).memoryPages).toBe(3);
    expect(rewriteModule(await guestModule('(module)')).memoryPages).toBeUndefined();
  });
});

describe('large modules of real toolchains', () => {
  test.each([
    ['Rust with SIMD', 'oxc-parser/parser.wasm32-wasip1.wasm'],
    ['C by emscripten', 'libpg-query/wasm/libpg-query.wasm'],
    ['Rust, a component tool', '@bytecodealliance/jco-transpile/vendor/wasm-tools.core.wasm'],
  ])('%s: walked through and still valid', async (_, path) => {
    const module = await readFile(new URL(`../../../node_modules/${path}`, import.meta.url));
    expect(WebAssembly.validate(rewriteModule(module).bytes)).toBe(true);
  });
});

describe('what cannot be walked', () => {
  let header: Uint8Array;
  beforeAll(async () => {
    header = (await guestModule('(module)')).subarray(0, 8);
  });

  /** A module of one function `() -> ()` with this code. */
  function withCode(...code: number[]): Uint8Array {
    const body = [0, ...code, 0x0b];
    return new ByteWriter()
      .bytes(header)
      .bytes([1, 4, 1, 0x60, 0, 0, 3, 2, 1, 0, 10, body.length + 2, 1, body.length, ...body])
      .finish();
  }

  test.each([
    ['an unknown opcode', [0xf1], /unsupported instruction 0xf1/],
    ['exceptions', [0x1f, 0x40, 0], /unsupported instruction try_table \(exceptions\)/],
    ['garbage collection', [0xfb, 0], /unsupported instruction garbage collection/],
    ['typed function references', [0x14, 0], /unsupported instruction call_ref/],
    ['an unknown SIMD instruction', [0xfd, 0xff, 0x7f], /unknown instruction 0xfd/],
    [
      'a number that does not end',
      [0x41, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80],
      /exceeds 64 bits/,
    ],
  ])('%s is refused by name', (_, code, message) => {
    expect(() => rewriteModule(withCode(...code))).toThrow(message);
    expect(() => rewriteModule(withCode(...code))).toThrow(MalformedBinary);
  });

  test('64-bit and shared memories are refused by name', () => {
    const memory = (flags: number): Uint8Array => new ByteWriter().bytes(header).bytes([5, 4, 1, flags, 1, 1]).finish();
    expect(() => rewriteModule(memory(4))).toThrow(/unsupported 64-bit memory/);
    expect(() => rewriteModule(memory(3))).toThrow(/unsupported shared memory/);
  });
});
