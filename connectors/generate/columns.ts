/** Fills columns with generated values. Every column has its own stream of random numbers, so that none depends on another. */
import type { ColumnBuilder } from '../../engine/batch/builder.ts';
import type { DataType, Field, TimeUnit } from '../../engine/batch/types.ts';
import { formatType } from '../../engine/batch/types.ts';
import { userError } from '../../engine/errors.ts';
import { textSetter } from '../formats/text/cells.ts';
import type { ColumnOptions, KeyOptions, WalkOptions } from './options.ts';
import { Random, WeightedChoice, zipfWeights } from './random.ts';

/**
 * What columns remember from row to row: their streams of random numbers, and single numbers. In the order in which they were made, so
 * that the same columns find them again.
 */
export class Memory {
  readonly #seed: number;
  readonly #streams: Random[] = [];
  readonly #numbers: { value: number }[] = [];

  constructor(seed: number) {
    this.#seed = seed;
  }

  random(name: string): Random {
    const stream = new Random(this.#seed, name);
    this.#streams.push(stream);
    return stream;
  }

  number(value: number): { value: number } {
    const held = { value };
    this.#numbers.push(held);
    return held;
  }

  save(): { readonly streams: readonly (readonly (number | null)[])[]; readonly numbers: readonly number[] } {
    return { streams: this.#streams.map((stream) => stream.save()), numbers: this.#numbers.map(({ value }) => value) };
  }

  restore({ streams, numbers }: ReturnType<Memory['save']>): void {
    for (const [index, stream] of this.#streams.entries()) stream.restore(streams[index] ?? []);
    for (const [index, held] of this.#numbers.entries()) held.value = numbers[index] ?? 0;
  }
}

/** Appends one value a row; `times` are the rows' event times in microseconds. */
export type Fill = (times: Float64Array, rows: number) => void;

/** Appends the value of one row at that event time. */
type Put = (time: number) => void;

const PER_MICROSECOND: Readonly<Record<TimeUnit, number>> = { s: 1e-6, ms: 1e-3, us: 1, ns: 1e3 };

/** The type that a column has where no schema says it. */
export function usualType(options: ColumnOptions): DataType {
  if (options.type !== undefined) return options.type;
  if (options.time !== undefined) return { kind: 'timestamp', unit: 'ms' };
  if (options.sequence !== undefined || options.integers !== undefined) return { kind: 'int64' };
  if (options.keys !== undefined) return { kind: 'utf8' };
  const values = options.choice?.values ?? (options.constant === undefined ? [] : [options.constant]);
  if (values.length === 0) return { kind: 'float64' };
  if (values.every((value) => typeof value === 'boolean')) return { kind: 'bool' };
  if (values.every((value) => Number.isSafeInteger(value))) return { kind: 'int64' };
  return { kind: values.every((value) => typeof value === 'number') ? 'float64' : 'utf8' };
}

/** How a column comes about that the options do not list. Throws `generate.no-values` for types without a usual way. */
export function usualOptions(field: Field): ColumnOptions {
  const { kind } = field.type;
  if (kind === 'timestamp') return { time: {}, nulls: 0 };
  if (kind === 'utf8')
    return { keys: { count: 100, prefix: `${field.name}-`, distribution: 'uniform', exponent: 1 }, nulls: 0 };
  if (kind === 'bool') return { choice: { values: [false, true] }, nulls: 0 };
  if (kind === 'float64' || kind === 'float32' || kind === 'float16') return { uniform: { min: 0, max: 1 }, nulls: 0 };
  if (kind.startsWith('int') || kind.startsWith('uint')) return { integers: { min: 0, max: 100 }, nulls: 0 };
  throw userError(
    'generate.no-values',
    `column ${field.name} of type ${formatType(field.type)} needs an entry in \`columns\``,
  );
}

/** Throws `generate.wrong-type` where the values cannot be of the column's type. */
export function filler(column: ColumnBuilder, options: ColumnOptions, memory: Memory): Fill {
  const name = column.field.name;
  const put = putterOf(column, options, memory);
  if (options.nulls === 0) {
    return (times, rows) => {
      for (let row = 0; row < rows; row++) put(times[row] as number);
    };
  }
  const chance = memory.random(`null/${name}`);
  return (times, rows) => {
    for (let row = 0; row < rows; row++) {
      if (chance.unit() < options.nulls) column.appendNull();
      else put(times[row] as number);
    }
  };
}

function putterOf(column: ColumnBuilder, options: ColumnOptions, memory: Memory): Put {
  const random = memory.random(`value/${column.field.name}`);
  const { constant, sequence, uniform, integers, normal, sine, walk, choice, keys } = options;
  if (options.time !== undefined) return timePutter(column);
  if (keys !== undefined) return keyPutter(column, keys, random);
  if (choice !== undefined) {
    const pick = new WeightedChoice(choice.weights ?? choice.values.map(() => 1));
    const puts = choice.values.map((value) => scalarPutter(column, value));
    return (time) => (puts[pick.draw(random)] as Put)(time);
  }
  if (constant !== undefined) return scalarPutter(column, constant);
  const put = numberPutter(column);
  if (sequence !== undefined) {
    const next = memory.number(sequence.start - sequence.step);
    return () => {
      next.value += sequence.step;
      put(next.value);
    };
  }
  if (uniform !== undefined) return () => put(uniform.min + random.unit() * (uniform.max - uniform.min));
  if (integers !== undefined) return () => put(integers.min + random.below(integers.max - integers.min + 1));
  if (normal !== undefined) return () => put(normal.mean + random.normal() * normal.deviation);
  if (walk !== undefined) return walkPutter(put, walk, random, memory);
  if (sine === undefined) throw userError('generate.no-values', `column ${column.field.name} has no values`);
  const turns = (2 * Math.PI) / Number(sine.period);
  return (time) => {
    const noise = sine.noise === 0 ? 0 : random.normal() * sine.noise;
    put(sine.offset + sine.amplitude * Math.sin(time * turns) + noise);
  };
}

function timePutter(column: ColumnBuilder): Put {
  const { type } = column;
  if (type.kind !== 'timestamp') throw wrongType(column, 'times');
  const scale = PER_MICROSECOND[type.unit];
  if (type.unit === 'ns') return (time) => column.appendBigInt(BigInt(time) * 1000n);
  return (time) => column.appendNumber(Math.floor(time * scale));
}

function keyPutter(column: ColumnBuilder, keys: KeyOptions, random: Random): Put {
  const weighted =
    keys.distribution === 'zipf' ? new WeightedChoice(zipfWeights(keys.count, keys.exponent)) : undefined;
  const draw = (): number => weighted?.draw(random) ?? random.below(keys.count);
  if (column.type.kind !== 'utf8') {
    const put = numberPutter(column);
    return () => put(draw());
  }
  const names: (string | undefined)[] = new Array(keys.count);
  return () => {
    const key = draw();
    names[key] ??= `${keys.prefix}${key}`;
    column.appendString(names[key]);
  };
}

/** From step to step; what would leave the range is reflected at its end. */
function walkPutter(put: (value: number) => void, walk: WalkOptions, random: Random, memory: Memory): Put {
  const min = walk.min ?? Number.NEGATIVE_INFINITY;
  const max = walk.max ?? Number.POSITIVE_INFINITY;
  const at = memory.number(Math.min(Math.max(walk.start, min), max));
  return () => {
    put(at.value);
    let next = at.value + random.normal() * walk.step;
    if (next > max) next = 2 * max - next;
    if (next < min) next = 2 * min - next;
    at.value = Math.min(Math.max(next, min), max);
  };
}

/** A constant goes in as its text would. */
function scalarPutter(column: ColumnBuilder, value: string | number | boolean): Put {
  const set = textSetter(column);
  const bytes = Buffer.from(String(value));
  if (!set(bytes, 0, bytes.length)) throw wrongType(column, JSON.stringify(value));
  column.truncate(0);
  return () => void set(bytes, 0, bytes.length);
}

/** Numbers into any numeric column; rounded where it takes whole numbers. */
function numberPutter(column: ColumnBuilder): (value: number) => void {
  const { kind } = column.type;
  if (kind === 'float64' || kind === 'float32' || kind === 'float16') return (value) => column.appendNumber(value);
  if (kind === 'utf8') return (value) => column.appendString(String(value));
  if (kind === 'bool' || kind === 'binary' || kind === 'null' || kind === 'foreign') throw wrongType(column, 'numbers');
  return (value) => column.appendNumber(Math.round(value));
}

function wrongType(column: ColumnBuilder, what: string): Error {
  return userError(
    'generate.wrong-type',
    `column ${column.field.name} is of type ${formatType(column.type)} and cannot hold ${what}`,
  );
}
