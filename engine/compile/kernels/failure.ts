/**
 * What users are told of rows that an expression could not be evaluated on: the error under `onError: fail`, the row of an `.errors`
 * output under `divert`. Kernel cells and compiled cells tell the same.
 */
import type { BatchBuilder } from '../../batch/builder.ts';
import { type Schema, UNITS_PER_SECOND, type Value } from '../../batch/types.ts';
import { type CloudskinError, userError } from '../../errors.ts';
import { formatFloat } from '../../expression/functions/text-numbers.ts';
import { formatDate, formatDuration, formatTimestamp } from '../../expression/functions/text-times.ts';
import type { EvaluationError } from '../../expression/ir.ts';
import { wholeName } from '../distribute/names.ts';
import { type Columns, valueAt } from './vector.ts';

/** A row that failed, with what may be said about it. */
export interface RowFailure {
  /** Of one that was split, the part; users are told the whole. */
  readonly operator: string;
  /** The whole expression, as the graph has it. */
  readonly text: string;
  readonly code: EvaluationError;
  /** The row as the operator got it; absent behind an aggregate, where rows are groups. */
  readonly row?: InputRow;
  /** Microseconds: the row's event time where it has one, else the last watermark, else 0. */
  readonly at: bigint;
}

export interface InputRow {
  readonly schema: Schema;
  readonly columns: Columns;
  readonly index: number;
  /** Counted from 1 over all rows that the cell has got. */
  readonly number: number;
}

const SAID: Readonly<Record<EvaluationError, string>> = {
  none: 'no error',
  divisionByZero: 'division by zero',
  outOfRange: 'a value is out of range',
  invalidText: 'a text cannot be read',
  invalidArgument: 'a function does not take such an argument',
  tooLong: 'a text becomes too long',
  overflow: 'a result is too large for its type',
  underflow: 'a result is too small for its type',
  timeNull: 'the time column is null',
};

/** `expression.division-by-zero` for `divisionByZero`. */
export function codeOf(error: EvaluationError): string {
  return `expression.${error.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
}

/** What went wrong, as one sentence: `division by zero in "a / b"`. */
export function messageOf({ code, text }: RowFailure): string {
  return code === 'timeNull' ? `${SAID[code]}: ${text}` : `${SAID[code]} in "${text}"`;
}

const MAX_VALUES = 200;
const MAX_RAW = 1024;

/** The error under `onError: fail`. */
export function failureError(failure: RowFailure): CloudskinError {
  const { row } = failure;
  const operator = wholeName(failure.operator);
  const place = row === undefined ? '' : ` at row ${row.number} (${cut(valuesOf(row), MAX_VALUES)})`;
  return userError(codeOf(failure.code), `operator ${operator}: ${messageOf(failure)}${place}`, {
    hint: `give ${operator} 'onError: skip' or 'onError: divert' to go on without such rows`,
  });
}

/** Appends the row of an `.errors` output to a builder of `ERRORS_SCHEMA`. */
export function appendFailure(builder: BatchBuilder, failure: RowFailure): void {
  const raw = failure.row === undefined ? null : cut(rawOf(failure.row), MAX_RAW);
  const values = [failure.at, wholeName(failure.operator), codeOf(failure.code), messageOf(failure), null, raw];
  for (const [index, value] of values.entries()) builder.columns[index]?.append(value);
  builder.endRow();
}

function cut(text: string, length: number): string {
  if (text.length <= length) return text;
  const end = length - 3;
  // Never half of a surrogate pair.
  const last = text.charCodeAt(end - 1);
  return `${text.slice(0, last >= 0xd800 && last < 0xdc00 ? end - 1 : end)}...`;
}

/** `a=1, b=null`. */
function valuesOf({ schema, columns, index }: InputRow): string {
  return cells(schema, columns, index)
    .map(([name, json]) => `${name}=${json}`)
    .join(', ');
}

/** One JSON object: integers and finite floats as numbers; times as text in ISO style, bytes as \x and hexadecimal. */
function rawOf({ schema, columns, index }: InputRow): string {
  return `{${cells(schema, columns, index)
    .map(([name, json]) => `${JSON.stringify(name)}:${json}`)
    .join(',')}}`;
}

function cells(schema: Schema, columns: Columns, row: number): [name: string, json: string][] {
  return schema.fields.map(({ name, type }, column) => {
    if (type.kind === 'foreign') return [name, JSON.stringify(type.text)];
    return [name, jsonOf(valueAt(columns.column(column), row), type)];
  });
}

function jsonOf(value: Value, type: Schema['fields'][number]['type']): string {
  if (value === null) return 'null';
  switch (type.kind) {
    case 'timestamp':
      return JSON.stringify(formatTimestamp(BigInt(value as bigint), UNITS_PER_SECOND[type.unit]));
    case 'duration':
      return JSON.stringify(formatDuration(BigInt(value as bigint), UNITS_PER_SECOND[type.unit]));
    case 'date32':
      return JSON.stringify(formatDate(Number(value)));
    case 'float16':
    case 'float32':
    case 'float64': {
      const kind = type.kind === 'float64' ? 'float64' : 'float32';
      const text = formatFloat(Number(value), kind);
      return Number.isFinite(value) ? text : JSON.stringify(text);
    }
    default:
      return plainJson(value);
  }
}

function plainJson(value: Exclude<Value, null>): string {
  if (typeof value === 'bigint' || typeof value === 'number' || typeof value === 'boolean') return String(value);
  if (typeof value === 'string') return JSON.stringify(value.slice(0, MAX_RAW));
  const shown = Buffer.from(value.buffer, value.byteOffset, Math.min(value.byteLength, MAX_RAW)).toString('hex');
  return JSON.stringify(`\\x${shown}`);
}
