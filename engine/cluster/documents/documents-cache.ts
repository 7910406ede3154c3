/** The documents under a prefix of keys, as KV last said, each with its revision for compare-and-set. */
import { compareAndSet } from '../../nats/compare-and-set.ts';
import type { KeyValue, Subscription } from '../../nats/nats.ts';
import { decodeDocument, encodeDocument, type Versioned } from './document.ts';
import type { Read } from './read-json.ts';

export interface Kept<T> {
  readonly document: T;
  readonly revision: number;
}

export class DocumentsCache<T extends Versioned> {
  readonly #prefix: string;
  readonly #read: Read<T>;
  readonly #changed: () => void;
  readonly #failed: (error: unknown) => void;
  readonly #kept = new Map<string, Kept<T>>();
  #watch: Subscription | undefined;
  #bucket: KeyValue | undefined;

  constructor(prefix: string, read: Read<T>, changed: () => void, failed: (error: unknown) => void) {
    this.#prefix = prefix;
    this.#read = read;
    this.#changed = changed;
    this.#failed = failed;
  }

  /** Resolves when everything that is there now is known. */
  async open(bucket: KeyValue): Promise<void> {
    if (this.#watch !== undefined) return;
    this.#bucket = bucket;
    await new Promise<void>((resolve, reject) => {
      const opened = bucket.watch(`${this.#prefix}.>`, {
        change: ({ key, value, revision }) => this.#take(key, value, revision),
        current: resolve,
      });
      opened.then((watch) => {
        this.#watch = watch;
      }, reject);
    });
  }

  get all(): Iterable<readonly [string, Kept<T>]> {
    return this.#kept;
  }

  get(key: string): Kept<T> | undefined {
    return this.#kept.get(key);
  }

  /** Compare-and-set against what is known here; rejects with `nats.wrong-revision`. */
  async write(key: string, document: T): Promise<void> {
    const bucket = this.#bucket;
    if (bucket === undefined) throw new TypeError('documents are written after they have been opened');
    const bytes = encodeDocument(document);
    const revision = this.#kept.get(key)?.revision ?? 0;
    const next = await compareAndSet(bucket, key, bytes, revision);
    if ((this.#kept.get(key)?.revision ?? 0) < next) this.#kept.set(key, { document, revision: next });
  }

  close(): void {
    this.#watch?.close();
    this.#watch = undefined;
    this.#kept.clear();
  }

  #take(key: string, value: Uint8Array | undefined, revision: number): void {
    if (value === undefined) this.#kept.delete(key);
    else {
      try {
        this.#kept.set(key, { document: decodeDocument(this.#read, value, key), revision });
      } catch (error) {
        this.#failed(error);
      }
    }
    this.#changed();
  }
}
