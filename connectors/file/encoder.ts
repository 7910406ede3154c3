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
  /** Bytes of the piece under way up to which the records are whole. */
  #whole = 0;
  readonly #full: { readonly piece: Buffer; readonly whole: number }[] = [];
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
        this.#full.push({ piece: this.#current, whole: this.#whole });
        this.#current = this.#spare.pop() ?? Buffer.allocUnsafeSlow(PIECE);
        this.#used = 0;
        this.#whole = 0;
      }
    }
  }

  /** Says that all records added so far are whole. */
  mark(): void {
    this.#whole = this.#used;
  }

  /** Drops what waits to be written. */
  clear(): void {
    this.#full.length = 0;
    this.#used = 0;
    this.#whole = 0;
  }

  /**
   * Writes the whole pieces and, where asked, what has begun; `write` hears how many of the bytes are whole records, 0 where none of
   * them ends there. Nothing may be added before it resolves.
   */
  async drain(write: (bytes: Buffer, whole: number) => Promise<void>, all: boolean): Promise<void> {
    for (let next = this.#full.shift(); next !== undefined; next = this.#full.shift()) {
      await write(next.piece, next.whole);
      if (this.#spare.length < 4) this.#spare.push(next.piece);
    }
    if (!all || this.#used === 0) return;
    const used = this.#used;
    const whole = this.#whole;
    this.#used = 0;
    this.#whole = 0;
    await write(this.#current.subarray(0, used), whole);
  }
}

/** One file under way. Its target is opened with the first bytes, or by `open`. */
export class FileEncoder {
  rows = 0;
  #written = 0;
  /** Bytes of the file that are surely written and whole records; only where nothing is compressed. */
  #kept = 0;
  readonly #writer: FormatWriter;
  readonly #queue: PieceQueue;
  readonly #openTarget: () => Promise<Target>;
  readonly #compression: Compression;
  #packer: Transform | undefined;
  /** Bytes went into the packer since it began. */
  #packing = false;
  #target: Target | undefined;
  #packed: Buffer[] = [];

  constructor(writer: FormatWriter, queue: PieceQueue, compression: Compression, openTarget: () => Promise<Target>) {
    this.#writer = writer;
    this.#queue = queue;
    this.#openTarget = openTarget;
    this.#compression = compression;
    this.#packer = this.#newPacker();
  }

  /** Bytes so far, as the file will have them; what waits to be compressed counts as it is. */
  get bytes(): number {
    // what compressing makes of a little text is not known: it counts once a piece of it has gathered
    const gathered = this.#packer === undefined ? (this.#writer.gathered ?? 0) : 0;
    return this.#written + this.#queue.bytes + gathered;
  }

  /** Bytes that the target has had of this encoder. */
  get written(): number {
    return this.#written;
  }

  async open(): Promise<Target> {
    this.#target ??= await this.#openTarget();
    return this.#target;
  }

  write(batch: Batch): void | Promise<void> {
    this.#writer.write(batch);
    this.#queue.mark();
    this.rows += batch.rows;
    if (this.#queue.hasFull) return this.#queue.drain(this.#put, false);
  }

  async flush(): Promise<void> {
    this.#writer.flush();
    this.#queue.mark();
    await this.#queue.drain(this.#put, true);
  }

  /**
   * Brings all rows to the target, compressed bytes as a whole member or frame, so that another encoder can go on behind them; how many
   * bytes the file then has, besides those that were there before this encoder.
   */
  async checkpoint(): Promise<number> {
    await this.flush();
    await this.#endMember();
    await this.open();
    return this.#written;
  }

  /** As `commit`, the file being complete but not made visible yet. */
  async finish(): Promise<number> {
    this.#writer.finish();
    this.#queue.mark();
    await this.#queue.drain(this.#put, true);
    await this.#endMember();
    await this.open();
    return this.#written;
  }

  async #endMember(): Promise<void> {
    if (!this.#packing) return;
    await this.#endPacking();
    this.#packer = this.#newPacker();
    this.#packing = false;
  }

  /** Makes the file visible; the path that it has. Where that fails, `discard` or `salvage` is to follow. */
  async commit(): Promise<string> {
    this.#writer.finish();
    this.#queue.mark();
    await this.#queue.drain(this.#put, true);
    await this.#endPacking();
    return (await this.open()).commit();
  }

  /**
   * After a write that failed: makes the records visible that were written whole, of a format in which any number of them makes a
   * file; the path, or undefined where nothing could be kept and nothing is left.
   */
  async salvage(appendable: boolean): Promise<string | undefined> {
    const target = this.#target;
    this.#queue.clear();
    if (appendable && this.#packer === undefined && this.#kept > 0 && target !== undefined) {
      try {
        await target.cut(this.#kept);
        return await target.commit();
      } catch {
        // What made the write fail may make this fail, too; the run tells of the first failure.
      }
    }
    await this.discard();
    return undefined;
  }

  /** May come while a write is under way, which then fails. */
  async discard(): Promise<void> {
    this.#queue.clear();
    this.#packer?.destroy();
    await this.#target?.discard();
  }

  readonly #put = async (bytes: Buffer, whole: number): Promise<void> => {
    if (this.#packer === undefined) {
      const before = this.#written;
      await this.#append(bytes);
      if (whole > 0) this.#kept = before + whole;
      return;
    }
    const packer = this.#packer;
    this.#packing = true;
    await new Promise<void>((resolve, reject) => packer.write(bytes, (error) => (error ? reject(error) : resolve())));
    await this.#appendPacked();
  };

  #newPacker(): Transform | undefined {
    const packer = packerFor(this.#compression);
    packer?.on('data', (bytes: Buffer) => this.#packed.push(bytes));
    return packer;
  }

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
