/**
 * Alignment of barriers at the inlets of a fragment. A channel that has delivered barrier `n` is not read further until all have; then
 * the fragment is cut. A channel that has ended counts as having delivered every barrier. A barrier that a greater one overtakes
 * anywhere is given up: somebody upstream did not hear of it, and who waits would wait for ever.
 *
 *     channel 1   ────|n────── held
 *     channel 2   ────────|n── held      the last one delivers: cut, release all
 *     channel 3   ──────────────|n
 */
export class Alignment {
  readonly #delivered: (number | 'ended')[];
  readonly #onAligned: (id: number) => void;
  readonly #holds: boolean;
  /** The greatest barrier seen or asked for. */
  #id = 0;
  /** The greatest asked for while channels were open. */
  #asked = 0;
  /** The last that the fragment was cut at. */
  #cut = 0;
  #release: PromiseWithResolvers<void> | undefined;

  /**
   * `onAligned` is called between two items, with rising ids. Without `holds` no channel waits: rows behind its barrier get into the cut,
   * too, and count twice after a recovery.
   */
  constructor(channels: number, onAligned: (id: number) => void, holds = true) {
    this.#holds = holds;
    this.#delivered = new Array<number>(channels).fill(0);
    this.#onAligned = onAligned;
  }

  /** A channel has delivered a barrier. */
  barrier(channel: number, id: number): void {
    if (id <= this.#cut || id < this.#id) return;
    this.#delivered[channel] = id;
    if (id > this.#id) this.#begin(id);
    this.#settle();
  }

  /** A channel has ended. */
  ended(channel: number): void {
    this.#delivered[channel] = 'ended';
    this.#settle();
  }

  /** Somebody asks for a barrier: it is taken at once where no channel is open. */
  request(id: number): void {
    if (id <= this.#id || this.#delivered.some((state) => state !== 'ended')) {
      this.#asked = Math.max(this.#asked, id);
      return;
    }
    this.#begin(id);
    this.#settle();
  }

  /** A promise while the channel is not to be read. */
  hold(channel: number): Promise<void> | undefined {
    const delivered = this.#delivered[channel];
    if (!this.#holds) return undefined;
    if (delivered === 'ended' || delivered !== this.#id || this.#id === this.#cut) return undefined;
    this.#release ??= Promise.withResolvers();
    return this.#release.promise;
  }

  #begin(id: number): void {
    this.#id = id;
    this.#letGo();
  }

  #settle(): void {
    const all = this.#delivered.every((state) => state === 'ended');
    if (all && this.#asked > this.#id) this.#begin(this.#asked);
    if (this.#id === this.#cut) return;
    if (!this.#delivered.every((state) => state === 'ended' || state === this.#id)) return;
    this.#cut = this.#id;
    this.#letGo();
    this.#onAligned(this.#id);
  }

  #letGo(): void {
    this.#release?.resolve();
    this.#release = undefined;
  }
}
