/**
 * Blobs as files below a directory. A blob is written under a hidden name, synced, renamed, and its directory synced, so that after a
 * kill or a power failure it is there as a whole or not at all.
 */
import { type FileHandle, mkdir, open, readdir, readFile, rename, unlink } from 'node:fs/promises';
import { dirname, join, sep } from 'node:path';
import process from 'node:process';
import type { BlobStore } from './blobs.ts';
import { checkName, codeOf, readFailed, writeFailed } from './names.ts';

/** Bytes handed to the system in one call. */
const PIECE = 8 * 1_048_576;

let counter = 0;

/** `path`: absolute; made where it is missing. Throws `state.write` where it cannot be. */
export async function openDirectory(path: string): Promise<BlobStore> {
  const store = new Directory(path);
  await store.open();
  return store;
}

class Directory implements BlobStore {
  readonly description: string;
  readonly #path: string;

  constructor(path: string) {
    this.#path = path;
    this.description = `directory ${path}`;
  }

  async open(): Promise<void> {
    try {
      await mkdir(this.#path, { recursive: true });
      await removeLeftovers(this.#path);
    } catch (error) {
      throw writeFailed(this.description, 'its files', error);
    }
  }

  async put(name: string, parts: readonly Uint8Array[]): Promise<void> {
    const path = this.#pathOf(name);
    const directory = dirname(path);
    counter += 1;
    const hidden = join(directory, `.part-${process.pid}-${counter}`);
    try {
      await mkdir(directory, { recursive: true });
      await writeWhole(hidden, parts);
      await rename(hidden, path);
      await syncDirectory(directory);
    } catch (error) {
      await unlink(hidden).catch(() => undefined);
      throw writeFailed(this.description, name, error);
    }
  }

  async get(name: string): Promise<Uint8Array | undefined> {
    try {
      return await readFile(this.#pathOf(name));
    } catch (error) {
      if (isAbsent(error)) return undefined;
      throw readFailed(this.description, name, error);
    }
  }

  async list(prefix: string): Promise<readonly string[]> {
    try {
      const base = prefix.slice(0, prefix.lastIndexOf('/') + 1);
      const entries = await readdir(join(this.#path, base), { recursive: true, withFileTypes: true });
      return entries
        .filter((entry) => entry.isFile() && !entry.name.startsWith('.'))
        .map((entry) =>
          join(entry.parentPath, entry.name)
            .slice(this.#path.length + 1)
            .replaceAll(sep, '/'),
        )
        .filter((name) => name.startsWith(prefix))
        .sort();
    } catch (error) {
      if (isAbsent(error)) return [];
      throw readFailed(this.description, `${prefix}…`, error);
    }
  }

  async delete(name: string): Promise<void> {
    try {
      await unlink(this.#pathOf(name));
    } catch (error) {
      if (!isAbsent(error)) throw writeFailed(this.description, name, error);
    }
  }

  #pathOf(name: string): string {
    return join(this.#path, ...checkName(name).split('/'));
  }
}

function isAbsent(error: unknown): boolean {
  return codeOf(error) === 'ENOENT' || codeOf(error) === 'ENOTDIR';
}

async function writeWhole(path: string, parts: readonly Uint8Array[]): Promise<void> {
  const handle: FileHandle = await open(path, 'w');
  try {
    for (const part of parts) {
      for (let at = 0; at < part.length; ) {
        const { bytesWritten } = await handle.write(part, at, Math.min(PIECE, part.length - at));
        at += bytesWritten;
      }
    }
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** Some file systems cannot sync a directory; the rename is atomic all the same. */
async function syncDirectory(path: string): Promise<void> {
  const handle = await open(path, 'r').catch(() => undefined);
  await handle?.sync().catch(() => undefined);
  await handle?.close();
}

/** Hidden parts of processes that are gone; those of living ones are theirs. */
async function removeLeftovers(path: string): Promise<void> {
  const entries = await readdir(path, { recursive: true, withFileTypes: true });
  for (const entry of entries) {
    const pid = /^\.part-(\d+)-\d+$/.exec(entry.name)?.[1];
    if (pid === undefined || !entry.isFile() || isAlive(Number(pid))) continue;
    await unlink(join(entry.parentPath, entry.name)).catch(() => undefined);
  }
}

function isAlive(pid: number): boolean {
  if (pid === process.pid) return true;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return codeOf(error) === 'EPERM';
  }
}
