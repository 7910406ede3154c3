/**
 * Bounded sources that meet downstream take turns, so that a run over the same files gives the same rows in the same order every
 * time, however fast each file is read. Whoever is furthest behind goes next: a merge by watermark, batch by batch. That also keeps
 * what windows and joins must hold small. Nobody goes before everybody else has a batch in hand, has ended, or is idle.
 */

interface Ready {
  readonly key: bigint;
  readonly go: () => void;
}

/** The partitions of all bounded sources that meet. */
export class Turns {
  /** In the order of the plan, which decides between equals. */
  readonly #places: TurnPlace[] = [];
  #present = 0;

  join(): TurnPlace {
    const place = new TurnPlace(this);
    this.#places.push(place);
    this.#present += 1;
    return place;
  }

  /** How many have not left. */
  get present(): number {
    return this.#present;
  }

  left(): void {
    this.#present -= 1;
    this.settle();
  }

  /** Lets the next one go if everybody is ready. */
  settle(): void {
    let next: TurnPlace | undefined;
    for (const place of this.#places) {
      if (place.isAbsent) continue;
      if (place.ready === undefined) return;
      if (next?.ready === undefined || place.ready.key < next.ready.key) next = place;
    }
    next?.go();
  }
}

export class TurnPlace {
  readonly #turns: Turns;
  #ready: Ready | undefined;
  #hasLeft = false;
  #isIdle = false;

  constructor(turns: Turns) {
    this.#turns = turns;
  }

  get ready(): Ready | undefined {
    return this.#ready;
  }

  /** Nobody waits for it. */
  get isAbsent(): boolean {
    return this.#hasLeft || this.#isIdle;
  }

  /**
   * Has a batch in hand: undefined when it may go at once, else a promise of its turn. It is away again from then on, until it asks
   * for the next turn.
   */
  wait(key: bigint): Promise<true> | undefined {
    this.#isIdle = false;
    if (this.#turns.present === 1) return undefined;
    const { promise, resolve } = Promise.withResolvers<true>();
    this.#ready = { key, go: () => resolve(true) };
    this.#turns.settle();
    return promise;
  }

  /** Has had nothing for so long that nobody is to wait for it until it has. */
  fallIdle(): void {
    this.#isIdle = true;
    this.#turns.settle();
  }

  /** Has ended. */
  leave(): void {
    if (this.#hasLeft) return;
    this.#hasLeft = true;
    this.#ready = undefined;
    this.#turns.left();
  }

  go(): void {
    const go = this.#ready?.go;
    this.#ready = undefined;
    go?.();
  }
}
