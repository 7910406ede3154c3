/** Float arithmetic, comparison and casts with PostgreSQL's checks, in line. */
import type { Local } from '../emit/function.ts';
import type { Inline, InlineContext } from './inline-context.ts';

type Float = 'f32' | 'f64';

function constant({ f }: InlineContext, type: Float, value: number): void {
  if (type === 'f32') f.f32(value);
  else f.f64(value);
}

function take(context: InlineContext, type: Float) {
  const b = context.temp(type, 1);
  const a = context.temp(type, 0);
  context.f.set(b);
  context.f.set(a);
  return { a, b, result: context.temp(type, 2) };
}

/**
 * Leaves 1 where `value` is infinite or NaN (or, with `zero`, a zero): with the sign shifted out the bits of these are at
 * the ends of the range, so that one unsigned comparison finds them. What it finds is looked at more closely.
 */
export function suspicious({ f }: InlineContext, type: Float, value: Local, zero: boolean): void {
  f.get(value);
  if (type === 'f64') {
    f.op('i64.reinterpret_f64');
    f.i64(1n);
    f.op('i64.shl');
    if (zero) f.i64(1n);
    if (zero) f.op('i64.sub');
    f.i64(0xffe0_0000_0000_0000n - (zero ? 1n : 0n));
    f.op('i64.ge_u');
  } else {
    f.op('i32.reinterpret_f32');
    f.i32(1);
    f.op('i32.shl');
    if (zero) f.i32(1);
    if (zero) f.op('i32.sub');
    f.i32(0xff00_0000 - (zero ? 1 : 0));
    f.op('i32.ge_u');
  }
}

function isInfinite(context: InlineContext, type: Float, value: Local): void {
  const { f } = context;
  f.get(value);
  f.op(`${type}.abs`);
  constant(context, type, Number.POSITIVE_INFINITY);
  f.op(`${type}.eq`);
}

function isZero(context: InlineContext, type: Float, value: Local): void {
  context.f.get(value);
  constant(context, type, 0);
  context.f.op(`${type}.eq`);
}

function not(context: InlineContext): void {
  context.f.op('i32.eqz');
}

function arithmetic(type: Float, operation: 'add' | 'sub' | 'mul' | 'div'): Inline {
  return (context) => {
    const { f } = context;
    const { a, b, result } = take(context, type);
    f.get(a);
    f.get(b);
    f.op(`${type}.${operation}`);
    f.set(result);
    suspicious(context, type, result, operation === 'mul' || operation === 'div');
    f.if(() => {
      if (operation === 'div') checkDivisor(context, type, a, b);
      checkOverflow(context, type, { a, b, result, divides: operation === 'div' });
      if (operation === 'mul' || operation === 'div') {
        checkUnderflow(context, type, { a, b, result, divides: operation === 'div' });
      }
    });
    f.get(result);
  };
}

interface Operation {
  readonly a: Local;
  readonly b: Local;
  readonly result: Local;
  readonly divides: boolean;
}

/** Division by zero is an error but of NaN. */
function checkDivisor(context: InlineContext, type: Float, a: Local, b: Local): void {
  const { f } = context;
  isZero(context, type, b);
  f.get(a);
  f.get(a);
  f.ops(`${type}.eq i32.and`);
  f.if(() => context.fail('divisionByZero'));
}

/** Infinite out of finite arguments. */
function checkOverflow(context: InlineContext, type: Float, { a, b, result, divides }: Operation): void {
  const { f } = context;
  isInfinite(context, type, result);
  isInfinite(context, type, a);
  not(context);
  f.op('i32.and');
  if (!divides) {
    isInfinite(context, type, b);
    not(context);
    f.op('i32.and');
  }
  f.if(() => context.fail('overflow'));
}

/** Zero out of other numbers. */
function checkUnderflow(context: InlineContext, type: Float, { a, b, result, divides }: Operation): void {
  const { f } = context;
  isZero(context, type, result);
  isZero(context, type, a);
  not(context);
  f.op('i32.and');
  if (divides) isInfinite(context, type, b);
  else isZero(context, type, b);
  not(context);
  f.op('i32.and');
  f.if(() => context.fail('underflow'));
}

