/**
 * Reads the event times of one source partition: its watermark, and where a batch must be cut so that results do not depend on
 * where the source cut it.
 *
 * The watermark that rows imply is their greatest time less `maxDelay`. A row behind it may be late, so the rows before it and
 * then that watermark have to be handed on first. How far behind matters only in steps of `step`: when everything downstream
 * counts in windows of a minute, a row is late or not by the minute, and no finer cut can change anything.
 *
 * Two ways through a column. Most blocks of rows are settled by their greatest and smallest value, read as float64: for
 * non-negative int64 the order of the bit patterns is the order of the floats, which makes one load and one comparison a row
 * (0.3 to 0.6 ns). A block that this does not settle (or that has nulls, negative or absurd times) is read row by row as pairs
 * of int32, exact for every int64.
 */
import type { Batch } from '../batch/batch.ts';
import { columnView } from '../batch/reader.ts';
import type { TimeUnit } from '../batch/types.ts';
import { clampTime, floorDivide, fromMicros, later, TIME_MAX, TIME_MIN, toMicros } from './time.ts';

export interface EventTimeOptions {
  /** The time column's index. */
  readonly column: number;
  readonly unit: TimeUnit;
  /** Microseconds. */
  readonly maxDelay: bigint;
  /** Microseconds; 1 where every watermark counts, 0 where lateness plays no part downstream and nothing needs cutting. */
  readonly step: bigint;
  /** The greatest value that came before, in `unit`; absent: nothing came. */
  readonly greatest?: bigint | undefined;
}

const BLOCK = 2_048;
const TWO_32 = 4_294_967_296n;

/** Float64 and int64 views of the same eight bytes. */
const bits = new Float64Array(1);
const integers = new BigInt64Array(bits.buffer);

/** The views over one batch's time column; `validity` is absent where no value is null. */
interface TimeColumn {
  readonly floats: Float64Array;
  readonly words: Int32Array;
  readonly integers: BigInt64Array;
  readonly validity: Uint8Array | undefined;
}

export class EventTimeScanner {
  readonly #options: EventTimeOptions;
  /** Greatest value so far in the column's unit. */
  #greatest: bigint | undefined;
  #batch: Batch | undefined;
  #times: TimeColumn | undefined;

  constructor(options: EventTimeOptions) {
    this.#options = options;
    this.#greatest = options.greatest;
  }

  /** What the rows scanned so far imply, in microseconds; `TIME_MIN` before the first. */
  get watermark(): bigint {
    return this.#greatest === undefined ? TIME_MIN : clampTime(this.#implied(this.#greatest));
  }

  /** The greatest event time so far, in microseconds. */
  get greatest(): bigint | undefined {
    return this.#greatest === undefined ? undefined : clampTime(toMicros(this.#greatest, this.#options.unit));
  }

  /** The same in the unit of the column. */
  get greatestValue(): bigint | undefined {
    return this.#greatest;
  }

