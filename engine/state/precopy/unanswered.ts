/** Frames on their way: kept until they are answered, sent again where that takes much longer than usual or later ones were answered before. */

interface Kept {
  readonly bytes: Uint8Array;
  sentAt: number;
  tries: number;
  /** Answers that came to frames which were sent after it. */
  overtaken: number;
}

/**
 * Milliseconds before anything was answered, and at least: both ends are processes that may not have their turn for a while, and what is sent again for that counts in the bytes
 * of the move (RFC 6298 asks for a second; what was lost in front of others is noticed by these).
 */
const FIRST = 1_000;
const LEAST = 200;
const OVERTAKEN = 3;

export class Unanswered {
  readonly #kept = new Map<number, Kept>();
  #bytes = 0;
  #repeated = 0;
  /** The shortest time to an answer, and that of late. */
  #least = Number.POSITIVE_INFINITY;
  #recent: number | undefined;

  get count(): number {
    return this.#kept.size;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** Bytes that were sent again. */
  get repeated(): number {
    return this.#repeated;
  }

  /** Milliseconds there and back, with nothing else on the way; 0 before anything was answered. */
  get roundTrip(): number {
    return this.#least === Number.POSITIVE_INFINITY ? 0 : this.#least;
  }

  get dueAt(): number | undefined {
    let least: number | undefined;
    for (const kept of this.#kept.values()) least = Math.min(least ?? Number.POSITIVE_INFINITY, this.#dueOf(kept));
    return least;
  }

  sent(number: number, bytes: Uint8Array, now: number): void {
    this.#kept.set(number, { bytes, sentAt: now, tries: 1, overtaken: 0 });
    this.#bytes += bytes.length;
  }

  /** False where it was answered before. */
  answered(number: number, now: number): boolean {
    const found = this.#kept.get(number);
    if (found === undefined) return false;
    this.#kept.delete(number);
    this.#bytes -= found.bytes.length;
    if (found.tries > 1) return true; // to which of them it is the answer nobody knows (Karn)
    const took = now - found.sentAt;
    this.#least = Math.min(this.#least, took);
    this.#recent = this.#recent === undefined ? took : Math.max(took, this.#recent * 0.9);
    for (const [other, kept] of this.#kept) if (other < number && kept.sentAt <= found.sentAt) kept.overtaken += 1;
    return true;
  }

  /** What is to be sent again now. */
  due(now: number): readonly Uint8Array[] {
    const again: Uint8Array[] = [];
    for (const kept of this.#kept.values()) {
      if (this.#dueOf(kept) > now) continue;
      kept.sentAt = now;
      kept.tries += 1;
      kept.overtaken = 0;
      this.#repeated += kept.bytes.length;
      again.push(kept.bytes);
    }
    return again;
  }

  #dueOf({ sentAt, tries, overtaken }: Kept): number {
    if (overtaken >= OVERTAKEN) return sentAt;
    const usual = this.#recent === undefined ? FIRST : Math.max(LEAST, 3 * this.#recent);
    return sentAt + Math.min(10_000, usual * 2 ** (tries - 1));
  }
}
