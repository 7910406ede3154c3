/**
 * Where a file sink's bytes go. A regular file is written under a hidden temporary name beside its place, synced, and renamed
 * when it is complete, so that whoever looks sees the old file, or the whole new one, or none:
 *
 *     .alerts.csv.partial-4711-1   ->   alerts.csv
 *
 * A device or a pipe is written as it is.
 */
import { constants } from 'node:fs';
import { type FileHandle, link, mkdir, open, realpath, rename, stat, unlink } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { userError } from '../../engine/errors.ts';
import { codeOf, writeError } from './errors.ts';

export interface Target {
  append(bytes: Uint8Array): Promise<void>;
  /** Takes back what is beyond `size` bytes. */
  cut(size: number): Promise<void>;
  /** Makes the file visible; the path that it has now. */
  commit(): Promise<string>;
  /** Leaves nothing behind. */
  discard(): Promise<void>;
}

export interface TargetRequest {
  /** Absolute. */
  readonly path: string;
  /** As the user knows it. */
  readonly name: string;
  readonly mkdir: boolean;
  /** What happens to a file that is there already: `replace` it; `refuse`, at once; take the `next` number, given by `renumber`. */
  readonly existing: 'replace' | 'refuse' | 'next';
  readonly renumber?: (path: string) => string;
}

let counter = 0;

/** Throws `sink.exists`, `sink.not-writable`, `sink.no-directory`, `sink.is-directory`, `sink.disk-full`. */
export async function openTarget(request: TargetRequest): Promise<Target> {
  const { name } = request;
  try {
    const path = await realpath(request.path).catch(() => request.path);
    const found = await stat(path).catch(() => undefined);
    if (found !== undefined && !found.isFile()) return await openDevice(path, name);
    if (found !== undefined && request.existing === 'refuse') throw exists(name);
    if (request.mkdir) await mkdir(dirname(path), { recursive: true });
    counter += 1;
    const temporary = join(dirname(path), `.${basename(path)}.partial-${process.pid}-${counter}`);
    return new FileTarget(await open(temporary, 'wx'), temporary, { ...request, path });
  } catch (error) {
    throw codeOf(error).startsWith('sink.') ? error : writeError(error, name);
  }
}

async function openDevice(path: string, name: string): Promise<Target> {
  const handle = await open(path, constants.O_WRONLY);
  return {
    append: (bytes) => writeAll(handle, bytes, name),
    async cut() {},
    async commit() {
      await handle.close();
      return path;
    },
    discard: () => handle.close(),
  };
}

class FileTarget implements Target {
  readonly #handle: FileHandle;
  readonly #temporary: string;
  readonly #request: TargetRequest;

  constructor(handle: FileHandle, temporary: string, request: TargetRequest) {
    this.#handle = handle;
    this.#temporary = temporary;
    this.#request = request;
  }

  append(bytes: Uint8Array): Promise<void> {
    return writeAll(this.#handle, bytes, this.#request.name);
  }

  cut(size: number): Promise<void> {
    return this.#handle.truncate(size);
  }

  async commit(): Promise<string> {
    const { name, path, existing } = this.#request;
    try {
      await this.#handle.sync();
      await this.#handle.close();
      const place = existing === 'next' ? await this.#claim() : path;
      if (existing === 'replace') await rename(this.#temporary, path);
      if (existing === 'refuse') await this.#linkTo(path);
      await syncDirectory(dirname(place));
      return place;
    } catch (error) {
      await this.discard();
      if (codeOf(error) === 'EEXIST') throw exists(name);
      throw writeError(error, name);
    }
  }

  async discard(): Promise<void> {
    await this.#handle.close().catch(() => undefined);
    await unlink(this.#temporary).catch(() => undefined);
  }

  /** The first free number's name: another run may have taken ours meanwhile. */
  async #claim(): Promise<string> {
    let { path } = this.#request;
    for (;;) {
      try {
        await this.#linkTo(path);
        return path;
      } catch (error) {
        if (codeOf(error) !== 'EEXIST' || this.#request.renumber === undefined) throw error;
        path = this.#request.renumber(path);
      }
    }
  }

  /** As a rename that does not replace; file systems without hard links take a rename after a look. */
  async #linkTo(path: string): Promise<void> {
    try {
      await link(this.#temporary, path);
      await unlink(this.#temporary);
    } catch (error) {
      if (!['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS', 'EMLINK'].includes(codeOf(error))) throw error;
      if (await stat(path).catch(() => undefined)) throw Object.assign(new Error(`${path} exists`), { code: 'EEXIST' });
      await rename(this.#temporary, path);
    }
  }
}

async function writeAll(handle: FileHandle, bytes: Uint8Array, name: string): Promise<void> {
  try {
    let at = 0;
    while (at < bytes.length) at += (await handle.write(bytes, at, bytes.length - at)).bytesWritten;
  } catch (error) {
    throw writeError(error, name);
  }
}

/** Some systems cannot sync a directory; the rename is atomic all the same. */
async function syncDirectory(path: string): Promise<void> {
  const handle = await open(path, 'r').catch(() => undefined);
  await handle?.sync().catch(() => undefined);
  await handle?.close();
}

function exists(name: string): Error {
  return userError('sink.exists', `${name} is there already`, { hint: 'remove it, or leave out `overwrite: false`' });
}
