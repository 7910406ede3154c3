/** Rates of counts that are looked at now and then, over the time between two looks. */

interface Seen {
  readonly count: number;
  readonly at: number;
  readonly rate: number | undefined;
}

export class Deltas {
  #series = new Map<string, Seen>();
  #next = new Map<string, Seen>();

  /**
   * What `count` rises by a millisecond; undefined at the first look. `at`, in milliseconds, is when it was counted: the same count seen twice
   * says nothing new. A count that falls has begun anew.
   */
  rate(series: string, count: number, at: number): number | undefined {
    const before = this.#series.get(series);
    let rate = before?.rate;
    if (before !== undefined && at > before.at) rate = Math.max(0, count - before.count) / (at - before.at);
    this.#next.set(series, before !== undefined && at <= before.at ? before : { count, at, rate });
    return rate;
  }

  /** Forgets what was not looked at since the last call. */
  turn(): void {
    this.#series = this.#next;
    this.#next = new Map();
  }
}
