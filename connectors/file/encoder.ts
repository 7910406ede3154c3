/** From batches to a target: a format's writer, compression, and pieces of 1 MiB, written one after the other. */
import type { Transform } from 'node:stream';
import { constants, createGzip, createZstdCompress } from 'node:zlib';
import type { Batch } from '../../engine/batch/batch.ts';
import type { FormatWriter } from '../formats/format.ts';
import type { Compression } from '../formats/formats.ts';
import type { Target } from './target.ts';

const PIECE = 1_048_576;

/** Bytes between the writer and the target. At most what one batch becomes is held, in pieces used again. */
export class PieceQueue {
  #current: Buffer = Buffer.allocUnsafeSlow(PIECE);
  #used = 0;
  readonly #full: Buffer[] = [];
  readonly #spare: Buffer[] = [];

  /** Whole pieces that wait to be written. */
  get hasFull(): boolean {
    return this.#full.length > 0;
  }

  get bytes(): number {
    return this.#full.length * PIECE + this.#used;
  }

  add(bytes: Uint8Array): void {
    let at = 0;
    while (at < bytes.length) {
      const take = Math.min(bytes.length - at, PIECE - this.#used);
      this.#current.set(bytes.subarray(at, at + take), this.#used);
      this.#used += take;
      at += take;
      if (this.#used === PIECE) {
        this.#full.push(this.#current);
        this.#current = this.#spare.pop() ?? Buffer.allocUnsafeSlow(PIECE);
        this.#used = 0;
      }
    }
  }

  /** Writes the whole pieces and, where asked, what has begun. Nothing may be added before it resolves. */
  async drain(write: (bytes: Buffer) => Promise<void>, all: boolean): Promise<void> {
    for (let piece = this.#full.shift(); piece !== undefined; piece = this.#full.shift()) {
      await write(piece);
      if (this.#spare.length < 4) this.#spare.push(piece);
    }
    if (!all || this.#used === 0) return;
    const used = this.#used;
    this.#used = 0;
    await write(this.#current.subarray(0, used));
  }
}

/** One file under way. Its target is opened with the first bytes, or by `open`. */
export class FileEncoder {
  rows = 0;
  #written = 0;
  readonly #writer: FormatWriter;
  readonly #queue: PieceQueue;
  readonly #openTarget: () => Promise<Target>;
  readonly #packer: Transform | undefined;
  #target: Target | undefined;
  #packed: Buffer[] = [];

  constructor(writer: FormatWriter, queue: PieceQueue, compression: Compression, openTarget: () => Promise<Target>) {
    this.#writer = writer;
    this.#queue = queue;
    this.#openTarget = openTarget;
    this.#packer = packerFor(compression);
    this.#packer?.on('data', (bytes: Buffer) => this.#packed.push(bytes));
  }

  /** Bytes so far, as the file will have them; what waits to be compressed counts as it is. */
  get bytes(): number {
    return this.#written + this.#queue.bytes;
  }

  async open(): Promise<Target> {
    this.#target ??= await this.#openTarget();
    return this.#target;
  }

  write(batch: Batch): void | Promise<void> {
    this.#writer.write(batch);
    this.rows += batch.rows;
    if (this.#queue.hasFull) return this.#queue.drain(this.#put, false);
  }

  async flush(): Promise<void> {
    this.#writer.flush();
    await this.#queue.drain(this.#put, true);
  }

  /** Makes the file visible; the path that it has. Where that fails nothing is left behind. */
  async commit(): Promise<string> {
    try {
      this.#writer.finish();
      await this.#queue.drain(this.#put, true);
      await this.#endPacking();
      return await (await this.open()).commit();
    } catch (error) {
      await this.discard();
      throw error;
    }
  }

  /** May come while a write is under way, which then fails. */
  async discard(): Promise<void> {
    this.#packer?.destroy();
    await this.#target?.discard();
  }

  readonly #put = async (bytes: Buffer): Promise<void> => {
    if (this.#packer === undefined) {
      await this.#append(bytes);
      return;
    }
    const packer = this.#packer;
    await new Promise<void>((resolve, reject) => packer.write(bytes, (error) => (error ? reject(error) : resolve())));
    await this.#appendPacked();
  };

  async #endPacking(): Promise<void> {
    const packer = this.#packer;
    if (packer === undefined) return;
    await new Promise<void>((resolve, reject) => {
      packer.once('end', resolve);
      packer.once('error', reject);
      packer.end();
    });
    await this.#appendPacked();
  }

  async #appendPacked(): Promise<void> {
    const packed = this.#packed;
    this.#packed = [];
    for (const bytes of packed) await this.#append(bytes);
  }

  async #append(bytes: Uint8Array): Promise<void> {
    this.#written += bytes.length;
    await (this.#target ?? (await this.open())).append(bytes);
  }
}

/** zstd with a checksum, as gzip always has one: damage must not pass for data. */
function packerFor(compression: Compression): Transform | undefined {
  if (compression === 'none') return undefined;
  if (compression === 'gzip') return createGzip();
  return createZstdCompress({ params: { [constants.ZSTD_c_checksumFlag]: 1 } });
}
