/** Accumulators of one call from two halves of its rows, as the columns of `callFields`: what both halves together would have. */
import type { DataType, Value } from '../../batch/types.ts';
import { userError } from '../../errors.ts';
import type { ValueKind } from '../../expression/define.ts';
import { comparator } from '../../expression/functions/comparison.ts';
import type { AggregateStep } from '../../graph/plan.ts';

type Call = Pick<AggregateStep['aggregates'][number], 'fn' | 'arg'>;

const INT64 = 2n ** 63n;

/** Undefined where a sum would be beyond int64. Sums of floats are added, which is exact for the first half only where the second is empty. */
export function mergeCall({ fn, arg }: Call, a: readonly Value[], b: readonly Value[]): readonly Value[] | undefined {
  const [first = null] = a;
  const [second = null] = b;
  switch (fn) {
    case 'count':
      return [whole(first) + whole(second)];
    case 'sum':
      return mergeSums(first, second);
    case 'avg':
      return a.length === 3 ? mergeWide(a, b) : [plus(first, second), whole(a[1]) + whole(b[1])];
    case 'min':
    case 'max':
      return [better(first, second, arg?.type, fn === 'min' ? 1 : -1)];
  }
}

/** Two states that are taken together have a sum that is too large. */
export function overflowed(call: string): never {
  throw userError('state.overflow', `the states of an aggregate that are taken together overflow in "${call}"`);
}

function whole(value: Value | undefined): bigint {
  return typeof value === 'bigint' ? value : 0n;
}

function mergeSums(a: Value, b: Value): readonly Value[] | undefined {
  const sum = plus(a, b);
  return typeof sum === 'bigint' && (sum < -INT64 || sum >= INT64) ? undefined : [sum];
}

function plus(a: Value, b: Value): Value {
  if (a === null || b === null) return a ?? b;
  return typeof a === 'bigint' ? a + whole(b) : Number(a) + Number(b);
}

/** Sums of 128 bits in two words. */
function mergeWide(a: readonly Value[], b: readonly Value[]): readonly Value[] {
  const sum = wide(a) + wide(b);
  const low = BigInt.asIntN(64, sum);
  return [(sum - low) >> 64n, low, whole(a[2]) + whole(b[2])];
}

function wide([high, low]: readonly Value[]): bigint {
  return (whole(high) << 64n) + whole(low);
}

/** Of equal ones the first. */
function better(a: Value, b: Value, type: DataType | undefined, sign: 1 | -1): Value {
  if (a === null || b === null) return a ?? b;
  const compare = comparator((type?.kind ?? 'int64') as ValueKind);
  return compare(b, a) * sign < 0 ? b : a;
}
