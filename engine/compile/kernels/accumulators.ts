/** What an aggregate keeps of a group: one accumulator a call, fed value by value in the order of rows. Nulls are left out. */
import type { DataType, Value } from '../../batch/types.ts';
import type { ValueKind } from '../../expression/define.ts';
import { type Compare, comparator } from '../../expression/functions/comparison.ts';
import type { AggregateFunction } from '../../graph/plan.ts';

export interface Accumulator {
  /** False where `add` would overflow. */
  takes(value: Exclude<Value, null>): boolean;
  add(value: Exclude<Value, null>): void;
  result(): Value;
  /** What it keeps, as the columns of `callFields` (state/aggregate-state.ts). */
  save(): readonly Value[];
  load(saved: readonly Value[]): void;
}

const INT64 = 2n ** 63n;

class Count implements Accumulator {
  #count = 0n;

  takes(): boolean {
    return true;
  }

  add(): void {
    this.#count += 1n;
  }

  result(): Value {
    return this.#count;
  }

  save(): readonly Value[] {
    return [this.#count];
  }

  load([count]: readonly Value[]): void {
    this.#count = BigInt((count ?? 0n) as bigint);
  }
}

/** int64; a sum outside of it is an error. */
class IntegerSum implements Accumulator {
  #sum: bigint | null = null;

  takes(value: Exclude<Value, null>): boolean {
    const sum = (this.#sum ?? 0n) + BigInt(value as bigint);
    return sum >= -INT64 && sum < INT64;
  }

  add(value: Exclude<Value, null>): void {
    this.#sum = (this.#sum ?? 0n) + BigInt(value as bigint);
  }

  result(): Value {
    return this.#sum;
  }

  save(): readonly Value[] {
    return [this.#sum];
  }

  load([sum = null]: readonly Value[]): void {
    this.#sum = sum as bigint | null;
  }
}

/** Whether a sum of floats stays finite, or is infinite because a value is; as PostgreSQL's float8pl. */
function staysFinite(sum: number | null, value: number): boolean {
  const next = sum === null ? value : sum + value;
  return (
    Number.isFinite(next) || Number.isNaN(next) || !Number.isFinite(value) || sum === Infinity || sum === -Infinity
  );
}

/** float64, in the order of rows; a sum beyond the floats is an error. */
class FloatSum implements Accumulator {
  #sum: number | null = null;

  takes(value: Exclude<Value, null>): boolean {
    return staysFinite(this.#sum, Number(value));
  }

  add(value: Exclude<Value, null>): void {
    // The first value counts as it is, so that -0 stays -0.
    this.#sum = this.#sum === null ? Number(value) : this.#sum + Number(value);
  }

  result(): Value {
    return this.#sum;
  }

  save(): readonly Value[] {
    return [this.#sum];
  }

  load([sum = null]: readonly Value[]): void {
    this.#sum = sum as number | null;
  }
}

/** Integers are summed exactly, in 128 bits, and divided in float64. */
class IntegerMean implements Accumulator {
  #sum = 0n;
  #count = 0;

  takes(): boolean {
    return true;
  }

  add(value: Exclude<Value, null>): void {
    this.#sum += BigInt(value as bigint);
    this.#count += 1;
  }

  result(): Value {
    return this.#count === 0 ? null : wideToFloat(this.#sum) / this.#count;
  }

  save(): readonly Value[] {
    const low = BigInt.asIntN(64, this.#sum);
    return [(this.#sum - low) >> 64n, low, BigInt(this.#count)];
  }

  load([high, low, count]: readonly Value[]): void {
    this.#sum = (((high ?? 0n) as bigint) << 64n) + ((low ?? 0n) as bigint);
    this.#count = Number(count ?? 0n);
  }
}

/** A 128-bit integer as float64, by its halves: exact below 2^53, at most two roundings above 2^64. */
function wideToFloat(value: bigint): number {
  const size = value < 0n ? -value : value;
  const float = Number(size >> 64n) * 2 ** 64 + Number(size & (2n ** 64n - 1n));
  return value < 0n ? -float : float;
}

class FloatMean implements Accumulator {
  #sum = 0;
  #count = 0;

  takes(value: Exclude<Value, null>): boolean {
    return staysFinite(this.#count === 0 ? null : this.#sum, Number(value));
  }

  add(value: Exclude<Value, null>): void {
    this.#sum = this.#count === 0 ? Number(value) : this.#sum + Number(value);
    this.#count += 1;
  }

  result(): Value {
    return this.#count === 0 ? null : this.#sum / this.#count;
  }

  save(): readonly Value[] {
    return [this.#count === 0 ? null : this.#sum, BigInt(this.#count)];
  }

  load([sum, count]: readonly Value[]): void {
    this.#sum = Number(sum ?? 0);
    this.#count = Number(count ?? 0n);
  }
}

/** The least, or with a comparator turned around the greatest; of equal ones the first. */
class Extreme implements Accumulator {
  #best: Exclude<Value, null> | null = null;
  readonly #compare: Compare<Exclude<Value, null>>;
  readonly #sign: 1 | -1;

  constructor(kind: ValueKind, sign: 1 | -1) {
    this.#compare = comparator(kind) as Compare<Exclude<Value, null>>;
    this.#sign = sign;
  }

  takes(): boolean {
    return true;
  }

  add(value: Exclude<Value, null>): void {
    if (this.#best === null || this.#compare(value, this.#best) * this.#sign < 0) this.#best = kept(value);
  }

  result(): Value {
    return this.#best;
  }

  save(): readonly Value[] {
    return [this.#best];
  }

  load([best = null]: readonly Value[]): void {
    this.#best = best === null ? null : kept(best);
  }
}

/** The value beyond the life of its batch. */
export function kept<V extends Value>(value: V): V | Uint8Array {
  return value instanceof Uint8Array ? value.slice() : value;
}

/** `type` is the argument's; absent for `count(*)`. */
export function accumulator(fn: AggregateFunction, type: DataType | undefined): Accumulator {
  const integer = type?.kind === 'int32' || type?.kind === 'int64';
  switch (fn) {
    case 'count':
      return new Count();
    case 'sum':
      return integer ? new IntegerSum() : new FloatSum();
    case 'avg':
      return integer ? new IntegerMean() : new FloatMean();
    case 'min':
    case 'max':
      return new Extreme((type?.kind ?? 'int64') as ValueKind, fn === 'min' ? 1 : -1);
  }
}