  /**
   * Takes rows from `from` on up to the first that lies behind a watermark not handed on yet, and returns that row's index, or
   * the number of rows when there is none. The caller hands on rows `from` up to the result, then `watermark`, then goes on
   * from there; it always gets past `from`.
   */
  scan(batch: Batch, from: number): number {
    const times = this.#columnOf(batch, from);
    const handed = this.#greatest === undefined ? TIME_MIN : this.#boundary(this.#greatest);
    const rises = this.#risesAt(handed);
    for (let start = from; start < batch.rows; start += BLOCK) {
      const end = Math.min(start + BLOCK, batch.rows);
      if (times.validity === undefined && this.#settled(times.floats, start, end, rises)) continue;
      const cut = this.#scanRows(times, start, end, rises);
      if (cut < end) return cut;
    }
    return batch.rows;
  }

  /** The watermark rounded down to a multiple of `grain`: how far the rows before are for whoever puts partitions in order. */
  mark(grain: bigint): bigint {
    return floorDivide(this.watermark, grain) * grain;
  }

  /**
   * The index behind the first row from `from` on with which the watermark, rounded down to `grain`, would be `mark` (a multiple of it) or more; the number of rows where
   * none does. Always beyond `from`. Takes nothing in.
   */
  upTo(batch: Batch, from: number, mark: bigint): number {
    const { floats, integers: values, validity } = this.#columnOf(batch, from);
    const least = fromMicros(mark + this.#options.maxDelay, this.#options.unit);
    if (least > TIME_MAX) return batch.rows;
    const floatLeast = least > 0n ? floatOf(least) : Number.NaN;
    for (let row = from; row < batch.rows; row++) {
      // what is not certainly less (absurd times are no numbers as floats) is compared exactly
      if ((floats[row] ?? 0) < floatLeast) continue;
      if (validity !== undefined && ((validity[row >> 3] ?? 0) & (1 << (row & 7))) === 0) continue;
      if ((values[row] ?? 0n) >= least) return row + 1;
    }
    return batch.rows;
  }

  /** The watermark that a greatest value of `value` implies. */
  #implied(value: bigint): bigint {
    return toMicros(value, this.#options.unit) - this.#options.maxDelay;
  }

  /** The implied watermark rounded down to the step: rows before it may be late. */
  #boundary(value: bigint): bigint {
    const { step } = this.#options;
    return step === 0n ? TIME_MIN : floorDivide(this.#implied(value), step) * step;
  }

  /** The smallest column value that lifts the boundary above `handed`, as the greatest; beyond int64 where nothing does. */
  #risesAt(handed: bigint): bigint {
    const { step, maxDelay, unit } = this.#options;
    if (step === 0n) return TIME_MAX + 1n;
    if (handed === TIME_MIN) return TIME_MIN;
    return fromMicros(handed + step + maxDelay, unit);
  }

  /** True when no row of a block can need a cut, found from its extremes alone; then they are taken in. */
  #settled(floats: Float64Array, start: number, end: number, rises: bigint): boolean {
    const max = greatestOf(floats, start, end);
    if (!(max > 0 && max < Number.POSITIVE_INFINITY)) return false;
    const blockMax = integerOf(max);
    const greatest = later(this.#greatest ?? blockMax, blockMax);
    if (greatest >= rises) {
      const bound = fromMicros(this.#boundary(greatest), this.#options.unit);
      if (bound <= 0n) return false;
      const least = integerOf(smallestOf(floats, start, end));
      if (least < 0n || (least < bound && !this.#followsInOrder(floats, start, end))) return false;
    }
    this.#greatest = greatest;
    return true;
  }

  /** True when a block's rows rise from the greatest so far: none can be behind what those before it imply. */
  #followsInOrder(floats: Float64Array, start: number, end: number): boolean {
    const first = integerOf(floats[start] ?? 0);
    return (this.#greatest === undefined || first >= this.#greatest) && isOrdered(floats, start, end);
  }

  /** The exact way: rows of a block up to the first that needs a cut in front of it. */
  #scanRows({ words, validity }: TimeColumn, start: number, end: number, rises: bigint): number {
    let known = this.#greatest !== undefined;
    let [maxHigh, maxLow] = split(this.#greatest ?? TIME_MIN);
    let [boundHigh, boundLow] = split(TIME_MIN);
    let stale = true;
    let row = start;
    for (; row < end; row++) {
      if (validity !== undefined && ((validity[row >> 3] ?? 0) & (1 << (row & 7))) === 0) continue;
      const high = words[2 * row + 1] ?? 0;
      const low = (words[2 * row] ?? 0) >>> 0;
      if (!known || high > maxHigh || (high === maxHigh && low >= maxLow)) {
        stale ||= !known || high !== maxHigh || low !== maxLow;
        known = true;
        maxHigh = high;
        maxLow = low;
        continue;
      }
      if (stale) {
        stale = false;
        [boundHigh, boundLow] = split(this.#bound(join(maxHigh, maxLow), rises));
      }
      if (high < boundHigh || (high === boundHigh && low < boundLow)) break;
    }
    if (known) this.#greatest = join(maxHigh, maxLow);
    return row;
  }

  /** The column value that rows must reach not to need a cut, once `greatest` is the greatest. */
  #bound(greatest: bigint, rises: bigint): bigint {
    return greatest < rises ? TIME_MIN : clampTime(fromMicros(this.#boundary(greatest), this.#options.unit));
  }

  #columnOf(batch: Batch, from: number): TimeColumn {
    if (this.#batch !== batch || this.#times === undefined || from === 0) {
      this.#batch = batch;
      this.#times = timeColumn(batch, this.#options.column);
    }
    return this.#times;
  }
}

/**
 * The greatest of a block by float order, 0 where none is positive; NaN when a value is beyond 0x7ff0_0000_0000_0000. Negative
 * int64 read as negative floats or NaN with the sign set, and Math.max passes any NaN on.
 */
function greatestOf(floats: Float64Array, start: number, end: number): number {
  let a = 0;
  let b = 0;
  let c = 0;
  let d = 0;
  let row = start;
  for (; row + 3 < end; row += 4) {
    a = Math.max(a, floats[row] ?? 0);
    b = Math.max(b, floats[row + 1] ?? 0);
    c = Math.max(c, floats[row + 2] ?? 0);
    d = Math.max(d, floats[row + 3] ?? 0);
  }
  for (; row < end; row++) a = Math.max(a, floats[row] ?? 0);
  return Math.max(a, b, c, d);
}

/** The smallest by float order; below zero, minus zero (INT64_MIN) or NaN as soon as one value is negative. */
function smallestOf(floats: Float64Array, start: number, end: number): number {
  let a = Number.POSITIVE_INFINITY;
  let b = a;
  let c = a;
  let d = a;
  let row = start;
  for (; row + 3 < end; row += 4) {
    a = Math.min(a, floats[row] ?? 0);
    b = Math.min(b, floats[row + 1] ?? 0);
    c = Math.min(c, floats[row + 2] ?? 0);
    d = Math.min(d, floats[row + 3] ?? 0);
  }
  for (; row < end; row++) a = Math.min(a, floats[row] ?? 0);
  return Math.min(a, b, c, d);
}

function isOrdered(floats: Float64Array, start: number, end: number): boolean {
  let last = floats[start] ?? 0;
  for (let row = start + 1; row < end; row++) {
    const v = floats[row] ?? 0;
    if (!(v >= last)) return false;
    last = v;
  }
  return true;
}

/** The int64 whose bits a float64 has; the float is not NaN. */
function integerOf(float: number): bigint {
  bits[0] = float;
  return integers[0] ?? 0n;
}

/** The float64 whose bits an int64 is. */
function floatOf(integer: bigint): number {
  integers[0] = integer;
  return bits[0] ?? 0;
}

function split(value: bigint): [number, number] {
  return [Number(BigInt.asIntN(32, value >> 32n)), Number(BigInt.asUintN(32, value))];
}

function join(high: number, low: number): bigint {
  return BigInt(high) * TWO_32 + BigInt(low);
}

function timeColumn(batch: Batch, column: number): TimeColumn {
  const { values, validity } = columnView(batch, column);
  return {
    floats: new Float64Array(values.buffer, values.byteOffset, batch.rows),
    words: new Int32Array(values.buffer, values.byteOffset, batch.rows * 2),
    integers: new BigInt64Array(values.buffer, values.byteOffset, batch.rows),
    validity: validity.length === 0 ? undefined : validity,
  };
}
