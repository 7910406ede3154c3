/** Casts from text and to text. `text-numbers.ts` and `text-times.ts` hold the formats. */
import { type CatalogueFunction, define, fail } from '../define.ts';
import type { EvaluationError } from '../ir.ts';
import { MAX_TEXT_BYTES } from './text-kit.ts';
import { formatFloat, parseBool, parseFloat32, parseFloat64, parseInteger } from './text-numbers.ts';
import { formatDate, formatDuration, formatTimestamp, parseTimestamp } from './text-times.ts';

const FROM_TEXT: readonly EvaluationError[] = ['invalidText', 'outOfRange'];
const INTEGER_TEXT =
  'Decimal, or hexadecimal, octal or binary behind 0x, 0o, 0b; single underscores between digits and blanks around it are allowed.';
const FLOAT_TEXT = 'Decimal, or NaN, Infinity, inf in any case; blanks around it are allowed.';
const FLOAT_DIFFERENCE = 'PostgreSQL also takes hexadecimal floats.';
const TIME_TEXT =
  'ISO 8601: 2024-02-29 12:30:01.5, with T or a blank between, time and seconds optional, BC behind it for years before 1.';
const TIME_DIFFERENCE =
  'PostgreSQL takes many more formats, and the words now, today, infinity and the like; here they are errors. Years before 4713 BC, and whatever else the type can hold, are taken here.';

function parseBinary(text: string): Uint8Array {
  if (!/^\\x([0-9a-f]{2})*$/i.test(text)) return fail('invalidText');
  return Uint8Array.from(Buffer.from(text.slice(2), 'hex'));
}

const fromText: readonly CatalogueFunction[] = [
  define({
    id: 'cast.utf8.bool',
    args: ['utf8'],
    result: 'bool',
    errors: ['invalidText'],
    summary: 'true, yes, on, 1 and false, no, off, 0, in any case and shortened as long as they are unique.',
    example: "'yes'::boolean → true",
    evaluate: (a) => parseBool(a),
  }),
  define({
    id: 'cast.utf8.int32',
    args: ['utf8'],
    result: 'int32',
    errors: FROM_TEXT,
    summary: INTEGER_TEXT,
    example: "'-42'::int → -42",
    evaluate: (a) => Number(parseInteger(a, 32)),
  }),
  define({
    id: 'cast.utf8.int64',
    args: ['utf8'],
    result: 'int64',
    errors: FROM_TEXT,
    summary: INTEGER_TEXT,
    example: "'0xff'::bigint → 255",
    evaluate: (a) => parseInteger(a, 64),
  }),
  define({
    id: 'cast.utf8.float32',
    args: ['utf8'],
    result: 'float32',
    errors: FROM_TEXT,
    summary: FLOAT_TEXT,
    example: "'0.1'::real → 0.1",
    difference: FLOAT_DIFFERENCE,
    evaluate: (a) => parseFloat32(a),
  }),
  define({
    id: 'cast.utf8.float64',
    args: ['utf8'],
    result: 'float64',
    errors: FROM_TEXT,
    summary: FLOAT_TEXT,
    example: "'1e3'::float8 → 1000.0",
    difference: FLOAT_DIFFERENCE,
    evaluate: (a) => parseFloat64(a),
  }),
  define({
    id: 'cast.utf8.binary',
    args: ['utf8'],
    result: 'binary',
    errors: ['invalidText'],
    summary: 'Hexadecimal digits behind \\x.',
    example: "'\\xff00'::bytea → \\xff00",
    difference: 'PostgreSQL also takes its old escape format.',
    evaluate: (a) => parseBinary(a),
  }),
  define({
    id: 'cast.utf8.date32',
    args: ['utf8'],
    result: 'date32',
    errors: FROM_TEXT,
    summary: `${TIME_TEXT} A time of day is checked and left out.`,
    example: "'2024-02-29'::date → 2024-02-29",
    difference: TIME_DIFFERENCE,
    evaluate: (a) => {
      const { days } = parseTimestamp(a, 1n);
      return days === (days | 0) ? days : fail('outOfRange');
    },
  }),
  define({
    id: 'cast.utf8.timestamp',
    args: ['utf8'],
    result: 'timestamp',
    units: 'result',
    errors: FROM_TEXT,
    summary: `${TIME_TEXT} A zone behind it is checked and left out.`,
    example: "'2024-02-29T12:30:01.5Z'::timestamp → 2024-02-29 12:30:01.5",
    difference: TIME_DIFFERENCE,
    evaluate: (a, perSecond) => parseTimestamp(a, perSecond).local,
  }),
  define({
    id: 'cast.utf8.timestamptz',
    args: ['utf8'],
    result: { kind: 'timestamp', unit: 'us', timezone: 'UTC' },
    units: 'result',
    errors: FROM_TEXT,
    summary: `${TIME_TEXT} The zone behind it, Z or UTC or +hh:mm, counts; UTC where there is none.`,
    example: "'2024-02-29 12:30:01+02'::timestamptz → 2024-02-29 10:30:01+00",
    difference: `${TIME_DIFFERENCE} Names of zones are not taken.`,
    evaluate: (a, perSecond) => parseTimestamp(a, perSecond).instant,
  }),
];

