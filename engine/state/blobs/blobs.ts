/**
 * Named bytes that outlive a process: where checkpoints lie. `directory.ts` keeps them in a directory, `objects.ts` in a NATS object store,
 * `tee.ts` in several; all pass test/contract/blobs. Names are paths of `[a-z0-9._-]` parts joined by `/`.
 */

export interface BlobStore {
  /** For messages: `directory /var/lib/cloudskin`, `objects cs-shop`. */
  readonly description: string;
  /** The parts one after the other. When it resolves they are there as a whole and survive a power failure as far as the store can promise it; before that, or on failure, nothing of them is seen. */
  put(name: string, parts: readonly Uint8Array[]): Promise<void>;
  /** Undefined where there is none; rejects with `state.read` where it cannot be read. */
  get(name: string): Promise<Uint8Array | undefined>;
  /** Of several copies one that `isSound` takes, else any; present where there are several. */
  getSound?(name: string, isSound: (bytes: Uint8Array) => boolean | Promise<boolean>): Promise<Uint8Array | undefined>;
  list(prefix: string): Promise<readonly string[]>;
  /** Deleting what is not there is no error. */
  delete(name: string): Promise<void>;
}

/** Of several copies one that `isSound` takes; of one copy that one. */
export function getSoundOf(
  store: BlobStore,
  name: string,
  isSound: (bytes: Uint8Array) => boolean | Promise<boolean>,
): Promise<Uint8Array | undefined> {
  return store.getSound?.(name, isSound) ?? store.get(name);
}
