/** Decompression of files in pieces: gzip with any number of members, zstd with any number of frames. */
import type { Transform } from 'node:stream';
import { createGunzip, createZstdDecompress } from 'node:zlib';
import { systemCode, userError } from '../../engine/errors.ts';
import type { Compression } from '../formats/formats.ts';

const PIECE = 262_144;

type Bytes = AsyncIterator<Uint8Array, undefined>;

/** The pieces decompressed. Throws `source.corrupt` for what is truncated, damaged or compressed otherwise. */
export function unpack(pieces: Bytes, compression: Compression, name: string): Bytes {
  if (compression === 'none') return pieces;
  const output = unpackFrames(pieces, compression);
  return {
    async next() {
      try {
        const result = await output.next();
        return result.done === true ? { done: true, value: undefined } : { done: false, value: result.value };
      } catch (error) {
        throw corrupt(error, compression, name);
      }
    },
    async return() {
      await output.return(undefined);
      return { done: true, value: undefined };
    },
  };
}

/**
 * Node's gunzip goes on from member to member by itself; its zstd decompressor ends with the first frame and drops what follows in
 * the same piece. So each frame that does not end with its piece gets a successor, which starts with what was left over.
 */
async function* unpackFrames(pieces: Bytes, compression: Compression): AsyncGenerator<Buffer> {
  const source = new Pieces(pieces);
  const options = { chunkSize: PIECE };
  do {
    const frame = compression === 'gzip' ? createGunzip(options) : createZstdDecompress(options);
    // The loop below hears of errors; one that comes after it was left is nobody's business.
    frame.on('error', () => undefined);
    const feeding = feed(frame, source);
    for await (const piece of frame) yield piece as Buffer;
    await feeding;
  } while (await source.more());
}

/** Feeds a frame until it leaves bytes over or there are none; what goes wrong is the reader's to hear of. */
async function feed(frame: Transform & { readonly bytesWritten: number }, source: Pieces): Promise<void> {
  try {
    for (let piece = await source.take(); piece !== undefined; piece = await source.take()) {
      const before = frame.bytesWritten;
      await new Promise<void>((resolve) => frame.write(piece, () => resolve()));
      const used = frame.bytesWritten - before;
      if (frame.destroyed) return;
      if (used < piece.length) {
        source.putBack(piece.subarray(used));
        return;
      }
    }
    frame.end();
  } catch (error) {
    frame.destroy(error instanceof Error ? error : new Error(String(error)));
  }
}

class Pieces {
  readonly #pieces: Bytes;
  #left: Buffer | undefined;

  constructor(pieces: Bytes) {
    this.#pieces = pieces;
  }

  async more(): Promise<boolean> {
    this.#left ??= await this.take();
    return this.#left !== undefined;
  }

  async take(): Promise<Buffer | undefined> {
    const left = this.#left;
    this.#left = undefined;
    if (left !== undefined) return left;
    const { done, value } = await this.#pieces.next();
    return done === true || value === undefined ? undefined : Buffer.from(value);
  }

  putBack(piece: Buffer): void {
    this.#left = piece;
  }
}

function corrupt(error: unknown, compression: Compression, name: string): unknown {
  const code = systemCode(error);
  if (!code.startsWith('Z_') && !code.startsWith('ZSTD_')) return error;
  const reason = error instanceof Error ? error.message : code;
  return userError('source.corrupt', `${name} is no complete ${compression} file: ${reason}`, {
    hint: 'the file is truncated, damaged or compressed otherwise',
    cause: error,
  });
}
