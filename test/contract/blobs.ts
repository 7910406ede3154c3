/** What every blob store promises (engine/state/blobs/blobs.ts). */
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { BlobStore } from '../../engine/state/blobs/blobs.ts';

export interface StoreCase {
  readonly title: string;
  /** A fresh store; `reopen` opens another one over the same place. */
  open(): Promise<{ readonly store: BlobStore; reopen(): Promise<BlobStore>; close(): Promise<void> }>;
}

export function blobContract(subject: StoreCase): void {
  describe(`${subject.title}: the contract of blob stores`, () => {
    let opened: Awaited<ReturnType<StoreCase['open']>>;
    beforeEach(async () => {
      opened = await subject.open();
    });
    afterEach(() => opened.close());

    it('gives back what was put, of any size, in any parts, also to another opener', async () => {
      const parts = fc.array(fc.uint8Array({ maxLength: 3000 }), { maxLength: 4 });
      let count = 0;
      await fc.assert(
        fc.asyncProperty(parts, async (given) => {
          const name = `a/b-${++count}`;
          await opened.store.put(name, given);
          expect(plain(await opened.store.get(name))).toEqual(plain(Buffer.concat(given)));
        }),
        { numRuns: 15 },
      );
      const large = new Uint8Array(3_000_000).map((_, index) => index * 7);
      await opened.store.put('large', [large, large]);
      const again = await opened.reopen();
      expect(plain(await again.get('large'))?.equals(Buffer.concat([large, large]))).toBe(true);
    });

    it('replaces a blob as a whole, and knows nothing of what was never put', async () => {
      const { store } = opened;
      expect(await store.get('x/never')).toBeUndefined();
      await store.put('x/y', [Uint8Array.of(1, 2, 3)]);
      await store.put('x/y', [Uint8Array.of(4)]);
      expect(plain(await store.get('x/y'))).toEqual(Buffer.of(4));
    });

    it('lists names by prefix in their order, and forgets what was deleted', async () => {
      const { store } = opened;
      for (const name of ['n/b/2', 'n/a/10', 'n/a/1', 'm/z']) await store.put(name, [Uint8Array.of(1)]);
      expect(await store.list('n/')).toEqual(['n/a/1', 'n/a/10', 'n/b/2']);
      expect(await store.list('n/a/')).toEqual(['n/a/1', 'n/a/10']);
      expect(await store.list('n/a/10')).toEqual(['n/a/10']);
      expect(await store.list('none/')).toEqual([]);
      await store.delete('n/a/1');
      await store.delete('n/a/1');
      expect(await store.list('n/a/')).toEqual(['n/a/10']);
      expect(await store.get('n/a/1')).toBeUndefined();
    });

    it('refuses names that lead elsewhere', async () => {
      for (const name of ['../x', '/x', 'a//b', 'a/../b', '', 'a/.hidden', 'A']) {
        await expect(opened.store.put(name, [])).rejects.toMatchObject({ code: expect.stringMatching(/^state\./) });
      }
    });
  });
}

function plain(bytes: Uint8Array | undefined): Buffer | undefined {
  return bytes === undefined ? undefined : Buffer.from(bytes);
}
