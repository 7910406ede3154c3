/**
 * Blobs as files below a directory. A blob is written under a hidden name, synced, renamed, and its directory synced, so that after a
 * kill or a power failure it is there as a whole or not at all.
 */

import { createHash, randomBytes } from 'node:crypto';
import { type FileHandle, open, readdir, readFile, rename, stat, unlink } from 'node:fs/promises';
import { hostname } from 'node:os';
import { dirname, join, sep } from 'node:path';
import process from 'node:process';
import { systemCode } from '../../errors.ts';
import type { BlobStore } from './blobs.ts';
import { makeDirectory, syncDirectory } from './files.ts';
import { checkName, readFailed, writeFailed } from './names.ts';

/** Bytes handed to the system in one call. */
const PIECE = 8 * 1_048_576;
/** Milliseconds after which a hidden file of another machine, of which nothing is known here, is taken for left over. */
const ABANDONED = 86_400_000;
const MACHINE = createHash('sha256').update(hostname()).digest('hex').slice(0, 8);

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
      await makeDirectory(this.#path);
      await removeLeftovers(this.#path);
    } catch (error) {
      throw writeFailed(this.description, 'its files', error);
    }
  }

  async put(name: string, parts: readonly Uint8Array[]): Promise<void> {
    const path = this.#pathOf(name);
    const directory = dirname(path);
    // Other threads, processes and machines may write here at the same time.
    const hidden = join(directory, `.part-${MACHINE}-${process.pid}-${randomBytes(6).toString('hex')}`);
    try {
      await writeWhole(hidden, parts).catch(async (error: unknown) => {
        if (!isAbsent(error)) throw error;
        await makeDirectory(directory);
        await writeWhole(hidden, parts);
      });
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
  return systemCode(error) === 'ENOENT' || systemCode(error) === 'ENOTDIR';
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

/** Hidden files of processes that are gone; those of living ones are theirs. */
async function removeLeftovers(path: string): Promise<void> {
  const entries = await readdir(path, { recursive: true, withFileTypes: true });
  for (const entry of entries) {
    const [, machine, pid] = /^\.part-([0-9a-f]{8})-(\d+)-[0-9a-f]+$/.exec(entry.name) ?? [];
    if (machine === undefined || !entry.isFile()) continue;
    const file = join(entry.parentPath, entry.name);
    const written = (await stat(file).catch(() => undefined))?.mtimeMs;
    if (written !== undefined && isLeftover(machine, Number(pid), written)) await unlink(file).catch(() => undefined);
  }
}

/** A process that has this one's number may have been another one, in a container that was started again. */
function isLeftover(machine: string, pid: number, written: number): boolean {
  if (machine !== MACHINE) return written < performance.timeOrigin - ABANDONED;
  return pid === process.pid ? written < performance.timeOrigin - 1000 : !isAlive(pid);
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return systemCode(error) === 'EPERM';
  }
}
