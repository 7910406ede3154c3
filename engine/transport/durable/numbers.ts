/**
 * Which record of a log holds which item. Items are numbered once and for all; records of the log too, but a restart takes back the items that no
 * complete checkpoint covered and numbers others anew, behind them:
 *
 *     item    1 2 3 4 5 | 4 5 6 7        4 and 5 were taken back
 *     record  1 2 3 4 5 | 6 7 8 9
 *     runs    [1, 1] up to 3, [4, 6] from 4 on
 *
 * `born` is the epoch in which the numbering began: an app that is deployed anew, or whose checkpoints are lost, numbers its items from 1 again.
 */
import type { Json } from '../../json.ts';

export class Numbers {
  readonly born: number;
  /** Of each run the first item and its record, rising. */
  readonly #runs: [item: number, record: number][];
  /** The last item. */
  #last: number;

  constructor(born: number, last: number, runs: readonly (readonly [number, number])[] = []) {
    this.born = born;
    this.#last = last;
    this.#runs = runs.map(([item, record]) => [item, record]);
  }

  get last(): number {
    return this.#last;
  }

  /** The next item is in this record. */
  add(record: number): number {
    this.#last += 1;
    if (this.recordOf(this.#last) !== record) this.#runs.push([this.#last, record]);
    return this.#last;
  }

  /** Undefined where it is before the first run. */
  recordOf(item: number): number | undefined {
    const run = this.#runs.findLast(([first]) => first <= item);
    return run === undefined ? undefined : run[1] + item - run[0];
  }

  /** The first item that is in this record or in a later one. */
  itemFrom(record: number): number {
    for (const [index, [item, first]] of this.#runs.entries()) {
      const end = this.#runs[index + 1]?.[0] ?? this.#last + 1;
      const found = item + Math.max(0, record - first);
      if (found < end) return found;
    }
    return this.#last + 1;
  }

  /** Items up to this one are needed no more. */
  forget(item: number): void {
    while (this.#runs.length > 1 && (this.#runs[1]?.[0] ?? 0) <= item + 1) this.#runs.shift();
  }

  /** What is known up to an item, for a checkpoint. */
  upTo(item: number): { readonly [key: string]: Json } {
    return {
      born: this.born,
      last: item,
      runs: this.#runs.filter(([first]) => first <= item).map(([first, record]) => [first, record]),
    };
  }

  /** Throws TypeError where it is nothing that `upTo` gave. */
  static from(json: Json): Numbers {
    const { born, last, runs } = json as { born?: unknown; last?: unknown; runs?: unknown };
    const isPair = (run: unknown): run is [number, number] =>
      Array.isArray(run) && run.length === 2 && run.every((part) => Number.isSafeInteger(part));
    if (!Number.isSafeInteger(born) || !Number.isSafeInteger(last) || !Array.isArray(runs) || !runs.every(isPair)) {
      throw new TypeError('no state of a durable channel');
    }
    return new Numbers(Number(born), Number(last), runs);
  }
}
