/**
 * The last values of one key, in the order in which they came and in the order of size, so that median and median absolute deviation
 * (MAD) cost a binary search.
 *
 *   state   [ count: i32 | next: i32 | ring: capacity x f64 | sorted: capacity x f64 ]
 *
 * Deviations from the median, taken outwards to both sides of the sorted values, are two sorted sequences; the k-th smallest of both
 * together is found by bisection, O(log n), without sorting deviations. Inserting moves at most `capacity` values (one memmove).
 */

const RING: usize = 8;
/** Makes the MAD of a normal distribution its standard deviation: 1 / Φ⁻¹(3/4). */
const MAD_SCALE: f64 = 1.4826;
/** Likewise for the mean absolute deviation: √(π/2). */
const MEAN_SCALE: f64 = 1.253314;

export class Window {
  private state: usize = 0;
  private ring: usize = 0;
  private sorted: usize = 0;
  /** Values in the window. */
  count: i32 = 0;
  /** Median of the values, by `measure`. */
  median: f64 = 0;
  /** Robust standard deviation of the values, by `measure`; 0 when all are the same. */
  scale: f64 = 0;

  constructor(public capacity: i32) {}

  /** Bytes of a key's state. */
  static bytes(capacity: i32): usize {
    return RING + <usize>capacity * 16;
  }

  /** Works on the state at `state` from here on. */
  open(state: usize): void {
    this.state = state;
    this.ring = state + RING;
    this.sorted = state + RING + <usize>this.capacity * 8;
    this.count = load<i32>(state);
  }

  @inline private at(index: i32): f64 {
    return load<f64>(this.sorted + ((<usize>index) << 3));
  }

  /** Index of the first value that is not less than `value`. */
  private lower(value: f64): i32 {
    let low = 0;
    let high = this.count;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.at(middle) < value) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** The values in the order in which they came, oldest first. */
  value(index: i32): f64 {
    const first = this.count == this.capacity ? load<i32>(this.state, 4) : 0;
    return load<f64>(this.ring + ((<usize>((first + index) % this.capacity)) << 3));
  }

  /** Takes a value in; the oldest one goes when the window is full. */
  add(value: f64): void {
    const next = load<i32>(this.state, 4);
    const place = this.ring + ((<usize>next) << 3);
    if (this.count == this.capacity) this.replace(load<f64>(place), value);
    else {
      const index = this.lower(value);
      const at = this.sorted + ((<usize>index) << 3);
      memory.copy(at + 8, at, (<usize>(this.count - index)) << 3);
      store<f64>(at, value);
      this.count += 1;
      store<i32>(this.state, this.count);
    }
    store<f64>(place, value);
    store<i32>(this.state, next + 1 == this.capacity ? 0 : next + 1, 4);
  }

  /** Moves what lies between the old value's place and the new one's by one. */
  private replace(old: f64, value: f64): void {
    const from = this.lower(old);
    let to = this.lower(value);
    if (to > from) {
      to -= 1;
      const at = this.sorted + ((<usize>from) << 3);
      memory.copy(at, at + 8, (<usize>(to - from)) << 3);
    } else if (to < from) {
      const at = this.sorted + ((<usize>to) << 3);
      memory.copy(at + 8, at, (<usize>(from - to)) << 3);
    }
    store<f64>(this.sorted + ((<usize>to) << 3), value);
  }

  /** Computes `median` and `scale` of the window's values; there must be one. */
  measure(): void {
    const n = this.count;
    const middle = n >> 1;
    this.median = (n & 1) == 1 ? this.at(middle) : (this.at(middle - 1) + this.at(middle)) / 2;
    const upper = this.deviation(middle);
    const mad = (n & 1) == 1 ? upper : (this.deviation(middle - 1) + upper) / 2;
    this.scale = mad > 0 ? mad * MAD_SCALE : this.meanDeviation() * MEAN_SCALE;
  }

  /** The k-th smallest (from 0) distance to the median: `taken` of them lie below the split and k + 1 - taken above. */
  private deviation(k: i32): f64 {
    const split = this.lower(this.median);
    let low = max(0, k + 1 - (this.count - split));
    let high = min(k + 1, split);
    while (low < high) {
      const taken = (low + high) >>> 1;
      // Too few from below while the next one there is nearer than the last one taken from above.
      const above = this.at(split + k - taken) - this.median;
      if (this.median - this.at(split - 1 - taken) < above) low = taken + 1;
      else high = taken;
    }
    const below = low > 0 ? this.median - this.at(split - low) : -1.0;
    const above = k + 1 - low > 0 ? this.at(split + k - low) - this.median : -1.0;
    return max(below, above);
  }

  /** Mean distance to the median; only needed where more than half of the values are the same. */
  private meanDeviation(): f64 {
    let sum: f64 = 0;
    for (let i = 0; i < this.count; i++) sum += Math.abs(this.at(i) - this.median);
    return sum / <f64>this.count;
  }
}
