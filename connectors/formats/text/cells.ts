/**
 * How the text of one field becomes a value of its column: one setter a column, made once, that appends straight to the
 * column's buffers. Shared by the text formats.
 *
 *   integers   digits with an optional sign, in the type's range; no fraction, no exponent
 *   floats     decimal, exponent; NaN, inf, infinity
 *   bool       true t yes y on 1, false f no n off 0, in any case (PostgreSQL's words)
 *   timestamp  the forms of `instant.ts`, or an integer: the epoch in the column's unit
 *   date32     YYYY-MM-DD, or an integer: days since the epoch
 *   duration   an integer in the column's unit
 *   binary     base64
 */
import type { ColumnBuilder } from '../../../engine/batch/builder.ts';
import type { DataType } from '../../../engine/batch/types.ts';
import { internalError } from '../../../engine/errors.ts';
import { InstantParser, toUnits, toUnitsExact } from './instant.ts';
import { parseBigInteger, parseFloat64, parseSmallInteger } from './numbers.ts';

/**
 * Appends the value in `bytes` from `start` to `end` (valid UTF-8); false when it is none of the column's type, and then
 * nothing was appended.
 */
export type CellSetter = (bytes: Buffer, start: number, end: number) => boolean;

const INTEGER_BITS: ReadonlyMap<string, number> = new Map([
  ['int8', 8],
  ['int16', 16],
  ['int32', 32],
  ['int64', 64],
  ['uint8', 8],
  ['uint16', 16],
  ['uint32', 32],
  ['uint64', 64],
  ['date32', 32],
  ['timestamp', 64],
  ['duration', 64],
]);

const TRUE = new Set(['true', 't', 'yes', 'y', 'on', '1']);
const FALSE = new Set(['false', 'f', 'no', 'n', 'off', '0']);
const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;

/** A setter for the column, which takes the text as it is: nulls and surrounding blanks are the caller's business. */
export function textSetter(column: ColumnBuilder): CellSetter {
  const { type } = column;
  switch (type.kind) {
    case 'utf8':
      return (bytes, start, end) => {
        column.appendBytes(bytes, start, end);
        return true;
      };
    case 'float16':
    case 'float32':
    case 'float64':
      return floatSetter(column);
    case 'bool':
      return boolSetter(column);
    case 'timestamp':
      return timestampSetter(column, type);
    case 'date32':
      return dateSetter(column);
    case 'binary':
      return binarySetter(column);
    case 'null':
      return () => false;
    case 'foreign':
      throw internalError('internal.foreign-column', `column ${column.field.name} cannot be read from text`);
    default:
      return integerSetter(column);
  }
}

function floatSetter(column: ColumnBuilder): CellSetter {
  return (bytes, start, end) => {
    const value = parseFloat64(bytes, start, end);
    if (value === undefined) return false;
    column.appendNumber(value);
    return true;
  };
}

function boolSetter(column: ColumnBuilder): CellSetter {
  return (bytes, start, end) => {
    const word = end - start > 5 ? '' : bytes.toString('latin1', start, end).toLowerCase();
    const value = TRUE.has(word);
    if (!value && !FALSE.has(word)) return false;
    column.appendBool(value);
    return true;
  };
}

function integerSetter(column: ColumnBuilder): CellSetter {
  const bits = INTEGER_BITS.get(column.type.kind) ?? 64;
  const signed = !column.type.kind.startsWith('uint');
  const min = signed ? -(2 ** (bits - 1)) : 0;
  const max = 2 ** (signed ? bits - 1 : bits) - 1;
  return (bytes, start, end) => {
    const value = parseSmallInteger(bytes, start, end);
    if (value === undefined) return bits === 64 && appendBigText(column, bytes.toString('latin1', start, end), signed);
    if (value < min || value > max) return false;
    column.appendNumber(value);
    return true;
  };
}

/** An integer of more than 15 digits into a column of 64 bits; exact. */
function appendBigText(column: ColumnBuilder, text: string, signed: boolean): boolean {
  const value = parseBigInteger(text);
  return value !== undefined && appendExact(column, value, signed);
}

/** Appends when it fits 64 bits. */
export function appendExact(column: ColumnBuilder, value: bigint, signed: boolean): boolean {
  const fits = signed ? BigInt.asIntN(64, value) === value : BigInt.asUintN(64, value) === value;
  if (fits) column.appendBigInt(value);
  return fits;
}

function timestampSetter(column: ColumnBuilder, type: DataType & { kind: 'timestamp' }): CellSetter {
  const { unit } = type;
  const parser = new InstantParser(type.timezone);
  const epoch = integerSetter(column);
  return (bytes, start, end) => {
    if (!parser.instant(bytes, start, end)) return epoch(bytes, start, end);
    const value = toUnits(parser.seconds, parser.nanos, unit);
    if (value !== undefined) column.appendNumber(value);
    else if (unit === 'us' || unit === 'ns') {
      return appendExact(column, toUnitsExact(parser.seconds, parser.nanos, unit), true);
    }
    return true;
  };
}

function dateSetter(column: ColumnBuilder): CellSetter {
  const parser = new InstantParser();
  const epoch = integerSetter(column);
  return (bytes, start, end) => {
    if (!parser.date(bytes, start, end)) return epoch(bytes, start, end);
    column.appendNumber(parser.days);
    return true;
  };
}

function binarySetter(column: ColumnBuilder): CellSetter {
  return (bytes, start, end) => {
    const text = bytes.toString('latin1', start, end);
    if (!BASE64.test(text)) return false;
    const value = Buffer.from(text, 'base64');
    column.appendBytes(value, 0, value.length);
    return true;
  };
}
