/** Times in buckets that grow by an eighth of an octave, so that a quantile is right within 5 per cent and nothing is kept a call. */

const STEPS = 8;
/** From a microsecond to about 70 minutes. */
const BUCKETS = 32 * STEPS;

export class Histogram {
  readonly #counts = new Float64Array(BUCKETS + 1);
  #count = 0;
  #sum = 0;

  add(milliseconds: number): void {
    const micros = Math.max(1, milliseconds * 1_000);
    const bucket = Math.min(BUCKETS, Math.round(Math.log2(micros) * STEPS));
    this.#counts[bucket] = (this.#counts[bucket] ?? 0) + 1;
    this.#count += 1;
    this.#sum += milliseconds;
  }

  get count(): number {
    return this.#count;
  }

  /** Milliseconds, of all calls together. */
  get sum(): number {
    return this.#sum;
  }

  get mean(): number {
    return this.#count === 0 ? 0 : this.#sum / this.#count;
  }

  /** Milliseconds below which the share `q` of the times lies; 0 where there are none. */
  quantile(q: number): number {
    let left = Math.max(1, Math.ceil(this.#count * q));
    for (const [bucket, count] of this.#counts.entries()) {
      left -= count;
      if (count > 0 && left <= 0) return 2 ** (bucket / STEPS) / 1_000;
    }
    return 0;
  }
}
