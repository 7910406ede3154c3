/**
 * Mathematical functions, over float64 as in PostgreSQL (an integer or float32 argument is widened). The domain errors, overflow
 * and underflow errors and the special cases are PostgreSQL's; sine and the like may differ from it in the last bit.
 */
import { type CatalogueFunction, define, fail } from '../define.ts';
import type { EvaluationError } from '../ir.ts';
import { roundDecimal } from './decimal.ts';
import { atan2 } from './portable/trigonometric.ts';
import * as portable from './transcendental.ts';

const TRANSCENDENTAL = { args: ['float64'], result: 'float64', approximate: true } as const;
const ROUNDING = { args: ['float64'], result: 'float64' } as const;
const RANGE: readonly EvaluationError[] = ['outOfRange'];

/** PostgreSQL rounds half to even, as C's rint does. */
export function rint(x: number): number {
  if (!Number.isFinite(x) || Math.abs(x) >= 2 ** 52) return x;
  const floor = Math.floor(x);
  const rest = x - floor;
  const up = rest > 0.5 || (rest === 0.5 && floor % 2 !== 0);
  const rounded = up ? floor + 1 : floor;
  return rounded === 0 && (x < 0 || Object.is(x, -0)) ? -0 : rounded;
}

function finite(x: number): number {
  return x === Infinity || x === -Infinity ? fail('outOfRange') : x;
}

function unit(x: number): number {
  return x < -1 || x > 1 ? fail('outOfRange') : x;
}

/** Checks a result that came of finite arguments. */
function checked(result: number, zeroIsUnderflow: boolean): number {
  if (result === Infinity || result === -Infinity) return fail('overflow');
  return result === 0 && zeroIsUnderflow ? fail('underflow') : result;
}

/** As PostgreSQL's dpow: the SQL standard's errors first, C99's special cases next. */
function power(x: number, y: number): number {
  if (Number.isNaN(x)) return y === 0 ? 1 : x;
  if (Number.isNaN(y)) return x === 1 ? 1 : y;
  if (x === 0 && y < 0) return fail('invalidArgument');
  if (x < 0 && Number.isFinite(y) && Math.floor(y) !== y) return fail('invalidArgument');
  if (x === 1) return 1; // JavaScript says NaN for 1 to the power of infinity
  if (x === -1) return Math.abs(y % 2) === 1 ? -1 : 1;
  if (x === 0 || !Number.isFinite(x) || !Number.isFinite(y)) return x ** y;
  return checked(portable.power(x, y), true);
}

const rounding: readonly CatalogueFunction[] = [
  define({
    ...ROUNDING,
    id: 'ceil',
    sql: ['ceil', 'ceiling'],
    summary: 'The least whole number that is not less.',
    example: 'ceil(1.2) → 2.0',
    evaluate: (x) => Math.ceil(x),
  }),
  define({
    ...ROUNDING,
    id: 'floor',
    sql: ['floor'],
    summary: 'The greatest whole number that is not greater.',
    example: 'floor(-1.2) → -2.0',
    evaluate: (x) => Math.floor(x),
  }),
  define({
    ...ROUNDING,
    id: 'round.float64',
    sql: ['round'],
    summary: 'The nearest whole number; halves go to the even one.',
    example: 'round(2.5::float8) → 2.0',
    difference:
      'A literal such as 2.5 is float64 here, so that round(2.5) is 2; PostgreSQL takes it for numeric and says 3.',
    evaluate: (x) => rint(x),
  }),
  define({
    id: 'round.float64.int32',
    sql: ['round'],
    args: ['float64', 'int32'],
    result: 'float64',
    errors: ['overflow'],
    summary:
      'Rounded to that many decimals (before the point where negative), as its shortest decimal text reads; halves go away from zero.',
    example: 'round(1.005, 2) → 1.01',
    difference: 'PostgreSQL has it for numeric only.',
    evaluate: (x, digits) => roundDecimal(x, digits, 'half'),
  }),
  define({
    ...ROUNDING,
    id: 'trunc.float64',
    sql: ['trunc'],
    summary: 'The whole number towards zero.',
    example: 'trunc(-1.7) → -1.0',
    evaluate: (x) => Math.trunc(x),
  }),
  define({
    id: 'trunc.float64.int32',
    sql: ['trunc'],
    args: ['float64', 'int32'],
    result: 'float64',
    summary: 'Cut off after that many decimals, as its shortest decimal text reads.',
    example: 'trunc(1.239, 2) → 1.23',
    difference: 'PostgreSQL has it for numeric only.',
    evaluate: (x, digits) => roundDecimal(x, digits, 'down'),
  }),
  define({
    ...ROUNDING,
    id: 'sign',
    sql: ['sign'],
    summary: '-1, 0 or 1; 0 of NaN, too.',
    example: 'sign(-8.4) → -1.0',
    evaluate: (x) => (x > 0 ? 1 : x < 0 ? -1 : 0),
  }),
];

