/**
 * Catalogue functions that are written out where they are called: arithmetic, comparison, bits, casts between numbers.
 * Arguments are on the stack in order; the result takes their place. PostgreSQL's errors: integers that overflow, division by zero,
 * floats that become infinite or vanish; its order of floats: NaN equals NaN and is above all else.
 */
import type { Inline } from './inline-context.ts';
import { FLOAT_INLINE } from './inline-float.ts';
import { INTEGER_INLINE } from './inline-integer.ts';

function ops(names: string): Inline {
  return ({ f }) => f.ops(names);
}

const RELATIONS = ['eq', 'ne', 'lt', 'le', 'gt', 'ge'] as const;
const INTEGER_KINDS = { bool: 'i32', int32: 'i32', date32: 'i32', int64: 'i64', timestamp: 'i64', duration: 'i64' };

function relations(): [string, Inline][] {
  const entries: [string, Inline][] = [];
  for (const relation of RELATIONS) {
    const sign = relation === 'eq' || relation === 'ne' ? '' : '_s';
    for (const [kind, type] of Object.entries(INTEGER_KINDS)) {
      entries.push([`${relation}.${kind}`, ops(`${type}.${relation}${sign}`)]);
    }
    for (const kind of ['utf8', 'binary']) entries.push([`${relation}.${kind}`, bytesRelation(relation, sign)]);
  }
  return entries;
}

function bytesRelation(relation: string, sign: string): Inline {
  return (context) => {
    const { f } = context;
    if (sign === '') {
      context.support('equalBytes');
      if (relation === 'ne') f.op('i32.eqz');
    } else {
      context.support('compareBytes');
      f.i32(0);
      f.op(`i32.${relation}_s`);
    }
  };
}

function xorOnes(type: 'i32' | 'i64'): Inline {
  return ({ f }) => {
    if (type === 'i32') f.i32(-1);
    else f.i64(-1n);
    f.op(`${type}.xor`);
  };
}

const BITS: [string, Inline][] = [
  ...['and', 'or', 'xor'].flatMap((name): [string, Inline][] => [
    [`bit${name}.int32`, ops(`i32.${name}`)],
    [`bit${name}.int64`, ops(`i64.${name}`)],
  ]),
  ['bitnot.int32', xorOnes('i32')],
  ['bitnot.int64', xorOnes('i64')],
  ['shl.int32', ops('i32.shl')],
  ['shr.int32', ops('i32.shr_s')],
  ['shl.int64.int32', ops('i64.extend_i32_u i64.shl')],
  ['shr.int64.int32', ops('i64.extend_i32_u i64.shr_s')],
];

const CASTS: [string, Inline][] = [
  ['cast.bool.int32', () => {}],
  ['cast.int32.bool', ops('i32.eqz i32.eqz')],
  ['cast.int32.int64', ops('i64.extend_i32_s')],
  ['cast.int32.float32', ops('f32.convert_i32_s')],
  ['cast.int32.float64', ops('f64.convert_i32_s')],
  ['cast.int64.float32', ops('f32.convert_i64_s')],
  ['cast.int64.float64', ops('f64.convert_i64_s')],
  ['cast.float32.float64', ops('f64.promote_f32')],
];

const ROUNDING: [string, Inline][] = [
  ['ceil', ops('f64.ceil')],
  ['floor', ops('f64.floor')],
  ['trunc.float64', ops('f64.trunc')],
  ['round.float64', ops('f64.nearest')],
];

export const INLINE: ReadonlyMap<string, Inline> = new Map([
  ...relations(),
  ...BITS,
  ...CASTS,
  ...ROUNDING,
  ...INTEGER_INLINE,
  ...FLOAT_INLINE,
]);

/** The helper of the support module that an inlined function calls, if any. */
export function inlineHelper(id: string): string | undefined {
  if (id === 'mul.int64') return 'multiplyInt64';
  const [relation, kind] = id.split('.');
  if (kind !== 'utf8' && kind !== 'binary') return undefined;
  if (relation === 'eq' || relation === 'ne') return 'equalBytes';
  return RELATIONS.some((name) => name === relation) ? 'compareBytes' : undefined;
}
