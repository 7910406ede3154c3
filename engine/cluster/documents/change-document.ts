/** Changes one document by compare-and-set, again where somebody else was first. */
import { compareAndSet, isWrongRevision } from '../../nats/compare-and-set.ts';
import type { KeyValue } from '../../nats/nats.ts';
import { decodeDocument, encodeDocument, type Versioned } from './document.ts';
import type { Read } from './read-json.ts';

/** Against others who write the same document. */
const ATTEMPTS = 20;

export async function changeDocument<T extends Versioned>(
  bucket: KeyValue,
  key: string,
  read: Read<T>,
  change: (before: T | undefined) => T,
): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    const entry = await bucket.get(key);
    const next = change(entry === undefined ? undefined : decodeDocument(read, entry.value, key));
    try {
      await compareAndSet(bucket, key, encodeDocument(next), entry?.revision ?? 0);
      return next;
    } catch (error) {
      if (!isWrongRevision(error) || attempt === ATTEMPTS) throw error;
    }
  }
}
