/** Integer arithmetic with checks, in line. */
import type { ValueType } from '../emit/function.ts';
import type { Inline, InlineContext } from './inline-context.ts';

type Integer = 'i32' | 'i64';

const MIN = { i32: -(2n ** 31n), i64: -(2n ** 63n) } as const;

function constant({ f }: InlineContext, type: Integer, value: bigint): void {
  if (type === 'i32') f.i32(Number(value));
  else f.i64(value);
}

/** The two arguments, taken from the stack into scratch locals. */
function take(context: InlineContext, type: ValueType) {
  const b = context.temp(type, 1);
  const a = context.temp(type, 0);
  context.f.set(b);
  context.f.set(a);
  return { a, b, result: context.temp(type, 2) };
}

/** A sum overflowed when both terms have a sign that it has not; a difference likewise, with the second term negated. */
function sum(type: Integer, operation: 'add' | 'sub'): Inline {
  return (context) => {
    const { f } = context;
    const { a, b, result } = take(context, type);
    f.get(a);
    f.get(b);
    f.op(`${type}.${operation}`);
    f.tee(result);
    f.get(a);
    f.op(`${type}.xor`);
    f.get(operation === 'add' ? result : a);
    f.get(b);
    f.op(`${type}.xor`);
    f.op(`${type}.and`);
    constant(context, type, 0n);
    f.op(`${type}.lt_s`);
    f.if(() => context.fail('overflow'));
    f.get(result);
  };
}

const multiplyInt32: Inline = (context) => {
  const { f } = context;
  const { a, b } = take(context, 'i32');
  const product = context.temp('i64', 0);
  f.get(a);
  f.op('i64.extend_i32_s');
  f.get(b);
  f.ops('i64.extend_i32_s i64.mul');
  f.tee(product);
  f.ops('i32.wrap_i64 i64.extend_i32_s');
  f.get(product);
  f.op('i64.ne');
  f.if(() => context.fail('overflow'));
  f.get(product);
  f.op('i32.wrap_i64');
};

/** Two factors of 32 bits cannot overflow; others go to the support module, which leaves its answer in the error word. */
const multiplyInt64: Inline = (context) => {
  const { f } = context;
  const { a, b, result } = take(context, 'i64');
  const narrow = (local: typeof a) => {
    f.get(local);
    f.op('i64.extend32_s');
    f.get(local);
    f.op('i64.eq');
  };
  narrow(a);
  narrow(b);
  f.op('i32.and');
  f.if(
    () => {
      f.get(a);
      f.get(b);
      f.op('i64.mul');
      f.set(result);
    },
    () => {
      f.get(a);
      f.get(b);
      context.support('multiplyInt64');
      f.set(result);
      context.check();
    },
  );
  f.get(result);
};

function divide(type: Integer): Inline {
  return (context) => {
    const { f } = context;
    const { a, b } = take(context, type);
    f.get(b);
    f.op(`${type}.eqz`);
    f.if(() => context.fail('divisionByZero'));
    f.get(b);
    constant(context, type, -1n);
    f.op(`${type}.eq`);
    f.get(a);
    constant(context, type, MIN[type]);
    f.ops(`${type}.eq i32.and`);
    f.if(() => context.fail('overflow'));
    f.get(a);
    f.get(b);
    f.op(`${type}.div_s`);
  };
}

function remainder(type: Integer): Inline {
  return (context) => {
    const { f } = context;
    const { a, b } = take(context, type);
    f.get(b);
    f.op(`${type}.eqz`);
    f.if(() => context.fail('divisionByZero'));
    f.get(a);
    f.get(b);
    f.op(`${type}.rem_s`);
  };
}

/** `abs` where `onlyNegative`, else the opposite; the least integer has none. */
function negate(type: Integer, onlyNegative: boolean): Inline {
  return (context) => {
    const { f } = context;
    const a = context.temp(type, 0);
    f.tee(a);
    constant(context, type, MIN[type]);
    f.op(`${type}.eq`);
    f.if(() => context.fail('overflow'));
    constant(context, type, 0n);
    f.get(a);
    f.op(`${type}.sub`);
    if (!onlyNegative) return;
    f.get(a);
    f.get(a);
    constant(context, type, 0n);
    f.op(`${type}.lt_s`);
    f.op('select');
  };
}

const narrowInt64: Inline = (context) => {
  const { f } = context;
  const a = context.temp('i64', 0);
  f.tee(a);
  f.ops('i32.wrap_i64 i64.extend_i32_s');
  f.get(a);
  f.op('i64.ne');
  f.if(() => context.fail('outOfRange'));
  f.get(a);
  f.op('i32.wrap_i64');
};

const KINDS: readonly (readonly [kind: string, type: Integer])[] = [
  ['int32', 'i32'],
  ['int64', 'i64'],
];

export const INTEGER_INLINE: readonly (readonly [string, Inline])[] = [
  ...KINDS.flatMap(([kind, type]): [string, Inline][] => [
    [`add.${kind}`, sum(type, 'add')],
    [`sub.${kind}`, sum(type, 'sub')],
    [`div.${kind}`, divide(type)],
    [`mod.${kind}`, remainder(type)],
    [`neg.${kind}`, negate(type, false)],
    [`abs.${kind}`, negate(type, true)],
  ]),
  ['mul.int32', multiplyInt32],
  ['mul.int64', multiplyInt64],
  ['cast.int64.int32', narrowInt64],
];
