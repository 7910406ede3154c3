/**
 * How the groups of an aggregate lie in memory: one record a group, keys then accumulators, eight bytes each. Aggregates of one argument share
 * accumulators: sum and avg their sum, and count, sum, avg, min and max the number of nulls (rows less nulls is the count).
 */

import type { DataType } from '../../batch/types.ts';
import { defined } from '../../defined.ts';
import { internalError, userError } from '../../errors.ts';
import type { Expr } from '../../expression/ir.ts';
import type { AggregateFunction, AggregateStep, OperatorNode } from '../../graph/plan.ts';
import { RECORD_KEYS, RECORD_NULLS } from '../support/assembly/control.ts';
import type { PlannedAggregate } from './chain-plan.ts';
import { unitsPerSecond, wasmTypes } from './types.ts';

export interface KeySlot {
  readonly name: string;
  readonly text: string;
  readonly expr: Expr;
  readonly offset: number;
  /** Where a null key is noted: the address of the word in the record, and the bit. */
  readonly nulls: { readonly word: number; readonly bit: number } | undefined;
}

/** A distinct argument, and where its accumulators lie (offsets in the record). */
export interface ArgumentSlot {
  readonly text: string;
  readonly expr: Expr;
  readonly nulls?: number;
  readonly sum?: number;
  /** The call whose sum can overflow (avg sums integers in 128 bits), for the error, and its place among the aggregates. */
  readonly sumCall?: { readonly text: string; readonly order: number };
  /** High word of a sum that may exceed int64: where only avg asks for it. */
  readonly high?: number;
  /** Of floats: the minimum, and 8 bytes on the maximum with its sign turned, so that one instruction updates both. */
  readonly min?: number;
  readonly max?: number;
  /** How many floats were NaN, which minimum and maximum leave out. */
  readonly nans?: number;
}

export interface ResultSlot {
  readonly name: string;
  readonly fn: AggregateFunction;
  readonly type: DataType;
  readonly nullable: boolean;
  readonly argument: ArgumentSlot | undefined;
}

export interface AggregateLayout {
  readonly step: AggregateStep;
  readonly operator: OperatorNode;
  readonly timeUnits: bigint;
  /** The window's size in units of the time column. */
  readonly size: bigint;
  /** Least and greatest time, in these units, that is one in int64 microseconds too. */
  readonly earliest: bigint;
  readonly latest: bigint;
  readonly keys: readonly KeySlot[];
  /** Offsets of the words of key null bits; empty where no key is nullable. */
  readonly nullWords: readonly number[];
  readonly arguments: readonly ArgumentSlot[];
  readonly results: readonly ResultSlot[];
  readonly recordSize: number;
}

const MICROSECONDS = 1_000_000n;

export function layOutAggregate({ step, operator }: PlannedAggregate): AggregateLayout {
  const timeUnits = unitsPerSecond(step.input.fields[step.time]?.type ?? { kind: 'null' });
  let end = RECORD_KEYS;
  const take = (bytes: number): number => {
    end += bytes;
    return end - bytes;
  };
  const nullable = step.keys.filter(({ expr }) => expr.nullable);
  const words = Math.ceil(nullable.length / 32);
  const nullWords = Array.from({ length: words }, (_, index) => (index === 0 ? RECORD_NULLS : take(8)));
  const keys = step.keys.map(({ name, text, expr }): KeySlot => {
    if (wasmTypes(expr.type).some((type) => type.startsWith('f'))) {
      throw internalError('internal.key-type', `a key of type ${expr.type.kind}`);
    }
    const position = nullable.findIndex((key) => key.name === name);
    const word = nullWords[position >> 5];
    const nulls = expr.nullable && word !== undefined ? { word, bit: position & 31 } : undefined;
    return { name, text, expr, offset: take(8), nulls };
  });
  const slots = new Map<string, ArgumentSlot>();
  for (const [key, asked] of argumentsOf(step)) slots.set(key, layOutArgument(asked, take));
  const results = step.aggregates.map(({ name, fn, arg }): ResultSlot => {
    const field = (step.whole ?? step).output.fields.find((output) => output.name === name);
    if (field === undefined) throw internalError('internal.aggregate', `no output column ${name}`);
    const argument = arg === undefined ? undefined : slots.get(keyOf(arg));
    return { name, fn, type: field.type, nullable: field.nullable, argument };
  });
  return {
    step,
    operator,
    timeUnits,
    size: sizeOf(step, timeUnits),
    ...rangeOf(timeUnits),
    keys,
    nullWords,
    arguments: [...slots.values()],
    results,
    recordSize: end,
  };
}

