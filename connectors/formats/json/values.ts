/**
 * How a parsed JSON value becomes a column's value. Numbers go to numeric columns, and to timestamps as the epoch in the
 * column's unit; texts are read as `text/cells.ts` reads them; anything goes into utf8, objects and arrays as their JSON.
 */
import type { ColumnBuilder } from '../../../engine/batch/builder.ts';
import { appendExact, textSetter } from '../text/cells.ts';

/** `again`: the value is a number that `JSON.parse` may have rounded; parse with `parseExactly` and call once more. */
export type Outcome = 'ok' | 'bad' | 'again';

export type ValueSetter = (value: unknown) => Outcome;

const INTEGERS = new Set([
  'int8',
  'int16',
  'int32',
  'int64',
  'uint8',
  'uint16',
  'uint32',
  'uint64',
  'timestamp',
  'duration',
  'date32',
]);

/** A setter for values that are neither null nor undefined. */
export function valueSetter(column: ColumnBuilder): ValueSetter {
  const { kind } = column.type;
  const fromText = viaText(column);
  if (kind === 'utf8') return utf8Setter(column);
  if (kind === 'bool') {
    return (value) => {
      if (typeof value !== 'boolean') return typeof value === 'string' ? fromText(value) : 'bad';
      column.appendBool(value);
      return 'ok';
    };
  }
  if (INTEGERS.has(kind)) return integerSetter(column, fromText);
  if (kind === 'binary') return (value) => (typeof value === 'string' ? fromText(value) : 'bad');
  return (value) => {
    if (typeof value === 'string') return fromText(value);
    if (typeof value === 'bigint') return fromText(String(value));
    if (typeof value !== 'number' || !Number.isFinite(value)) return 'bad';
    column.appendNumber(value);
    return 'ok';
  };
}

function utf8Setter(column: ColumnBuilder): ValueSetter {
  return (value) => {
    if (typeof value === 'number' && !Number.isSafeInteger(value) && Number.isInteger(value)) return 'again';
    const text = typeof value === 'string' ? value : typeof value === 'object' ? nestedText(value) : String(value);
    if (text?.isWellFormed() !== true) return 'bad';
    column.appendString(text);
    return 'ok';
  };
}

/** Undefined where it is nested so deep, some thousand levels, that the stack does not hold it: `JSON.parse` takes that. */
function nestedText(value: unknown): string | undefined {
  return withinStack(() => JSON.stringify(value));
}

function withinStack<T>(work: () => T): T | undefined {
  try {
    return work();
  } catch (error) {
    if (error instanceof RangeError) return undefined;
    throw error;
  }
}

function integerSetter(column: ColumnBuilder, fromText: ValueSetter): ValueSetter {
  const signed = column.type.kind !== 'uint64';
  const [min, max] = rangeOf(column.type.kind);
  return (value) => {
    if (typeof value === 'number') {
      if (!Number.isInteger(value)) return 'bad';
      if (!Number.isSafeInteger(value)) return 'again';
      if (value < min || value > max) return 'bad';
      column.appendNumber(value);
      return 'ok';
    }
    if (typeof value === 'string') return fromText(value);
    if (typeof value !== 'bigint' || Number.isFinite(max) !== false) return 'bad';
    return appendExact(column, value, signed) ? 'ok' : 'bad';
  };
}

/** Infinite for 64 bits, which the builder and `appendExact` look after. */
function rangeOf(kind: string): readonly [number, number] {
  const bits = kind === 'date32' ? 32 : Number(/\d+$/.exec(kind)?.[0] ?? 64);
  if (kind.startsWith('uint')) return [0, bits === 64 ? Number.POSITIVE_INFINITY : 2 ** bits - 1];
  return bits === 64 ? [Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY] : [-(2 ** (bits - 1)), 2 ** (bits - 1) - 1];
}

function viaText(column: ColumnBuilder): ValueSetter {
  const set = textSetter(column);
  let scratch = Buffer.allocUnsafe(64);
  return (value) => {
    const text = String(value);
    if (text.length * 3 > scratch.length) scratch = Buffer.allocUnsafe(text.length * 3);
    return set(scratch, 0, scratch.write(text)) ? 'ok' : 'bad';
  };
}

type SourceReviver = (this: unknown, key: string, value: unknown, context?: { readonly source?: string }) => unknown;

/** As `JSON.parse`, but integers that a number cannot hold become bigints; several times slower. Undefined where it is nested too deep. */
export function parseExactly(text: string): unknown {
  const reviver: SourceReviver = (_key, value, context) => {
    if (typeof value !== 'number' || Number.isSafeInteger(value)) return value;
    const source = context?.source ?? '';
    return /^-?\d+$/.test(source) ? BigInt(source) : value;
  };
  return withinStack(() => JSON.parse(text, reviver));
}
