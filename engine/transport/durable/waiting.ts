/**
 * How many bytes of a log wait to be covered, without the size of every item: totals are noted at checkpoints and every so many bytes. So
 * what is found is exact at checkpoints of the sender, which is where receivers stand that have caught up, and else too much by less than one step.
 */

/** Bytes between two totals that are noted. */
const STEP = 65_536;
/** Totals that are kept: beyond, every second one goes. */
const MOST = 4_096;

export class Waiting {
  /** Items, rising, and how many bytes there were up to each. */
  #totals: { readonly item: number; readonly bytes: number }[];
  #last: number;
  #bytes: number;

  /** Of a log that has `bytes` of the items behind `covered` up to `last`. */
  constructor(covered: number, last: number, bytes: number) {
    this.#totals = [{ item: covered, bytes: 0 }];
    this.#last = last;
    this.#bytes = bytes;
    this.mark();
  }

  add(item: number, bytes: number): void {
    this.#last = item;
    this.#bytes += bytes;
    if (this.#bytes - (this.#totals.at(-1)?.bytes ?? 0) >= STEP) this.mark();
  }

  /** Notes the total as it is now. */
  mark(): void {
    if (this.#totals.at(-1)?.item === this.#last) return;
    if (this.#totals.length === MOST) this.#totals = this.#totals.filter((_, index) => index % 2 === 0);
    this.#totals.push({ item: this.#last, bytes: this.#bytes });
  }

  /** Of the items behind this one, which never falls. */
  behind(item: number): number {
    if (item >= this.#last) return 0;
    while ((this.#totals[1]?.item ?? Number.POSITIVE_INFINITY) <= item) this.#totals.shift();
    const [before] = this.#totals;
    return before === undefined || before.item > item ? this.#bytes : this.#bytes - before.bytes;
  }
}