function sizeOf({ window }: AggregateStep, timeUnits: bigint): bigint {
  const size = (window.size * timeUnits) / MICROSECONDS;
  if (size * MICROSECONDS !== window.size * timeUnits || size <= 0n) {
    throw internalError('internal.window', 'a window that is no multiple of the time column’s unit');
  }
  if (size < 2n ** 62n) return size;
  throw userError('cell.window-size', 'the window is longer than its time column can count; use a coarser time unit');
}

/** Times are microseconds outside of cells: a coarser unit must leave room for that. */
function rangeOf(timeUnits: bigint): { readonly earliest: bigint; readonly latest: bigint } {
  const factor = timeUnits > MICROSECONDS ? 1n : MICROSECONDS / timeUnits;
  return { earliest: -(2n ** 63n) / factor, latest: (2n ** 63n - 1n) / factor };
}

/** An argument and what is asked of it. */
interface Asked {
  readonly text: string;
  readonly expr: Expr;
  readonly functions: Set<AggregateFunction>;
  sumCall?: { readonly text: string; readonly order: number };
}

function argumentsOf(step: AggregateStep): Map<string, Asked> {
  const found = new Map<string, Asked>();
  for (const [order, { fn, text, arg }] of step.aggregates.entries()) {
    if (arg === undefined) continue;
    const asked: Asked = found.get(keyOf(arg)) ?? { text, expr: arg, functions: new Set() };
    asked.functions.add(fn);
    if (fn === 'sum' || (fn === 'avg' && !isInteger(arg))) asked.sumCall ??= { text, order };
    found.set(keyOf(arg), asked);
  }
  return found;
}

function layOutArgument({ text, expr, functions, sumCall }: Asked, take: (bytes: number) => number): ArgumentSlot {
  const sums = functions.has('sum') || functions.has('avg');
  return {
    text,
    expr,
    ...(expr.nullable ? { nulls: take(8) } : {}),
    ...(sums ? { sum: take(8) } : {}),
    ...defined({ sumCall }),
    ...(sums && isInteger(expr) && !functions.has('sum') ? { high: take(8) } : {}),
    ...layOutExtremes(expr, functions, take),
  };
}

function isInteger({ type }: Expr): boolean {
  return type.kind === 'int32' || type.kind === 'int64';
}

function layOutExtremes(
  { type }: Expr,
  functions: ReadonlySet<AggregateFunction>,
  take: (bytes: number) => number,
): Pick<ArgumentSlot, 'min' | 'max' | 'nans'> {
  const min = functions.has('min');
  const max = functions.has('max');
  if (!min && !max) return {};
  if (isFloat(type)) {
    const pair = take(16);
    return { ...(min ? { min: pair } : {}), ...(max ? { max: pair + 8 } : {}), nans: take(8) };
  }
  const bytes = wasmTypes(type).length === 2 ? 16 : 8;
  return { ...(min ? { min: take(bytes) } : {}), ...(max ? { max: take(bytes) } : {}) };
}

export function isFloat({ kind }: DataType): boolean {
  return kind === 'float64' || kind === 'float32';
}

/** Two expressions with one key are the same but for their places in the text. */
function keyOf(expr: Expr): string {
  return JSON.stringify(expr, (name, value: unknown) => {
    if (name === 'span') return undefined;
    return typeof value === 'bigint' ? `${value}n` : Object.is(value, -0) ? '-0' : nonFinite(value);
  });
}

/** JSON knows no NaN and no infinities. */
function nonFinite(value: unknown): unknown {
  return typeof value === 'number' && !Number.isFinite(value) ? String(value) : value;
}
