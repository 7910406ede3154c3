/**
 * What an operator is once its `init` has returned: memories, mutable globals, outputs, and what it told its host meanwhile. Further guests of
 * the same operator, configuration and inputs begin with it instead of running `init`.
 */
import type { LogLevel, OperatorHost, RowError } from './host.ts';
import type { OperatorInstance } from './instance.ts';
import type { OutputDescription } from './lifter.ts';
import { PAGE_BYTES } from './memory-pool.ts';

/** What is not zero is kept by pieces of this size. */
const PIECE = 4096;
/** More than this of what an `init` may tell its host is not kept to be told again. */
const MAX_SAID = 256;

/** Passes on what a guest tells its host and keeps it, so that it can be told to the host of another guest. */
export class Witness implements OperatorHost {
  readonly said: ((host: OperatorHost) => void)[] = [];
  readonly #host: OperatorHost;
  #repeatable = true;

  constructor(host: OperatorHost) {
    this.#host = host;
  }

  /** False where the guest asked for what is not the same each time. */
  get repeatable(): boolean {
    return this.#repeatable;
  }

  log(level: LogLevel, message: string): void {
    this.#tell((host) => host.log(level, message));
  }

  count(name: string, delta: bigint): void {
    this.#tell((host) => host.count(name, delta));
  }

  gauge(name: string, value: number): void {
    this.#tell((host) => host.gauge(name, value));
  }

  now(): bigint {
    this.#repeatable = false;
    return this.#host.now();
  }

  random(): bigint {
    this.#repeatable = false;
    return this.#host.random();
  }

  setTimer(time: bigint): boolean {
    return this.#tell((host) => host.setTimer(time));
  }

  clearTimer(time: bigint): void {
    this.#tell((host) => host.clearTimer(time));
  }

  reject(error: RowError): void {
    this.#host.reject(error);
  }

  #tell<T>(say: (host: OperatorHost) => T): T {
    if (this.said.length < MAX_SAID) this.said.push(say);
    else this.#repeatable = false;
    return say(this.#host);
  }
}

interface MemoryImage {
  readonly bytes: number;
  /** What is not zero or not left alone, in order. */
  readonly pieces: readonly { readonly at: number; readonly bytes: Uint8Array }[];
}

export class GuestImage {
  readonly outputs: readonly OutputDescription[];
  /** Bytes that it keeps. */
  readonly size: number;
  readonly #memories: readonly MemoryImage[];
  readonly #globals: ReadonlyMap<string, WebAssembly.Global['value']>;
  readonly #said: Witness['said'];

  private constructor(
    instance: OperatorInstance,
    before: Footprint,
    outputs: readonly OutputDescription[],
    said: Witness['said'],
  ) {
    this.outputs = outputs;
    this.#said = said;
    this.#memories = instance.memories.map((memory, index) => imageOf(memory, before[index]));
    this.#globals = new Map([...instance.globals].map(([name, global]) => [name, global.value]));
    const pieces = this.#memories.flatMap((memory) => memory.pieces);
    this.size = pieces.reduce((sum, { bytes }) => sum + bytes.length, 0);
  }

  /** The image of an instance right after its `init`; undefined where another guest could not begin with it. `before`: in front of `init`. */
  static take(
    instance: OperatorInstance,
    before: Footprint,
    outputs: readonly OutputDescription[],
    witness: Witness,
  ): GuestImage | undefined {
    if (!witness.repeatable || !instance.copyable) return undefined;
    return new GuestImage(instance, before, outputs, witness.said);
  }

  /** Brings an instance of the same operator to it that has done nothing: what neither it nor the image has touched stays so. */
  copyTo(instance: OperatorInstance): void {
    this.#restore(instance, copyPieces);
  }

  /** Brings an instance of the same operator to it, whatever the instance has done before: nothing of that is left. */
  restore(instance: OperatorInstance): void {
    this.#restore(instance, restoreAll);
  }

  #restore(instance: OperatorInstance, copy: (image: MemoryImage, target: Uint8Array) => void): void {
    for (const [index, image] of this.#memories.entries()) {
      const memory = instance.memories[index];
      if (memory === undefined) continue;
      const missing = image.bytes - memory.buffer.byteLength;
      if (missing > 0) memory.grow(missing / PAGE_BYTES);
      copy(image, new Uint8Array(memory.buffer));
    }
    for (const [name, global] of instance.globals) {
      const value = this.#globals.get(name);
      if (value !== undefined) global.value = value;
    }
  }

  /** Tells a host what `init` told. */
  introduce(host: OperatorHost): void {
    for (const say of this.#said) say(host);
  }
}

/** By memory, the pieces that are not zero. */
export type Footprint = readonly ReadonlySet<number>[];

/** What instantiating has written. */
export function footprintOf(instance: OperatorInstance): Footprint {
  return instance.memories.map(({ buffer }) => {
    const words = new BigUint64Array(buffer);
    const count = buffer.byteLength / PIECE;
    return new Set(Array.from({ length: count }, (_, piece) => piece).filter((piece) => isFull(words, piece)));
  });
}

function isFull(words: BigUint64Array, piece: number): boolean {
  return words.subarray((piece * PIECE) / 8, ((piece + 1) * PIECE) / 8).some((word) => word !== 0n);
}

/** Pieces that are zero belong to it, too, where instantiating makes them something else. */
function imageOf({ buffer }: WebAssembly.Memory, before: ReadonlySet<number> | undefined): MemoryImage {
  const bytes = new Uint8Array(buffer);
  const words = new BigUint64Array(buffer);
  const count = bytes.length / PIECE;
  const pieces: { at: number; bytes: Uint8Array }[] = [];
  let from = -1;
  for (let piece = 0; piece <= count; piece++) {
    const kept = piece < count && (before?.has(piece) || isFull(words, piece));
    if (kept && from < 0) from = piece * PIECE;
    if (kept || from < 0) continue;
    pieces.push({ at: from, bytes: bytes.slice(from, piece * PIECE) });
    from = -1;
  }
  return { bytes: bytes.length, pieces };
}

function copyPieces({ pieces }: MemoryImage, target: Uint8Array): void {
  for (const { at, bytes } of pieces) target.set(bytes, at);
}

function restoreAll({ pieces }: MemoryImage, target: Uint8Array): void {
  let end = 0;
  for (const { at, bytes } of pieces) {
    if (at > end) target.fill(0, end, at);
    target.set(bytes, at);
    end = at + bytes.length;
  }
  target.fill(0, end);
}