const toText: readonly CatalogueFunction[] = [
  define({
    id: 'cast.bool.utf8',
    args: ['bool'],
    result: 'utf8',
    summary: 'true or false.',
    example: 'true::text → true',
    evaluate: (a) => (a ? 'true' : 'false'),
  }),
  define({
    id: 'cast.int32.utf8',
    args: ['int32'],
    result: 'utf8',
    summary: 'In decimal.',
    example: '42::text → 42',
    evaluate: (a) => String(a),
  }),
  define({
    id: 'cast.int64.utf8',
    args: ['int64'],
    result: 'utf8',
    summary: 'In decimal.',
    example: '5000000000::text → 5000000000',
    evaluate: (a) => String(a),
  }),
  define({
    id: 'cast.float32.utf8',
    args: ['float32'],
    result: 'utf8',
    summary: 'The shortest decimal that reads back as the same float32; with an exponent below 1e-4 and from 1e6 on.',
    example: '1e6::real::text → 1e+06',
    evaluate: (a) => formatFloat(a, 'float32'),
  }),
  define({
    id: 'cast.float64.utf8',
    args: ['float64'],
    result: 'utf8',
    summary: 'The shortest decimal that reads back as the same float64; with an exponent below 1e-4 and from 1e15 on.',
    example: '1e15::float8::text → 1e+15',
    evaluate: (a) => formatFloat(a, 'float64'),
  }),
  define({
    id: 'cast.binary.utf8',
    args: ['binary'],
    result: 'utf8',
    errors: ['tooLong'],
    summary: 'Hexadecimal digits behind \\x.',
    example: "'\\xff00'::bytea::text → \\xff00",
    evaluate: (a) =>
      a.length * 2 + 2 > MAX_TEXT_BYTES
        ? fail('tooLong')
        : `\\x${Buffer.from(a.buffer, a.byteOffset, a.byteLength).toString('hex')}`,
  }),
  define({
    id: 'cast.date32.utf8',
    args: ['date32'],
    result: 'utf8',
    summary: 'As 2024-02-29; BC behind years before 1.',
    example: "date '2024-02-29'::text → 2024-02-29",
    evaluate: (a) => formatDate(a),
  }),
  define({
    id: 'cast.timestamp.utf8',
    args: ['timestamp'],
    result: 'utf8',
    units: 'argument',
    summary:
      'As 2024-02-29 12:30:01.5, without zeros at the end of the fraction. +00 behind it where the type has a zone (the checker adds it).',
    example: "timestamp '2024-02-29 12:30:01.500'::text → 2024-02-29 12:30:01.5",
    evaluate: (a, perSecond) => formatTimestamp(a, perSecond),
  }),
  define({
    id: 'cast.duration.utf8',
    args: ['duration'],
    result: 'utf8',
    units: 'argument',
    summary: 'As 1 day 02:03:04.5: days of 24 hours, then hours, minutes and seconds.',
    example: "interval '26:03:04.5'::text → 1 day 02:03:04.5",
    difference: 'PostgreSQL keeps days and hours of an interval apart, and writes 26:03:04.5 here.',
    evaluate: (a, perSecond) => formatDuration(a, perSecond),
  }),
];

export const TEXT_CASTS: readonly CatalogueFunction[] = [...fromText, ...toText];
