/**
 * Values of a file's column as another type that the graph asks for: only where nothing is lost, checked value by value where that
 * depends on the value.
 */
import type { ColumnBuilder } from '../../../engine/batch/builder.ts';
import { type DataType, type Kind, sameType, type TimeUnit, UNITS_PER_SECOND } from '../../../engine/batch/types.ts';
import { userError } from '../../../engine/errors.ts';

/** Appends a value that is not null; throws `batch.out-of-range` or `source.inexact` where the type cannot hold it. */
export type Convert = (value: unknown, column: ColumnBuilder) => void;

const INTEGERS: ReadonlySet<Kind> = new Set<Kind>([
  'int8',
  'int16',
  'int32',
  'int64',
  'uint8',
  'uint16',
  'uint32',
  'uint64',
]);
const FLOATS: ReadonlySet<Kind> = new Set<Kind>(['float16', 'float32', 'float64']);
const SECONDS_A_DAY = 86_400n;

/** What apache-arrow calls a type whose values it gives as strings, bytes or numbers; see `arrow-types.ts`. */
const TEXT = /^(large_utf8|utf8_view|utf8)$/;
const BYTES = /^(large_binary|binary_view|binary|fixed_size_binary\[\d+\])$/;
const DICTIONARY = /^dictionary<\w+, (.*)>$/;
const DECIMAL = /^decimal\d+\((\d+), (-?\d+)\)$/;

const append: Convert = (value, column) => column.append(value as never);

/** How values of `from` become values of `to`; undefined where they cannot. Equal types need no conversion. */
export function converter(from: DataType, to: DataType): Convert | undefined {
  if (from.kind === 'null') return append;
  if (from.kind === 'foreign') return fromForeign(from.text, to);
  if (INTEGERS.has(from.kind) && (INTEGERS.has(to.kind) || to.kind === 'float64')) return append;
  if (from.kind === 'float16' && (to.kind === 'float32' || to.kind === 'float64')) return append;
  if (from.kind === 'float32' && to.kind === 'float64') return append;
  if (from.kind === 'timestamp' && to.kind === 'timestamp') return rescale(from.unit, to.unit);
  if (from.kind === 'duration' && to.kind === 'duration') return rescale(from.unit, to.unit);
  if (from.kind === 'date32' && to.kind === 'timestamp') {
    const perDay = SECONDS_A_DAY * UNITS_PER_SECOND[to.unit];
    return (value, column) => column.appendBigInt(BigInt(value as number) * perDay);
  }
  return undefined;
}

function rescale(from: TimeUnit, to: TimeUnit): Convert {
  const up = UNITS_PER_SECOND[to] / UNITS_PER_SECOND[from];
  if (up >= 1n) return (value, column) => column.appendBigInt((value as bigint) * up);
  const down = UNITS_PER_SECOND[from] / UNITS_PER_SECOND[to];
  return (value, column) => {
    const whole = (value as bigint) / down;
    if (whole * down !== value)
      throw userError('source.inexact', `column ${column.field.name}: ${value} ${from} is not whole in ${to}`);
    column.appendBigInt(whole);
  };
}

function fromForeign(text: string, to: DataType): Convert | undefined {
  const values = DICTIONARY.exec(text)?.[1] ?? text;
  if (to.kind === 'utf8') return TEXT.test(values) ? append : undefined;
  if (to.kind === 'binary') return BYTES.test(values) ? append : undefined;
  if (values === 'date64') return fromDate64(to);
  const decimal = DECIMAL.exec(values);
  if (decimal !== null) return FLOATS.has(to.kind) ? fromDecimal(Number(decimal[2])) : undefined;
  if (values === text) return undefined;
  return sameType({ kind: values } as DataType, to) ? append : converter({ kind: values } as DataType, to);
}

/** apache-arrow gives milliseconds, as a number or a bigint. */
function fromDate64(to: DataType): Convert | undefined {
  if (to.kind === 'timestamp') {
    const scale = rescale('ms', to.unit);
    return (value, column) => scale(BigInt(value as number | bigint), column);
  }
  if (to.kind !== 'date32') return undefined;
  return (value, column) => column.appendNumber(Math.floor(Number(value) / 86_400_000));
}

/** apache-arrow gives the unscaled value as little-endian words. */
function fromDecimal(scale: number): Convert {
  const divisor = 10 ** scale;
  return (value, column) => {
    const words = value as Uint32Array;
    let unscaled = 0n;
    for (let i = words.length - 1; i >= 0; i--) unscaled = (unscaled << 32n) | BigInt(words[i] ?? 0);
    column.appendNumber(Number(BigInt.asIntN(words.length * 32, unscaled)) / divisor);
  };
}
