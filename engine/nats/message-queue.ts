/** Messages of a reader on their way from the server, which goes ahead, to whoever asks for the next. The reader bounds them. */
import type { CloudskinError } from '../errors.ts';
import type { StoredMessage } from './nats.ts';

/** Handed out messages stay in front until there are so many of them. */
const COMPACT_AT = 1_024;

export class MessageQueue {
  readonly #taken: (message: StoredMessage) => void;
  #messages: StoredMessage[] = [];
  #head = 0;
  readonly #waiting: PromiseWithResolvers<StoredMessage | undefined>[] = [];
  #error: CloudskinError | undefined;
  #closed = false;

  /** `taken` is called for each message right before it is handed out. */
  constructor(taken: (message: StoredMessage) => void) {
    this.#taken = taken;
  }

  get length(): number {
    return this.#messages.length - this.#head;
  }

  /** The next message, waiting for it; undefined once closed, rejected once failed and empty. */
  next(): Promise<StoredMessage | undefined> {
    const message = this.#messages[this.#head];
    if (message !== undefined) {
      this.#head += 1;
      if (this.#head === this.#messages.length || this.#head >= COMPACT_AT) {
        this.#messages = this.#messages.slice(this.#head);
        this.#head = 0;
      }
      this.#taken(message);
      return Promise.resolve(message);
    }
    if (this.#error !== undefined) return Promise.reject(this.#error);
    if (this.#closed) return Promise.resolve(undefined);
    const waiting = Promise.withResolvers<StoredMessage | undefined>();
    this.#waiting.push(waiting);
    return waiting.promise;
  }

  put(message: StoredMessage): void {
    const waiting = this.#waiting.shift();
    if (waiting === undefined) {
      this.#messages.push(message);
      return;
    }
    this.#taken(message);
    waiting.resolve(message);
  }

  /** What waits here is dropped. */
  close(): void {
    this.#closed = true;
    this.#messages = [];
    this.#head = 0;
    for (const { resolve } of this.#waiting.splice(0)) resolve(undefined);
  }

  /** What waits here is still handed out. */
  fail(error: CloudskinError): void {
    this.#error = error;
    for (const { reject } of this.#waiting.splice(0)) reject(error);
  }
}
