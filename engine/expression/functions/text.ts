/**
 * Text functions. Positions and lengths count characters (code points), never bytes or UTF-16 units. A result of more than
 * `MAX_TEXT_BYTES` bytes is the error `tooLong`.
 */
import { type CatalogueFunction, define, fail } from '../define.ts';
import { like } from './like.ts';
import {
  characters,
  isAscii,
  joined,
  lower,
  pad,
  repeat,
  replace,
  slice,
  splitPart,
  trim,
  upper,
  utf8Length,
} from './text-kit.ts';

const SUBSTRING = { sql: ['substring', 'substr'], result: 'utf8' } as const;
const TRIM = { args: ['utf8', 'utf8'], result: 'utf8' } as const;
const TRIM_NOTE = 'The second argument is a set of characters, a space where it is left out.';

const building: readonly CatalogueFunction[] = [
  define({
    id: 'concat.utf8',
    operator: '||',
    args: ['utf8', 'utf8'],
    result: 'utf8',
    errors: ['tooLong'],
    summary:
      'The one behind the other. The functions concat and concat_ws take any number of values of any type, and leave out nulls.',
    example: "'edge' || '-' || 7 → edge-7",
    evaluate: (a, b) => joined(a, b),
  }),
  define({
    id: 'repeat',
    sql: ['repeat'],
    args: ['utf8', 'int32'],
    result: 'utf8',
    errors: ['tooLong'],
    summary: 'That many copies; none where it is zero or negative.',
    example: "repeat('ab', 3) → ababab",
    evaluate: (text, count) => repeat(text, count),
  }),
  define({
    id: 'lpad',
    sql: ['lpad'],
    args: ['utf8', 'int32', 'utf8'],
    result: 'utf8',
    errors: ['tooLong'],
    summary:
      'Made that long by the third argument (spaces where it is left out) in front; longer text is cut at its right.',
    example: "lpad('7', 3, '0') → 007",
    evaluate: (text, length, fill) => pad(text, length, fill, true),
  }),
  define({
    id: 'rpad',
    sql: ['rpad'],
    args: ['utf8', 'int32', 'utf8'],
    result: 'utf8',
    errors: ['tooLong'],
    summary:
      'Made that long by the third argument (spaces where it is left out) behind; longer text is cut at its right.',
    example: "rpad('7', 3, '.') → 7..",
    evaluate: (text, length, fill) => pad(text, length, fill, false),
  }),
  define({
    id: 'replace',
    sql: ['replace'],
    args: ['utf8', 'utf8', 'utf8'],
    result: 'utf8',
    errors: ['tooLong'],
    summary: 'Every occurrence of the second argument, from left to right, replaced by the third.',
    example: "replace('a-b-c', '-', '+') → a+b+c",
    evaluate: (text, from, to) => replace(text, from, to),
  }),
  define({
    id: 'reverse',
    sql: ['reverse'],
    args: ['utf8'],
    result: 'utf8',
    summary: 'The characters in reverse order.',
    example: "reverse('abc') → cba",
    evaluate: (text) => characters(text).reverse().join(''),
  }),
  define({
    id: 'lower',
    sql: ['lower'],
    args: ['utf8'],
    result: 'utf8',
    errors: ['tooLong'],
    summary: 'In lower case, character by character (Unicode, one character for one).',
    example: "lower('ÀB') → àb",
    evaluate: (text) => lower(text),
  }),
  define({
    id: 'upper',
    sql: ['upper'],
    args: ['utf8'],
    result: 'utf8',
    errors: ['tooLong'],
    summary: 'In upper case, character by character (Unicode, one character for one: ß stays ß).',
    example: "upper('àb') → ÀB",
    evaluate: (text) => upper(text),
  }),
  define({
    id: 'chr',
    sql: ['chr'],
    args: ['int32'],
    result: 'utf8',
    errors: ['invalidArgument'],
    summary: 'The character of that code point; an error of 0, surrogates and numbers that are none.',
    example: 'chr(233) → é',
    evaluate: (code) =>
      code <= 0 || code > 0x10ffff || (code >= 0xd800 && code < 0xe000)
        ? fail('invalidArgument')
        : String.fromCodePoint(code),
  }),
];

