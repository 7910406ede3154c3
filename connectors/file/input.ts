/** Opens one file, or standard input, as the bytes that a format reads: in pieces, decompressed, stoppable. */
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

type Bytes = AsyncIterator<Uint8Array, undefined>;

export interface OpenInput extends Input {
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
    return { name, live: true, stream: () => followed, close: () => followed.close() };
  }
  const pieces = new FilePieces(handle, request);
  return {
    name,
    live: !regular,
    stream: () => unpack(pieces, compression, name),
    ...(regular && compression === 'none' ? { random: randomAccess(handle, stat.size, path, name) } : {}),
    close: () => pieces.close(),
  };
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

  async close(): Promise<void> {
    this.#closed = true;
    this.#abortable.release();
    await this.#handle.close();
  }

  #read(): Promise<{ bytesRead: number; buffer: Buffer }> {
    this.#turn = this.#turn === 0 ? 1 : 0;
    this.#buffers[this.#turn] ??= Buffer.allocUnsafeSlow(this.#size);
    return this.#handle.read(this.#buffers[this.#turn] as Buffer, 0, this.#size, null);
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
