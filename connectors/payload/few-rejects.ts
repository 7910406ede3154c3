/**
 * Bad rows of one message, which wait together until all of it has been read: so many at most, and the others as one that says how many they are.
 * Else a body of a few MB, a bad row every other byte, would become gigabytes.
 */
import type { BadRow } from '../../engine/graph/connector.ts';

/** Of one message, each with up to 1 KiB of raw text. */
const MOST = 10_000;

export class FewRejects {
  readonly #reject: (row: BadRow) => void;
  #count = 0;

  constructor(reject: (row: BadRow) => void) {
    this.#reject = reject;
  }

  add(row: BadRow): void {
    this.#count += 1;
    if (this.#count <= MOST) this.#reject(row);
  }

  /** The message at `position` has been read to its end. */
  end(position: string): void {
    const more = this.#count - MOST;
    this.#count = 0;
    if (more <= 0) return;
    const message = `${more} more rows of this message are bad, which are not told one by one`;
    this.#reject({ code: 'payload.more-bad-rows', message, position, raw: '' });
  }
}