const powers: readonly CatalogueFunction[] = [
  define({
    id: 'sqrt',
    sql: ['sqrt'],
    operator: '|/',
    args: ['float64'],
    result: 'float64',
    errors: ['invalidArgument'],
    summary: 'Square root; an error of negative numbers.',
    example: 'sqrt(2.25) → 1.5',
    evaluate: (x) => (x < 0 ? fail('invalidArgument') : Math.sqrt(x)),
  }),
  define({
    ...TRANSCENDENTAL,
    id: 'cbrt',
    sql: ['cbrt'],
    operator: '||/',
    summary: 'Cube root.',
    example: 'cbrt(27.0) → 3.0',
    evaluate: (x) => Math.cbrt(x),
  }),
  define({
    id: 'power',
    sql: ['power', 'pow'],
    operator: '^',
    args: ['float64', 'float64'],
    result: 'float64',
    approximate: true,
    errors: ['invalidArgument', 'overflow', 'underflow'],
    summary: 'The first argument to the power of the second; associates to the left.',
    example: '2 ^ 10 → 1024.0',
    evaluate: (x, y) => power(x, y),
  }),
  define({
    ...TRANSCENDENTAL,
    id: 'exp',
    sql: ['exp'],
    errors: ['overflow', 'underflow'],
    summary: 'e to that power.',
    example: 'exp(0) → 1.0',
    evaluate: (x) => (Number.isFinite(x) ? checked(portable.exp(x), true) : portable.exp(x)),
  }),
  define({
    ...TRANSCENDENTAL,
    id: 'ln',
    sql: ['ln'],
    errors: ['invalidArgument'],
    summary: 'Natural logarithm; an error of zero and negative numbers.',
    example: 'ln(1) → 0.0',
    evaluate: (x) => (x <= 0 ? fail('invalidArgument') : portable.ln(x)),
  }),
  define({
    ...TRANSCENDENTAL,
    id: 'log',
    sql: ['log', 'log10'],
    errors: ['invalidArgument'],
    summary: 'Logarithm to the base of 10; an error of zero and negative numbers.',
    example: 'log(1000.0) → 3.0',
    evaluate: (x) => (x <= 0 ? fail('invalidArgument') : portable.log10(x)),
  }),
];

const angles: readonly CatalogueFunction[] = [
  define({
    ...TRANSCENDENTAL,
    id: 'sin',
    sql: ['sin'],
    errors: RANGE,
    summary: 'Sine of radians; an error of infinities.',
    example: 'sin(0) → 0.0',
    evaluate: (x) => portable.sin(finite(x)),
  }),
  define({
    ...TRANSCENDENTAL,
    id: 'cos',
    sql: ['cos'],
    errors: RANGE,
    summary: 'Cosine of radians; an error of infinities.',
    example: 'cos(0) → 1.0',
    evaluate: (x) => portable.cos(finite(x)),
  }),
  define({
    ...TRANSCENDENTAL,
    id: 'tan',
    sql: ['tan'],
    errors: RANGE,
    summary: 'Tangent of radians; an error of infinities.',
    example: 'tan(0) → 0.0',
    evaluate: (x) => portable.tan(finite(x)),
  }),
  define({
    ...TRANSCENDENTAL,
    id: 'asin',
    sql: ['asin'],
    errors: RANGE,
    summary: 'Inverse sine, in radians; an error outside -1 to 1.',
    example: 'asin(0) → 0.0',
    evaluate: (x) => Math.asin(unit(x)),
  }),
  define({
    ...TRANSCENDENTAL,
    id: 'acos',
    sql: ['acos'],
    errors: RANGE,
    summary: 'Inverse cosine, in radians; an error outside -1 to 1.',
    example: 'acos(1) → 0.0',
    evaluate: (x) => Math.acos(unit(x)),
  }),
  define({
    ...TRANSCENDENTAL,
    id: 'atan',
    sql: ['atan'],
    summary: 'Inverse tangent, in radians.',
    example: 'atan(0) → 0.0',
    evaluate: (x) => Math.atan(x),
  }),
  define({
    id: 'atan2',
    sql: ['atan2'],
    args: ['float64', 'float64'],
    result: 'float64',
    approximate: true,
    summary: 'Angle of the point (second, first), in radians.',
    example: 'atan2(0, 1) → 0.0',
    evaluate: (y, x) => atan2(y, x),
  }),
  define({
    id: 'degrees',
    sql: ['degrees'],
    args: ['float64'],
    result: 'float64',
    errors: ['overflow', 'underflow'],
    summary: 'Radians in degrees.',
    example: 'degrees(pi()) → 180.0',
    evaluate: (x) => {
      const result = x / RADIANS_PER_DEGREE;
      return Number.isFinite(x) && x !== 0 ? checked(result, true) : result;
    },
  }),
  define({
    id: 'radians',
    sql: ['radians'],
    args: ['float64'],
    result: 'float64',
    errors: ['underflow'],
    summary: 'Degrees in radians.',
    example: 'radians(180) → 3.141592653589793',
    evaluate: (x) => {
      const result = x * RADIANS_PER_DEGREE;
      return Number.isFinite(x) && x !== 0 ? checked(result, true) : result;
    },
  }),
];

/** As PostgreSQL's float.c writes it. */
const RADIANS_PER_DEGREE = 0.017453292519943295;

export const MATHS: readonly CatalogueFunction[] = [...rounding, ...powers, ...angles];
