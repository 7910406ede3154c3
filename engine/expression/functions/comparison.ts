/**
 * Comparison: = <> < <= > >= over every kind. As in PostgreSQL NaN equals NaN and is greater than every other float, -0 equals
 * 0, and false is less than true. Text compares by the bytes of its UTF-8 (collation "C"), which is the order of code points.
 */
import { type CatalogueFunction, define, VALUE_KINDS, type Value, type ValueKind } from '../define.ts';

/** Negative, zero or positive, as `a` is less than, equal to or greater than `b`. */
export type Compare<T> = (a: T, b: T) => number;

function compareNatural<T extends number | bigint | boolean>(a: T, b: T): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** PostgreSQL's order of floats. */
function compareFloats(a: number, b: number): number {
  if (a < b) return -1;
  if (a > b) return 1;
  if (a === b) return 0;
  return Number.isNaN(a) ? (Number.isNaN(b) ? 0 : 1) : -1;
}

/** The order of code points. UTF-16 has it but for surrogates, which it puts before U+E000 to U+FFFF. */
function compareText(a: string, b: string): number {
  const end = Math.min(a.length, b.length);
  for (let i = 0; i < end; i += 1) {
    const x = a.charCodeAt(i);
    const y = b.charCodeAt(i);
    if (x === y) continue;
    const xs = x >= 0xd800 && x < 0xe000;
    const ys = y >= 0xd800 && y < 0xe000;
    return xs === ys ? x - y : xs ? 1 : -1;
  }
  return a.length - b.length;
}

export function compareBytes(a: Uint8Array, b: Uint8Array): number {
  const end = Math.min(a.length, b.length);
  for (let i = 0; i < end; i += 1) {
    const difference = (a[i] ?? 0) - (b[i] ?? 0);
    if (difference !== 0) return difference;
  }
  return a.length - b.length;
}

/** The order that `<` and `>` and min and max have of a kind's values. */
export function comparator(kind: ValueKind): Compare<Value> {
  switch (kind) {
    case 'float32':
    case 'float64':
      return compareFloats as Compare<Value>;
    case 'utf8':
      return compareText as Compare<Value>;
    case 'binary':
      return compareBytes as Compare<Value>;
    default:
      return compareNatural as Compare<Value>;
  }
}

const EXAMPLES: Readonly<Record<ValueKind, readonly [string, string]>> = {
  bool: ['false', 'true'],
  int32: ['1', '2'],
  int64: ['1', '5000000000'],
  float32: ['0.5::real', '1::real'],
  float64: ['0.5', "'NaN'::float8"],
  utf8: ["'a'", "'b'"],
  binary: ["'\\x00'::bytea", "'\\x01'::bytea"],
  date32: ["date '2024-02-28'", "date '2024-02-29'"],
  timestamp: ["timestamp '2024-02-29 00:00:00'", "timestamp '2024-02-29 00:00:01'"],
  duration: ["interval '1 hour'", "interval '61 minutes'"],
};

interface Relation {
  readonly name: string;
  readonly operator: string;
  readonly summary: string;
  /** From the comparator's answer. */
  readonly holds: (order: number) => boolean;
}

const RELATIONS: readonly Relation[] = [
  { name: 'eq', operator: '=', summary: 'Equal.', holds: (order) => order === 0 },
  { name: 'ne', operator: '<>', summary: 'Not equal; also written !=.', holds: (order) => order !== 0 },
  { name: 'lt', operator: '<', summary: 'Less.', holds: (order) => order < 0 },
  { name: 'le', operator: '<=', summary: 'Less or equal.', holds: (order) => order <= 0 },
  { name: 'gt', operator: '>', summary: 'Greater.', holds: (order) => order > 0 },
  { name: 'ge', operator: '>=', summary: 'Greater or equal.', holds: (order) => order >= 0 },
];

function entry({ name, operator, summary, holds }: Relation, kind: ValueKind): CatalogueFunction {
  const compare = comparator(kind);
  const [less, greater] = EXAMPLES[kind];
  return define({
    id: `${name}.${kind}`,
    operator,
    args: [kind, kind],
    result: 'bool',
    summary,
    example: `${less} ${operator} ${greater} → ${holds(-1)}`,
    evaluate: (a: Value, b: Value) => holds(compare(a, b)),
  });
}

/** eq, ne, lt, le, gt and ge of every kind. */
export const COMPARISON: readonly CatalogueFunction[] = RELATIONS.flatMap((relation) =>
  VALUE_KINDS.map((kind) => entry(relation, kind)),
);