const measuring: readonly CatalogueFunction[] = [
  define({
    id: 'char_length',
    sql: ['char_length', 'character_length', 'length'],
    args: ['utf8'],
    result: 'int32',
    summary: 'Number of characters.',
    example: "length('né') → 2",
    evaluate: (text) => (isAscii(text) ? text.length : characters(text).length),
  }),
  define({
    id: 'octet_length.utf8',
    sql: ['octet_length'],
    args: ['utf8'],
    result: 'int32',
    summary: 'Number of bytes in UTF-8.',
    example: "octet_length('né') → 3",
    evaluate: (text) => utf8Length(text),
  }),
  define({
    id: 'ascii',
    sql: ['ascii'],
    args: ['utf8'],
    result: 'int32',
    summary: 'Code point of the first character; 0 of empty text.',
    example: "ascii('é') → 233",
    evaluate: (text) => text.codePointAt(0) ?? 0,
  }),
  define({
    id: 'strpos',
    sql: ['strpos'],
    args: ['utf8', 'utf8'],
    result: 'int32',
    summary:
      'Position of the first occurrence of the second argument, from 1; 0 where there is none. Also written position(b in a).',
    example: "strpos('high', 'ig') → 2",
    evaluate: (text, part) => {
      const at = text.indexOf(part);
      return at < 0 ? 0 : characters(text.slice(0, at)).length + 1;
    },
  }),
  define({
    id: 'starts_with',
    sql: ['starts_with'],
    operator: '^@',
    args: ['utf8', 'utf8'],
    result: 'bool',
    summary: 'Whether it begins with the second argument.',
    example: "starts_with('sensor-7', 'sensor') → true",
    evaluate: (text, prefix) => text.startsWith(prefix),
  }),
  define({
    id: 'like',
    args: ['utf8', 'utf8', 'utf8'],
    result: 'bool',
    errors: ['invalidArgument'],
    summary:
      'LIKE: whether the whole text matches the pattern, in which _ stands for any character and % for any number of them. The third argument is the escape character (ESCAPE, a backslash where it is left out; empty for none). NOT LIKE negates it. ILIKE compares both in lower case.',
    example: "'10%' LIKE '__!%' ESCAPE '!' → true",
    difference:
      'An escape character that ends the pattern always is an error; PostgreSQL finds it only when a match gets that far.',
    evaluate: (text, pattern, escapeChar) => like(text, pattern, escapeChar),
  }),
];

const parts: readonly CatalogueFunction[] = [
  define({
    ...SUBSTRING,
    id: 'substring.utf8.int32',
    args: ['utf8', 'int32'],
    summary: 'From that position (from 1) to the end. Also written substring(a from b).',
    example: "substring('sensor' from 4) → sor",
    evaluate: (text, start) => slice(text, Math.max(start - 1, 0), Infinity),
  }),
  define({
    ...SUBSTRING,
    id: 'substring.utf8.int32.int32',
    args: ['utf8', 'int32', 'int32'],
    errors: ['invalidArgument'],
    summary:
      'So many characters from that position (from 1); a negative length is an error. Also written substring(a from b for c).',
    example: "substring('sensor' from 2 for 3) → ens",
    evaluate: (text, start, length) =>
      length < 0 ? fail('invalidArgument') : slice(text, Math.max(start - 1, 0), Math.max(start - 1 + length, 0)),
  }),
  define({
    id: 'left',
    sql: ['left'],
    args: ['utf8', 'int32'],
    result: 'utf8',
    summary: 'The first so many characters; all but the last -n where n is negative.',
    example: "left('sensor', 3) → sen",
    evaluate: (text, n) => (n >= 0 ? slice(text, 0, n) : slice(text, 0, Math.max(characters(text).length + n, 0))),
  }),
  define({
    id: 'right',
    sql: ['right'],
    args: ['utf8', 'int32'],
    result: 'utf8',
    summary: 'The last so many characters; all but the first -n where n is negative.',
    example: "right('sensor', 3) → sor",
    evaluate: (text, n) => slice(text, n >= 0 ? Math.max(characters(text).length - n, 0) : -n, Infinity),
  }),
  define({
    id: 'split_part',
    sql: ['split_part'],
    args: ['utf8', 'utf8', 'int32'],
    result: 'utf8',
    errors: ['invalidArgument'],
    summary:
      'The so-manieth part (from 1; from the end where negative) between occurrences of the second argument; empty where there is none.',
    example: "split_part('a/b/c', '/', 2) → b",
    evaluate: (text, delimiter, n) => splitPart(text, delimiter, n),
  }),
  define({
    ...TRIM,
    id: 'btrim',
    sql: ['btrim'],
    summary: `Without characters of a set at both ends. ${TRIM_NOTE} Also written trim(both b from a).`,
    example: "trim('  x ') → x",
    evaluate: (text, set) => trim(text, set, true, true),
  }),
  define({
    ...TRIM,
    id: 'ltrim',
    sql: ['ltrim'],
    summary: `Without characters of a set at the beginning. ${TRIM_NOTE} Also written trim(leading b from a).`,
    example: "ltrim('xxyx', 'x') → yx",
    evaluate: (text, set) => trim(text, set, true, false),
  }),
  define({
    ...TRIM,
    id: 'rtrim',
    sql: ['rtrim'],
    summary: `Without characters of a set at the end. ${TRIM_NOTE} Also written trim(trailing b from a).`,
    example: "rtrim('xyxx', 'x') → xy",
    evaluate: (text, set) => trim(text, set, false, true),
  }),
];

const bytes: readonly CatalogueFunction[] = [
  define({
    id: 'octet_length.binary',
    sql: ['octet_length', 'length'],
    args: ['binary'],
    result: 'int32',
    summary: 'Number of bytes.',
    example: "octet_length('\\x0102'::bytea) → 2",
    evaluate: (value) => value.length,
  }),
  define({
    id: 'concat.binary',
    operator: '||',
    args: ['binary', 'binary'],
    result: 'binary',
    errors: ['tooLong'],
    summary: 'The one behind the other.',
    example: "'\\x01'::bytea || '\\x02'::bytea → \\x0102",
    evaluate: (a, b) => {
      const result = new Uint8Array(a.length + b.length);
      result.set(a);
      result.set(b, a.length);
      return result;
    },
  }),
];

export const TEXT: readonly CatalogueFunction[] = [...building, ...measuring, ...parts, ...bytes];
