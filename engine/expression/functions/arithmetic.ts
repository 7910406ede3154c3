/** Arithmetic: + - * / % and their signs over integers and floats. Results that do not fit are errors, never wrapped. */
import { type CatalogueFunction, define, fail } from '../define.ts';
import type { EvaluationError } from '../ir.ts';

const INT64_MIN = -(2n ** 63n);
const INT64_MAX = 2n ** 63n - 1n;

/** The int32 that `value` is, or the error `overflow`. `value` is an integer below 2^53, or a product near it. */
function int32(value: number): number {
  return value === (value | 0) ? value : fail('overflow');
}

/** The int64 that `value` is, or the error `overflow`. */
export function int64(value: bigint): bigint {
  return value >= INT64_MIN && value <= INT64_MAX ? value : fail('overflow');
}

/** As PostgreSQL's float8pl: infinite only if an argument was. */
function sum(result: number, a: number, b: number): number {
  return Number.isFinite(result) || Number.isNaN(result) || infinite(a) || infinite(b) ? result : fail('overflow');
}

function product(result: number, a: number, b: number): number {
  if (infinite(result) && !infinite(a) && !infinite(b)) return fail('overflow');
  return result === 0 && a !== 0 && b !== 0 ? fail('underflow') : result;
}

function quotient(result: number, a: number, b: number): number {
  if (b === 0 && !Number.isNaN(a)) return fail('divisionByZero');
  if (infinite(result) && !infinite(a)) return fail('overflow');
  return result === 0 && a !== 0 && !infinite(b) ? fail('underflow') : result;
}

function infinite(value: number): boolean {
  return value === Infinity || value === -Infinity;
}

const FLOAT_SUM: readonly EvaluationError[] = ['overflow'];
const FLOAT_PRODUCT: readonly EvaluationError[] = ['overflow', 'underflow'];
const FLOAT_QUOTIENT: readonly EvaluationError[] = ['divisionByZero', 'overflow', 'underflow'];
const f = Math.fround;

const ADD = { operator: '+', summary: 'Sum.' };
const SUB = { operator: '-', summary: 'Difference.' };
const MUL = { operator: '*', summary: 'Product.' };
const DIV = { operator: '/' };
const NEG = { operator: '-', summary: 'The value with the opposite sign.' };
const MOD = { operator: '%', sql: ['mod'], summary: 'Remainder of the division, with the sign of the dividend.' };
const ABS = { operator: '@', sql: ['abs'], summary: 'Distance from zero.' };
const INTEGER_QUOTIENT = 'Quotient, its fraction cut off (towards zero).';

const integers: readonly CatalogueFunction[] = [
  define({
    ...ADD,
    id: 'add.int32',
    args: ['int32', 'int32'],
    result: 'int32',
    errors: ['overflow'],
    example: '1 + 2 → 3',
    evaluate: (a, b) => int32(a + b),
  }),
  define({
    ...ADD,
    id: 'add.int64',
    args: ['int64', 'int64'],
    result: 'int64',
    errors: ['overflow'],
    example: '5000000000 + 1 → 5000000001',
    evaluate: (a, b) => int64(a + b),
  }),
  define({
    ...SUB,
    id: 'sub.int32',
    args: ['int32', 'int32'],
    result: 'int32',
    errors: ['overflow'],
    example: '1 - 2 → -1',
    evaluate: (a, b) => int32(a - b),
  }),
  define({
    ...SUB,
    id: 'sub.int64',
    args: ['int64', 'int64'],
    result: 'int64',
    errors: ['overflow'],
    example: '5000000000 - 1 → 4999999999',
    evaluate: (a, b) => int64(a - b),
  }),
  define({
    ...MUL,
    id: 'mul.int32',
    args: ['int32', 'int32'],
    result: 'int32',
    errors: ['overflow'],
    example: '6 * 7 → 42',
    // Rounded to a double the product may only be off where it is far outside int32; `+ 0` turns -0 into 0.
    evaluate: (a, b) => int32(a * b + 0),
  }),
  define({
    ...MUL,
    id: 'mul.int64',
    args: ['int64', 'int64'],
    result: 'int64',
    errors: ['overflow'],
    example: '5000000000 * 2 → 10000000000',
    evaluate: (a, b) => int64(a * b),
  }),
  define({
    ...DIV,
    id: 'div.int32',
    args: ['int32', 'int32'],
    result: 'int32',
    errors: ['divisionByZero', 'overflow'],
    summary: INTEGER_QUOTIENT,
    example: '-7 / 2 → -3',
    evaluate: (a, b) => (b === 0 ? fail('divisionByZero') : int32(Math.trunc(a / b) + 0)),
  }),
  define({
    ...DIV,
    id: 'div.int64',
    args: ['int64', 'int64'],
    result: 'int64',
    errors: ['divisionByZero', 'overflow'],
    summary: INTEGER_QUOTIENT,
    example: '5000000001 / 2 → 2500000000',
    evaluate: (a, b) => (b === 0n ? fail('divisionByZero') : int64(a / b)),
  }),
  define({
    ...MOD,
    id: 'mod.int32',
    args: ['int32', 'int32'],
    result: 'int32',
    errors: ['divisionByZero'],
    example: '-7 % 2 → -1',
    evaluate: (a, b) => (b === 0 ? fail('divisionByZero') : (a % b) + 0),
  }),
  define({
    ...MOD,
    id: 'mod.int64',
    args: ['int64', 'int64'],
    result: 'int64',
    errors: ['divisionByZero'],
    example: '5000000001 % 2 → 1',
    evaluate: (a, b) => (b === 0n ? fail('divisionByZero') : a % b),
  }),
  define({
    ...NEG,
    id: 'neg.int32',
    args: ['int32'],
    result: 'int32',
    errors: ['overflow'],
    example: '- (3) → -3',
    evaluate: (a) => int32(0 - a),
  }),
  define({
    ...NEG,
    id: 'neg.int64',
    args: ['int64'],
    result: 'int64',
    errors: ['overflow'],
    example: '- (5000000000) → -5000000000',
    evaluate: (a) => int64(-a),
  }),
  define({
    ...ABS,
    id: 'abs.int32',
    args: ['int32'],
    result: 'int32',
    errors: ['overflow'],
    example: 'abs(-3) → 3',
    evaluate: (a) => int32(Math.abs(a)),
  }),
  define({
    ...ABS,
    id: 'abs.int64',
    args: ['int64'],
    result: 'int64',
    errors: ['overflow'],
    example: 'abs(-5000000000) → 5000000000',
    evaluate: (a) => int64(a < 0n ? -a : a),
  }),
];

