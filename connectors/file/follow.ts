/**
 * Reads a file as it grows, like `tail -F`:
 *
 *   renamed and made anew (rotation)   the old file is read to its end, then the stream ends and the caller opens the new one
 *   gone, and not back in time         `source.file-removed`
 *   shorter than what was read         `source.file-truncated`: rows may have been lost in between, so this is never passed over
 *
 * Changes are noticed by the operating system's events and, where those do not come (network file systems), by looking.
 */
import { type FSWatcher, watch } from 'node:fs';
import { type FileHandle, stat } from 'node:fs/promises';
import { externalError, systemCode } from '../../engine/errors.ts';
import { realPorts } from '../../engine/ports.ts';
import { readError } from './errors.ts';

const PIECE = 262_144;

export interface FollowTiming {
  /** Milliseconds between looks. */
  readonly poll: number;
  /** Milliseconds that the file may be gone, as between the two steps of a rotation. */
  readonly gone: number;
}

export const FOLLOW_TIMING: FollowTiming = { poll: 500, gone: 5000 };

export interface FollowedFile {
  readonly handle: FileHandle;
  readonly path: string;
  readonly name: string;
}

export class FollowPieces implements AsyncIterator<Uint8Array, undefined> {
  readonly #file: FollowedFile;
  readonly #signal: AbortSignal;
  readonly #timing: FollowTiming;
  readonly #buffer: Buffer = Buffer.allocUnsafeSlow(PIECE);
  readonly #watcher: FSWatcher | undefined;
  #position = 0;
  #changed = false;
  #wake: (() => void) | undefined;
  /** Looks in a row that found no file. */
  #goneFor = 0;
  readonly #onEvent: () => void = () => {
    this.#changed = true;
    this.#wake?.();
  };

  constructor(file: FollowedFile, signal: AbortSignal, timing: FollowTiming) {
    this.#file = file;
    this.#signal = signal;
    this.#timing = timing;
    signal.addEventListener('abort', this.#onEvent);
    this.#watcher = watchFile(file.path, this.#onEvent);
  }

  async next(): Promise<IteratorResult<Uint8Array, undefined>> {
    while (!this.#signal.aborted) {
      this.#changed = false;
      const bytes = await this.#read();
      if (bytes !== undefined) return { done: false, value: bytes };
      if ((await this.#look()) === 'replaced') {
        const rest = await this.#read();
        return rest === undefined ? { done: true, value: undefined } : { done: false, value: rest };
      }
      await this.#wait();
    }
    return { done: true, value: undefined };
  }

  moveTo(offset: number): this {
    this.#position = offset;
    return this;
  }

  async close(): Promise<void> {
    this.#signal.removeEventListener('abort', this.#onEvent);
    this.#watcher?.close();
    this.#wake?.();
    await this.#file.handle.close();
  }

  async #read(): Promise<Uint8Array | undefined> {
    const { handle, path, name } = this.#file;
    try {
      const { bytesRead } = await handle.read(this.#buffer, 0, PIECE, this.#position);
      if (bytesRead === 0) return undefined;
      this.#position += bytesRead;
      return this.#buffer.subarray(0, bytesRead);
    } catch (error) {
      throw readError(error, path, name);
    }
  }

  /** What has become of the file, all of which has been read. */
  async #look(): Promise<'same' | 'gone' | 'replaced'> {
    const { handle, path, name } = this.#file;
    const ours = await handle.stat();
    if (ours.size < this.#position) {
      throw externalError(
        'source.file-truncated',
        `${name} was cut from ${this.#position} to ${ours.size} bytes while it was followed`,
        {
          hint: 'rows may be lost; let it be rotated by renaming (logrotate: `create`, not `copytruncate`)',
        },
      );
    }
    const now = await stat(path).catch((error: unknown) => {
      if (systemCode(error) === 'ENOENT') return undefined;
      throw readError(error, path, name);
    });
    if (now === undefined) return this.#missing();
    this.#goneFor = 0;
    return now.ino === ours.ino && now.dev === ours.dev ? 'same' : 'replaced';
  }

  #missing(): 'gone' {
    const { name } = this.#file;
    this.#goneFor += 1;
    if (this.#goneFor * this.#timing.poll > this.#timing.gone) {
      throw externalError(
        'source.file-removed',
        `${name} was removed while it was followed; all ${this.#position} bytes of it were read`,
        {
          retry: true,
        },
      );
    }
    return 'gone';
  }

  /** Until something happens or, by the real clock as the disk's is, it is time to look. A file that is gone is looked for at even intervals. */
  async #wait(): Promise<void> {
    if (this.#changed && this.#goneFor === 0) return;
    await new Promise<void>((resolve) => {
      const timer = realPorts.after(this.#timing.poll, resolve);
      this.#wake = () => {
        if (this.#goneFor > 0 && !this.#signal.aborted) return;
        timer.cancel();
        resolve();
      };
    });
    this.#wake = undefined;
  }
}

/** Undefined where the system cannot watch (or has no watches left): looking does it then. */
function watchFile(path: string, onEvent: () => void): FSWatcher | undefined {
  try {
    const watcher = watch(path, { persistent: false }, onEvent);
    watcher.on('error', () => watcher.close());
    return watcher;
  } catch {
    return undefined;
  }
}
