/** Smoothed milliseconds there and back, and how long to wait for an answer: after RFC 6298, with a lower bound of ours. */
export class RoundTrip {
  #smoothed: number | undefined;
  #deviation = 0;

  get milliseconds(): number | undefined {
    return this.#smoothed;
  }

  sample(milliseconds: number): void {
    if (!(milliseconds >= 0 && milliseconds < 3_600_000)) return;
    if (this.#smoothed === undefined) {
      this.#smoothed = milliseconds;
      this.#deviation = milliseconds / 2;
      return;
    }
    this.#deviation += (Math.abs(milliseconds - this.#smoothed) - this.#deviation) / 4;
    this.#smoothed += (milliseconds - this.#smoothed) / 8;
  }

  /** Within this an answer should have come; 200 before anything was measured. */
  get patience(): number {
    return this.#smoothed === undefined ? 200 : this.#smoothed + 4 * this.#deviation;
  }
}
