/**
 * Bounded sources that meet downstream take turns, so that a run over the same files gives the same rows in the same order every
 * time, however fast each file is read. Whoever is furthest behind goes next, and goes on until another one is further behind: a
 * merge by watermark, rounded down so that turns last a while. Its order is a function of the rows alone, not of where batches begin, which
 * a restart changes. That also keeps what windows and joins must hold small. Nobody goes before everybody else has a batch in hand, has
 * ended, or is idle.
 */

/** How far a turn goes: the key of the one furthest behind of the others, and whether one that is as far is ahead of it by order of the plan. */
export interface Bound {
  readonly key: bigint;
  readonly inclusive: boolean;
}

export interface Turn {
  /** Undefined where nobody else waits. */
  readonly bound: Bound | undefined;
}

interface Ready {
  readonly key: bigint;
  readonly go: (turn: Turn) => void;
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
    let bound: Bound | undefined;
    for (const place of this.#places) {
      if (place.isAbsent) continue;
      const { ready } = place;
      if (ready === undefined) return;
      if (next?.ready === undefined || ready.key < next.ready.key) {
        if (next?.ready !== undefined) bound = { key: next.ready.key, inclusive: false };
        next = place;
      } else if (bound === undefined || ready.key < bound.key) bound = { key: ready.key, inclusive: true };
    }
    next?.go({ bound });
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
  wait(key: bigint): Promise<Turn> | undefined {
    this.#isIdle = false;
    if (this.#turns.present === 1) return undefined;
    const { promise, resolve } = Promise.withResolvers<Turn>();
    this.#ready = { key, go: resolve };
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

  go(turn: Turn): void {
    const go = this.#ready?.go;
    this.#ready = undefined;
    go?.(turn);
  }
}
