/**
 * Where a file sink's bytes go. A regular file is written under a hidden temporary name beside its place, synced, and renamed
 * when it is complete, so that whoever looks sees the old file, or the whole new one, or none:
 *
 *     .alerts.csv.partial-4711-1   ->   alerts.csv
 *
 * A device or a pipe is written as it is.
 */
import { constants } from 'node:fs';
import { type FileHandle, link, open, realpath, rename, stat, unlink } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { type CloudskinError, externalError, systemCode, userError } from '../../engine/errors.ts';
import { makeDirectory } from '../../engine/state/blobs/files.ts';
import { writeError } from './errors.ts';

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
    if (request.mkdir) await makeDirectory(dirname(path));
    counter += 1;
    const temporary = join(dirname(path), `.${basename(path)}.partial-${process.pid}-${counter}`);
    return new FileTarget(await open(temporary, 'wx'), temporary, { ...request, path });
  } catch (error) {
    throw systemCode(error).startsWith('sink.') ? error : writeError(error, name);
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
      if (existing === 'refuse') await linkTo(this.#temporary, path);
      await syncDirectory(dirname(place));
      return place;
    } catch (error) {
      await this.discard();
      if (systemCode(error) === 'EEXIST') throw exists(name);
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
        await linkTo(this.#temporary, path);
        return path;
      } catch (error) {
        if (systemCode(error) !== 'EEXIST' || this.#request.renumber === undefined) throw error;
        path = this.#request.renumber(path);
      }
    }
  }
}

/** A file under a hidden name that outlives the process: what is in it is in a checkpoint, or is cut off when the next run goes on from one. */
export class HeldFile implements Target {
  readonly path: string;
  readonly #name: string;
  readonly #handle: FileHandle;
  #size: number;

  private constructor(path: string, name: string, handle: FileHandle, size: number) {
    this.path = path;
    this.#name = name;
    this.#handle = handle;
    this.#size = size;
  }

  /** Cut to `size` bytes; a new one where that is 0. Throws `sink.output-lost` where fewer are there. */
  static async open(path: string, name: string, size: number): Promise<HeldFile> {
    try {
      const handle = await open(path, size === 0 ? 'w' : 'r+');
      const found = await handle.stat();
      if (found.size >= size) {
        await handle.truncate(size);
        return new HeldFile(path, name, handle, size);
      }
      await handle.close();
    } catch (error) {
      if (size === 0 || systemCode(error) !== 'ENOENT') throw writeError(error, name);
    }
    throw outputLost(name, path);
  }

  async append(bytes: Uint8Array): Promise<void> {
    await writeAll(this.#handle, bytes, this.#name, this.#size);
    this.#size += bytes.length;
  }

  get size(): number {
    return this.#size;
  }

  async cut(size: number): Promise<void> {
    await this.#handle.truncate(size);
    this.#size = size;
  }

  async sync(): Promise<void> {
    await this.#handle.sync();
  }

  /** Lets go of the file, which stays; where it is. */
  async commit(): Promise<string> {
    await this.#handle.sync();
    await this.#handle.close();
    return this.path;
  }

  async discard(): Promise<void> {
    await this.#handle.close().catch(() => undefined);
    await unlink(this.path).catch(() => undefined);
  }
}

export function outputLost(name: string, path: string): CloudskinError {
  return externalError(
    'sink.output-lost',
    `what was written of ${name} before, ${path}, is gone or shorter than it was`,
    { hint: 'put it back, or start afresh without the state of the run before' },
  );
}

/** `was`, `is`: as `headerOf` says. */
export function otherHeader(name: string, was: string, is: string): CloudskinError {
  return userError(
    'sink.other-columns',
    `${name} is under way with the columns ${was}, and rows of the columns ${is} are to follow`,
    {
      hint: 'give the sink another name and path, or the columns it had; or begin anew without the state of the run before',
    },
  );
}

/** Makes a complete hidden file visible as `path`; true where it is, now or since an earlier call. */
export async function reveal(
  hidden: string,
  path: string,
  name: string,
  existing: 'replace' | 'refuse',
): Promise<boolean> {
  try {
    if (existing === 'replace') await rename(hidden, path);
    else await linkTo(hidden, path);
    await syncDirectory(dirname(path));
    return true;
  } catch (error) {
    const there = systemCode(error) === 'ENOENT' && (await stat(path).catch(() => undefined)) !== undefined;
    if (there) return true;
    if (systemCode(error) === 'EEXIST') return isSameFile(hidden, path);
    throw writeError(error, name);
  }
}

/** True where a run that was killed had linked the file, and not yet taken its hidden name away. */
async function isSameFile(hidden: string, path: string): Promise<boolean> {
  const [ours, theirs] = await Promise.all([stat(hidden), stat(path)]);
  if (ours.ino !== theirs.ino || ours.dev !== theirs.dev) return false;
  await unlink(hidden);
  return true;
}

/** As a rename that does not replace; file systems without hard links take a rename after a look. */
async function linkTo(hidden: string, path: string): Promise<void> {
  try {
    await link(hidden, path);
    await unlink(hidden);
  } catch (error) {
    if (!['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS', 'EMLINK'].includes(systemCode(error))) throw error;
    if (await stat(path).catch(() => undefined)) throw Object.assign(new Error(`${path} exists`), { code: 'EEXIST' });
    await rename(hidden, path);
  }
}

/** At `position`, or where the file has come to. */
async function writeAll(handle: FileHandle, bytes: Uint8Array, name: string, position?: number): Promise<void> {
  try {
    let at = 0;
    while (at < bytes.length) {
      const place = position === undefined ? null : position + at;
      at += (await handle.write(bytes, at, bytes.length - at, place)).bytesWritten;
    }
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

export function exists(name: string): Error {
  return userError('sink.exists', `${name} is there already`, { hint: 'remove it, or leave out `overwrite: false`' });
}