const floats: readonly CatalogueFunction[] = [
  define({
    ...ADD,
    id: 'add.float32',
    args: ['float32', 'float32'],
    result: 'float32',
    errors: FLOAT_SUM,
    example: '0.5::real + 0.25::real → 0.75',
    evaluate: (a, b) => sum(f(a + b), a, b),
  }),
  define({
    ...ADD,
    id: 'add.float64',
    args: ['float64', 'float64'],
    result: 'float64',
    errors: FLOAT_SUM,
    example: '0.1 + 0.2 → 0.30000000000000004',
    evaluate: (a, b) => sum(a + b, a, b),
  }),
  define({
    ...SUB,
    id: 'sub.float32',
    args: ['float32', 'float32'],
    result: 'float32',
    errors: FLOAT_SUM,
    example: '0.5::real - 0.25::real → 0.25',
    evaluate: (a, b) => sum(f(a - b), a, b),
  }),
  define({
    ...SUB,
    id: 'sub.float64',
    args: ['float64', 'float64'],
    result: 'float64',
    errors: FLOAT_SUM,
    example: '1.5 - 2 → -0.5',
    evaluate: (a, b) => sum(a - b, a, b),
  }),
  define({
    ...MUL,
    id: 'mul.float32',
    args: ['float32', 'float32'],
    result: 'float32',
    errors: FLOAT_PRODUCT,
    example: '0.5::real * 0.5::real → 0.25',
    evaluate: (a, b) => product(f(a * b), a, b),
  }),
  define({
    ...MUL,
    id: 'mul.float64',
    args: ['float64', 'float64'],
    result: 'float64',
    errors: FLOAT_PRODUCT,
    example: '1.5 * 2 → 3.0',
    evaluate: (a, b) => product(a * b, a, b),
  }),
  define({
    ...DIV,
    id: 'div.float32',
    args: ['float32', 'float32'],
    result: 'float32',
    errors: FLOAT_QUOTIENT,
    summary: 'Quotient.',
    example: '1::real / 2::real → 0.5',
    evaluate: (a, b) => quotient(f(a / b), a, b),
  }),
  define({
    ...DIV,
    id: 'div.float64',
    args: ['float64', 'float64'],
    result: 'float64',
    errors: FLOAT_QUOTIENT,
    summary: 'Quotient.',
    example: '7.0 / 2 → 3.5',
    evaluate: (a, b) => quotient(a / b, a, b),
  }),
  define({
    ...MOD,
    id: 'mod.float64',
    args: ['float64', 'float64'],
    result: 'float64',
    errors: ['divisionByZero'],
    example: '5.5 % 2 → 1.5',
    difference: 'PostgreSQL has % for numeric but not for double precision.',
    // C's fmod, which is exact.
    evaluate: (a, b) => (b === 0 && !Number.isNaN(a) ? fail('divisionByZero') : a % b),
  }),
  define({
    ...NEG,
    id: 'neg.float32',
    args: ['float32'],
    result: 'float32',
    example: '- (0.5::real) → -0.5',
    evaluate: (a) => -a,
  }),
  define({
    ...NEG,
    id: 'neg.float64',
    args: ['float64'],
    result: 'float64',
    example: '- (1.5) → -1.5',
    evaluate: (a) => -a,
  }),
  define({
    ...ABS,
    id: 'abs.float32',
    args: ['float32'],
    result: 'float32',
    example: 'abs(-0.5::real) → 0.5',
    evaluate: (a) => Math.abs(a),
  }),
  define({
    ...ABS,
    id: 'abs.float64',
    args: ['float64'],
    result: 'float64',
    example: 'abs(-1.5) → 1.5',
    evaluate: (a) => Math.abs(a),
  }),
];

export const ARITHMETIC: readonly CatalogueFunction[] = [...integers, ...floats];
