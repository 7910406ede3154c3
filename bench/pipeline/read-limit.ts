/** How fast WebAssembly can read a batch that lies in its memory: the sum of all its bytes as 64-bit lanes, by SIMD. */
import { ModuleBuilder } from '../../engine/compile/emit/module.ts';

const UNROLLED = 8;

/** `sum(address, end)`: the range is a multiple of 128 bytes. */
function sumModule(): Uint8Array {
  const module = new ModuleBuilder();
  module.importMemory('env', 'memory', 1);
  const f = module.function(
    'sum',
    [
      ['at', 'i32'],
      ['end', 'i32'],
    ],
    ['i64'],
  );
  module.export(f.callee);
  const sums = Array.from({ length: UNROLLED }, (_, index) => f.local('v128', `sum${index}`));
  f.loop((again) => {
    sums.forEach((sum, index) => {
      f.get(sum);
      f.get(f.param(0));
      f.memory('v128.load', index * 16);
      f.op('i64x2.add');
      f.set(sum);
    });
    f.get(f.param(0));
    f.i32(UNROLLED * 16);
    f.op('i32.add');
    f.set(f.param(0));
    f.get(f.param(0));
    f.get(f.param(1));
    f.op('i32.lt_u');
    f.brIf(again);
  });
  sums.forEach((sum, index) => {
    f.get(sum);
    if (index > 0) f.op('i64x2.add');
  });
  const total = f.local('v128', 'total');
  f.set(total);
  for (const lane of [0, 1]) {
    f.get(total);
    f.lane('i64x2.extract_lane', lane);
  }
  f.op('i64.add');
  return module.encode();
}

/** A function that reads `body` once, where it lies in a memory of its own. */
export function readLimit(body: Uint8Array): () => void {
  const memory = new WebAssembly.Memory({ initial: Math.ceil(body.length / 65_536) + 1 });
  new Uint8Array(memory.buffer).set(body);
  const { exports } = new WebAssembly.Instance(new WebAssembly.Module(sumModule()), { env: { memory } });
  const sum = exports.sum as (at: number, end: number) => bigint;
  const end = body.length - (body.length % (UNROLLED * 16));
  const expected = new BigInt64Array(body.buffer, body.byteOffset, end / 8).reduce((total, value) => total + value, 0n);
  if (sum(0, end) !== BigInt.asIntN(64, expected)) throw new Error('the read limit adds up wrongly');
  return () => {
    sum(0, end);
  };
}
