/** Waiting that ends when a signal aborts, with one listener for any number of waits. */

export class Abortable {
  #cancel: (() => void) | undefined;
  readonly #signal: AbortSignal;
  readonly #onAbort: () => void = () => this.#cancel?.();

  constructor(signal: AbortSignal) {
    this.#signal = signal;
    signal.addEventListener('abort', this.#onAbort);
  }

  /** The promise's result, or undefined as soon as the signal aborts; then nobody hears of the promise any more. */
  async wait<T>(promise: Promise<T>): Promise<T | undefined> {
    if (this.#signal.aborted) {
      promise.catch(() => undefined);
      return undefined;
    }
    try {
      return await new Promise<T | undefined>((resolve, reject) => {
        this.#cancel = () => resolve(undefined);
        promise.then(resolve, reject);
      });
    } finally {
      this.#cancel = undefined;
    }
  }

  release(): void {
    this.#signal.removeEventListener('abort', this.#onAbort);
  }
}