/** The order in which NaN is greatest: a < b, or only b is NaN. */
function less({ f }: InlineContext, type: Float, a: Local, b: Local): void {
  f.get(a);
  f.get(b);
  f.op(`${type}.lt`);
  f.get(b);
  f.get(b);
  f.op(`${type}.ne`);
  f.get(a);
  f.get(a);
  f.ops(`${type}.eq i32.and i32.or`);
}

function equal({ f }: InlineContext, type: Float, a: Local, b: Local): void {
  f.get(a);
  f.get(b);
  f.op(`${type}.eq`);
  f.get(a);
  f.get(a);
  f.op(`${type}.ne`);
  f.get(b);
  f.get(b);
  f.ops(`${type}.ne i32.and i32.or`);
}

type Relation = (context: InlineContext, type: Float, a: Local, b: Local) => void;

function negated(relation: Relation): Relation {
  return (context, type, a, b) => {
    relation(context, type, a, b);
    not(context);
  };
}

function swapped(relation: Relation): Relation {
  return (context, type, a, b) => relation(context, type, b, a);
}

const RELATIONS: Readonly<Record<string, Relation>> = {
  eq: equal,
  ne: negated(equal),
  lt: less,
  ge: negated(less),
  gt: swapped(less),
  le: negated(swapped(less)),
};

function relation(type: Float, name: string): Inline {
  return (context) => {
    const { a, b } = take(context, type);
    RELATIONS[name]?.(context, type, a, b);
  };
}

/** Rounded halves to even; NaN and what does not fit is an error. Both limits are exact in float64. */
function toInteger(type: Float, target: 'i32' | 'i64'): Inline {
  return (context) => {
    const { f } = context;
    const x = context.temp('f64', 0);
    if (type === 'f32') f.op('f64.promote_f32');
    f.op('f64.nearest');
    f.tee(x);
    f.f64(target === 'i32' ? -(2 ** 31) : -(2 ** 63));
    f.op('f64.ge');
    f.get(x);
    f.f64(target === 'i32' ? 2 ** 31 : 2 ** 63);
    f.ops('f64.lt i32.and i32.eqz');
    f.if(() => context.fail('outOfRange'));
    f.get(x);
    f.op(`${target}.trunc_f64_s`);
  };
}

const demote: Inline = (context) => {
  const { f } = context;
  const x = context.temp('f64', 0);
  const result = context.temp('f32', 0);
  f.tee(x);
  f.op('f32.demote_f64');
  f.set(result);
  suspicious(context, 'f32', result, true);
  f.if(() => {
    isInfinite(context, 'f32', result);
    isInfinite(context, 'f64', x);
    not(context);
    f.op('i32.and');
    f.if(() => context.fail('overflow'));
    isZero(context, 'f32', result);
    isZero(context, 'f64', x);
    not(context);
    f.op('i32.and');
    f.if(() => context.fail('underflow'));
  });
  f.get(result);
};

const KINDS: readonly (readonly [kind: string, type: Float])[] = [
  ['float32', 'f32'],
  ['float64', 'f64'],
];

export const FLOAT_INLINE: readonly (readonly [string, Inline])[] = [
  ...KINDS.flatMap(([kind, type]): [string, Inline][] => [
    [`add.${kind}`, arithmetic(type, 'add')],
    [`sub.${kind}`, arithmetic(type, 'sub')],
    [`mul.${kind}`, arithmetic(type, 'mul')],
    [`div.${kind}`, arithmetic(type, 'div')],
    [`neg.${kind}`, ({ f }) => f.op(`${type}.neg`)],
    [`abs.${kind}`, ({ f }) => f.op(`${type}.abs`)],
    ...Object.keys(RELATIONS).map((name): [string, Inline] => [`${name}.${kind}`, relation(type, name)]),
    [`cast.${kind}.int32`, toInteger(type, 'i32')],
    [`cast.${kind}.int64`, toInteger(type, 'i64')],
  ]),
  ['cast.float64.float32', demote],
];
