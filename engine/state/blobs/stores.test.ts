/** Blob stores: the contract, and what a directory does when it is killed, full or closed to us. */
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { mkdir, readdir, readFile, utimes, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { basename, join } from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import { describe, expect, it } from 'vitest';
import { blobContract } from '../../../test/contract/blobs.ts';
import { temporaryDirectory } from '../../../test/kit/connectors.ts';
import { canMountDisks, MOUNT_REASON, smallDisk } from '../../../test/kit/small-disk.ts';
import type { BlobStore } from './blobs.ts';
import { openDirectory } from './directory.ts';
import { encryptedStore, parseKey } from './encrypted.ts';
import { teeStore } from './tee.ts';

const KEY = Buffer.alloc(32, 7);

async function opened(wrap: (stores: readonly BlobStore[]) => BlobStore, count = 1) {
  const place = await temporaryDirectory();
  const reopen = async (): Promise<BlobStore> => {
    const paths = Array.from({ length: count }, (_, index) => join(place.path, `store-${index}`));
    return wrap(await Promise.all(paths.map(openDirectory)));
  };
  return { store: await reopen(), reopen, close: place.remove };
}

const first = (stores: readonly BlobStore[]): BlobStore => stores[0] as BlobStore;
blobContract({ title: 'a directory', open: () => opened(first) });
blobContract({ title: 'two directories', open: () => opened(teeStore, 2) });
blobContract({ title: 'an encrypted directory', open: () => opened((stores) => encryptedStore(first(stores), KEY)) });

describe('a directory', () => {
  it('holds whole blobs only, whenever who writes them is killed', async () => {
    const place = await temporaryDirectory();
    const writer = fileURLToPath(new URL('../../../test/kit/blob-writer.ts', import.meta.url));
    for (let round = 0; round < 4; round++) {
      const child = spawn(process.execPath, [writer, place.path], { stdio: ['ignore', 'pipe', 'inherit'] });
      for (let lines = 0; lines < 3 + round; lines++) await once(child.stdout, 'data');
      child.kill('SIGKILL');
      await once(child, 'exit');
      const store = await openDirectory(place.path);
      for (const name of await store.list('')) {
        const bytes = (await store.get(name)) ?? new Uint8Array(0);
        expect(bytes.length).toBe(300_000);
        expect(bytes.every((byte) => byte === bytes[0])).toBe(true);
      }
      expect((await readdir(join(place.path, 'some'))).filter((name) => name.startsWith('.'))).toEqual([]);
    }
    await place.remove();
  });

  it('says so when it cannot write', async () => {
    const place = await temporaryDirectory();
    const store = await openDirectory(place.path);
    await mkdir(join(place.path, 'taken'));
    await expect(store.put('taken', [Uint8Array.of(1)])).rejects.toMatchObject({
      code: 'state.write',
      domain: 'external',
    });
    expect(await readdir(place.path)).toEqual(['taken']);
    await writeFile(join(place.path, 'file'), '');
    await expect(openDirectory(join(place.path, 'file', 'below'))).rejects.toMatchObject({ code: 'state.write' });
    await place.remove();
  });
});

describe('a directory that several write to', () => {
  it('takes blobs of one name from many threads at a time, each as a whole', async () => {
    const place = await temporaryDirectory();
    const code = `import { workerData } from 'node:worker_threads';
      import { openDirectory } from ${JSON.stringify(new URL('directory.ts', import.meta.url).href)};
      const store = await openDirectory(workerData.path);
      for (let i = 0; i < 30; i++) await store.put('a/b', [new Uint8Array(50_000).fill(workerData.number)]);`;
    const workers = [1, 2, 3].map((number) => {
      const url = new URL(`data:text/javascript,${encodeURIComponent(code)}`);
      return new Worker(url, { workerData: { path: place.path, number } });
    });
    const store = await openDirectory(place.path);
    let done = 0;
    const all = workers.map(async (worker) => {
      const [status] = await once(worker, 'exit');
      done += 1;
      return status;
    });
    while (done < workers.length) {
      const bytes = (await store.get('a/b')) ?? new Uint8Array(50_000);
      expect([bytes.length, bytes.every((byte) => byte === bytes[0])]).toEqual([50_000, true]);
    }
    expect(await Promise.all(all)).toEqual([0, 0, 0]);
    expect(await readdir(join(place.path, 'a'))).toEqual(['b']);
    await place.remove();
  });

  it('leaves the hidden files of the living alone, and removes those of the dead', async () => {
    const place = await temporaryDirectory();
    const child = spawn(process.execPath, ['-e', '']);
    await once(child, 'exit');
    const machine = createHash('sha256').update(hostname()).digest('hex').slice(0, 8);
    const hidden = (owner: string): string => join(place.path, `.part-${owner}-0123456789ab`);
    const living = [hidden(`${machine}-${process.ppid}`), hidden(`${machine}-${process.pid}`), hidden('01234567-1')];
    const dead = [hidden(`${machine}-${child.pid}`), hidden('01234567-2')];
    for (const path of [...living, ...dead]) await writeFile(path, 'x');
    const long = new Date(performance.timeOrigin - 2 * 86_400_000);
    await utimes(dead[1] ?? '', long, long);
    await openDirectory(place.path);
    expect((await readdir(place.path)).sort()).toEqual(living.map((path) => basename(path)).sort());
    await utimes(living[1] ?? '', long, long);
    await openDirectory(place.path);
    expect((await readdir(place.path)).length).toBe(2);
    await place.remove();
  });

  it.skipIf(!canMountDisks)(
    `says that the disk is full, and leaves nothing half-written (${MOUNT_REASON})`,
    async () => {
      const disk = await smallDisk(1_000_000);
      try {
        const store = await openDirectory(join(disk.path, 'blobs'));
        await store.put('a/one', [new Uint8Array(500_000).fill(1)]);
        await expect(store.put('a/two', [new Uint8Array(600_000).fill(2)])).rejects.toMatchObject({
          code: 'state.full',
        });
        await expect(store.put('a/one', [new Uint8Array(600_000).fill(3)])).rejects.toMatchObject({ retry: true });
        expect(await store.list('')).toEqual(['a/one']);
        expect((await store.get('a/one'))?.every((byte) => byte === 1)).toBe(true);
        expect(await readdir(join(disk.path, 'blobs', 'a'))).toEqual(['one']);
        await store.delete('a/one');
        await store.put('a/two', [new Uint8Array(600_000).fill(2)]);
      } finally {
        await disk.remove();
      }
    },
  );
});

describe('several stores', () => {
  it('make a damaged or missing blob good by another', async () => {
    const place = await temporaryDirectory();
    const [one, two] = [await openDirectory(join(place.path, 'one')), await openDirectory(join(place.path, 'two'))];
    const both = teeStore([one, two]);
    await both.put('x', [Uint8Array.of(1, 2)]);
    await one.put('x', [Uint8Array.of(9, 9)]);
    const isSound = (bytes: Uint8Array): boolean => bytes[0] === 1;
    expect(await both.getSound?.('x', isSound)).toEqual(Buffer.of(1, 2));
    await one.delete('x');
    expect(await both.get('x')).toEqual(Buffer.of(1, 2));
    await place.remove();
  });
});

describe('encryption', () => {
  it('names what was changed, put under another name, or written with another key', async () => {
    const place = await temporaryDirectory();
    const files = await openDirectory(place.path);
    const store = encryptedStore(files, KEY);
    await store.put('x', [Buffer.from('secret readings')]);
    const sealed = await readFile(join(place.path, 'x'));
    expect(sealed.includes('secret')).toBe(false);
    await files.put('y', [sealed]);
    await expect(store.get('y')).rejects.toMatchObject({ code: 'state.sealed' });
    for (let at = 0; at < sealed.length; at++) {
      const changed = Buffer.from(sealed);
      changed[at] = (changed[at] ?? 0) ^ 1;
      await files.put('x', [changed]);
      const code = at < 4 ? 'state.not-sealed' : at < 12 ? 'state.wrong-key' : 'state.sealed';
      await expect(store.get('x')).rejects.toMatchObject({ code });
    }
    await files.put('x', [sealed]);
    const other = encryptedStore(files, Buffer.alloc(32, 8));
    await expect(other.get('x')).rejects.toMatchObject({ code: 'state.wrong-key' });
    await files.put('x', [Buffer.from('plain')]);
    await expect(store.get('x')).rejects.toMatchObject({ code: 'state.not-sealed' });
    await place.remove();
  });

  it('takes keys as bytes, in hexadecimal digits and in base64, and nothing else', () => {
    for (const text of [KEY, KEY.toString('hex'), `${KEY.toString('base64')}\n`]) {
      expect(Buffer.from(parseKey(Buffer.from(text), 'key'))).toEqual(KEY);
    }
    for (const wrong of ['', 'short', 'x'.repeat(64), '0'.repeat(63)]) {
      expect(() => parseKey(Buffer.from(wrong), 'key')).toThrow(/holds no key/);
    }
  });
});
