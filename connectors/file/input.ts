/** Opens one file, or standard input, as the bytes that a format reads: in pieces, decompressed, stoppable. */
import { createHash } from 'node:crypto';
import { type FileHandle, open } from 'node:fs/promises';
import { externalError } from '../../engine/errors.ts';
import type { Input, RandomAccess } from '../formats/format.ts';
import type { Compression } from '../formats/formats.ts';
import { Abortable } from './abortable.ts';
import { readError } from './errors.ts';
import { FollowPieces, type FollowTiming } from './follow.ts';
import { unpack } from './unpack.ts';

/** Large enough that a read's fixed cost (some 30 µs through the thread pool) is small, small enough to stay in the cache. */
const PIECE_SIZE = 262_144;

/** Bytes by which a file is known again. */
const HEAD = 4096;

type Bytes = AsyncIterator<Uint8Array, undefined>;

export interface OpenInput extends Input {
  /** Of a regular file: tells it from another of the same name, whatever is appended to it. Rejects as reading does. */
  head?(): Promise<string>;
  close(): Promise<void>;
}

export interface InputRequest {
  /** Absolute, or `-`. */
  readonly path: string;
  /** As the user knows it. */
  readonly name: string;
  readonly compression: Compression;
  readonly signal: AbortSignal;
  /** Bytes to read at a time; 256 KiB unless given. */
  readonly pieceSize?: number;
  /** Go on as the file grows; for uncompressed regular files. */
  readonly follow?: FollowTiming | undefined;
  /** Standard input, for tests; the process's unless given. */
  readonly stdin?: AsyncIterable<Uint8Array>;
}

/** Throws `source.not-found`, `source.not-readable`. */
export async function openInput(request: InputRequest): Promise<OpenInput> {
  const { path, name, compression, signal } = request;
  if (path === '-') return openStdin(request);
  let handle: FileHandle;
  try {
    handle = await open(path, 'r');
  } catch (error) {
    throw readError(error, path, name);
  }
  const stat = await handle.stat();
  const regular = stat.isFile();
  if (request.follow !== undefined && regular) {
    const followed = new FollowPieces({ handle, path, name }, signal, request.follow);
    return {
      name,
      live: true,
      stream: () => followed,
      streamFrom: async (offset) => followed.moveTo(offset),
      head: () => headOf(handle, path, name),
      close: () => followed.close(),
    };
  }
  const pieces = new FilePieces(handle, request);
  return {
    name,
    live: !regular,
    stream: () => unpack(pieces, compression, name),
    ...(regular && compression === 'none'
      ? {
          random: randomAccess(handle, stat.size, path, name),
          streamFrom: async (offset: number) => pieces.moveTo(offset),
        }
      : {}),
    ...(regular ? { head: () => headOf(handle, path, name) } : {}),
    close: () => pieces.close(),
  };
}

/** Length and digest of the first bytes that are there: `4096:9f86d081884c7d65`. */
async function headOf(handle: FileHandle, path: string, name: string, length: number = HEAD): Promise<string> {
  const bytes = Buffer.alloc(length);
  try {
    const { bytesRead } = await handle.read(bytes, 0, length, 0);
    const digest = createHash('sha256').update(bytes.subarray(0, bytesRead)).digest('hex');
    return `${bytesRead}:${digest.slice(0, 16)}`;
  } catch (error) {
    throw readError(error, path, name);
  }
}

/** Whether a file still begins as it did when `head` was taken. */
export async function beginsAs(path: string, name: string, head: string): Promise<boolean> {
  const handle = await open(path, 'r').catch((error: unknown) => {
    throw readError(error, path, name);
  });
  try {
    return (await headOf(handle, path, name, Number.parseInt(head, 10))) === head;
  } finally {
    await handle.close();
  }
}

function openStdin({ compression, signal, stdin }: InputRequest): OpenInput {
  const source = (stdin ?? process.stdin)[Symbol.asyncIterator]();
  const abortable = new Abortable(signal);
  const pieces: Bytes = {
    async next() {
      const result = await abortable.wait(source.next());
      return result === undefined || result.done === true ? { done: true, value: undefined } : result;
    },
  };
  return {
    name: 'stdin',
    live: true,
    stream: () => unpack(pieces, compression, 'stdin'),
    close: async () => {
      abortable.release();
      if (stdin === undefined) process.stdin.destroy();
    },
  };
}

/** Reads a file in order, one piece ahead, into two buffers in turn. */
class FilePieces implements AsyncIterator<Uint8Array, undefined> {
  readonly #handle: FileHandle;
  readonly #request: InputRequest;
  readonly #abortable: Abortable;
  readonly #size: number;
  readonly #buffers: [Buffer | undefined, Buffer | undefined] = [undefined, undefined];
  #turn: 0 | 1 = 0;
  #closed = false;
  #ahead: Promise<{ bytesRead: number; buffer: Buffer }> | undefined;
  /** Where to read next; undefined: where the last read ended, as pipes and devices want it. */
  #offset: number | undefined;

  constructor(handle: FileHandle, request: InputRequest) {
    this.#handle = handle;
    this.#request = request;
    this.#size = request.pieceSize ?? PIECE_SIZE;
    this.#abortable = new Abortable(request.signal);
  }

  async next(): Promise<IteratorResult<Uint8Array, undefined>> {
    if (this.#closed) return { done: true, value: undefined };
    try {
      const read = await this.#abortable.wait(this.#ahead ?? this.#read());
      this.#ahead = undefined;
      if (this.#closed || read === undefined || read.bytesRead === 0) return { done: true, value: undefined };
      this.#ahead = this.#read();
      this.#ahead.catch(() => undefined);
      return { done: false, value: read.buffer.subarray(0, read.bytesRead) };
    } catch (error) {
      if (this.#closed) return { done: true, value: undefined };
      throw readError(error, this.#request.path, this.#request.name);
    }
  }

  /** Goes on at that byte of a regular file. What was read ahead is dropped once it is there: its buffer is used again. */
  async moveTo(offset: number): Promise<this> {
    if (this.#ahead !== undefined) await this.#abortable.wait(this.#ahead);
    this.#ahead = undefined;
    this.#offset = offset;
    return this;
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#abortable.release();
    await this.#handle.close();
  }

  async #read(): Promise<{ bytesRead: number; buffer: Buffer }> {
    this.#turn = this.#turn === 0 ? 1 : 0;
    this.#buffers[this.#turn] ??= Buffer.allocUnsafeSlow(this.#size);
    const buffer = this.#buffers[this.#turn] as Buffer;
    if (this.#offset === undefined) return this.#handle.read(buffer, 0, this.#size, null);
    const read = await this.#handle.read(buffer, 0, this.#size, this.#offset);
    this.#offset += read.bytesRead;
    return read;
  }
}

function randomAccess(handle: FileHandle, byteLength: number, path: string, name: string): RandomAccess {
  return {
    byteLength,
    async read(start, end) {
      const bytes = new Uint8Array(end - start);
      let at = 0;
      while (at < bytes.length) {
        const { bytesRead } = await handle.read(bytes, at, bytes.length - at, start + at).catch((error: unknown) => {
          throw readError(error, path, name);
        });
        if (bytesRead === 0) throw externalError('source.read-failed', `${name} ended at byte ${start + at}`);
        at += bytesRead;
      }
      return bytes;
    },
  };
}
