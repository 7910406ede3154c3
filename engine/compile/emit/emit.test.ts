import { describe, expect, test } from 'vitest';
import loadWabt from 'wabt';
import { ModuleBuilder } from './module.ts';
import { OPCODES } from './opcodes.ts';
import { printModule } from './wat.ts';

const wabt = await loadWabt();

/** A module that uses every structure of the emitter: sums the even numbers of an i32 array and reports by an import. */
function sample(): ModuleBuilder {
  const module = new ModuleBuilder();
  module.importMemory('env', 'memory', 1);
  const report = module.importFunction('env', 'report', ['i32', 'i64'], []);
  const pair = module.function('pair', [['x', 'i64']], ['i64', 'f64']);
  pair.block(() => {
    pair.get(pair.param(0));
    pair.f64(-0);
  }, ['i64', 'f64']);
  const sum = module.function('sum', [['rows', 'i32']], ['i64']);
  const at = sum.local('i32', 'at');
  const total = sum.local('i64', 'total');
  sum.block((done) => {
    sum.loop((again) => {
      sum.get(at);
      sum.get(sum.param(0));
      sum.op('i32.ge_s');
      sum.brIf(done);
      sum.get(at);
      sum.i32(2);
      sum.op('i32.shl');
      sum.memory('i32.load', 64);
      sum.i32(1);
      sum.op('i32.and');
      sum.if(
        () => {
          sum.get(at);
          sum.get(total);
          sum.call(report);
        },
        () => {
          sum.get(total);
          sum.get(at);
          sum.i32(2);
          sum.op('i32.shl');
          sum.memory('i64.load32_s', 64);
          sum.op('i64.add');
          sum.set(total);
        },
      );
      sum.get(at);
      sum.i32(1);
      sum.op('i32.add');
      sum.set(at);
      sum.br(again);
    });
  });
  sum.get(total);
  sum.call(pair.callee);
  sum.op('drop');
  module.export(sum.callee);
  module.segment(64, new Uint8Array(new Int32Array([2, 3, 4, 1_000_000, -6]).buffer));
  return module;
}

function run(bytes: Uint8Array): unknown {
  const reported: unknown[] = [];
  const memory = new WebAssembly.Memory({ initial: 1 });
  const env = { memory, report: (at: number, total: bigint) => reported.push(at, total) };
  const { exports } = new WebAssembly.Instance(new WebAssembly.Module(bytes), { env });
  return [(exports.sum as (rows: number) => bigint)(5), reported];
}

describe('the emitter', () => {
  test('makes a module that V8 accepts and that computes what was written', () => {
    expect(run(sample().encode())).toEqual([1_000_000n, [1, 2n]]);
  });

  test('prints text that wabt assembles to a module that behaves the same', () => {
    const { buffer } = wabt.parseWat('sample.wat', printModule(sample())).toBinary({});
    expect(run(buffer)).toEqual([1_000_000n, [1, 2n]]);
  });

  test('encodes every listed instruction as wabt does', () => {
    for (const [name, op] of OPCODES) {
      const module = new ModuleBuilder();
      module.importMemory('env', 'memory', 1);
      const fn = module.function('f', []);
      fn.op('unreachable');
      if (op.immediate === 'memory') fn.memory(name, 300);
      else if (op.immediate === 'lane') fn.lane(name, 1);
      else fn.op(name);
      fn.op('unreachable');
      const text = printModule(module);
      const parsed = wabt.parseWat('one.wat', text).toBinary({ write_debug_names: true });
      expect([name, ...parsed.buffer]).toEqual([name, ...module.encode()]);
    }
  });

  test.each([0n, 63n, 64n, -64n, -65n, 2n ** 31n, 2n ** 63n - 1n, -(2n ** 63n)])('encodes the integer %s', (value) => {
    const module = new ModuleBuilder();
    const fn = module.function('f', [], ['i64']);
    fn.i64(value);
    module.export(fn.callee);
    const { exports } = new WebAssembly.Instance(new WebAssembly.Module(module.encode()));
    expect((exports.f as () => bigint)()).toBe(value);
    expect(printModule(module)).toContain(`i64.const ${value}`);
  });

  test('refuses an instruction that it does not know', () => {
    const fn = new ModuleBuilder().function('f', []);
    expect(() => fn.op('i32.frobnicate')).toThrow('no instruction i32.frobnicate');
    expect(() => fn.op('i32.load')).toThrow('no instruction i32.load');
  });
});
