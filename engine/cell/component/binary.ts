/**
 * Reading and writing the Wasm binary formats (core modules and components): LEB128 numbers, names, vectors, sections. Every read is bounded;
 * a read past the end, an overlong number or a bad name throws `MalformedBinary`, which callers turn into a user's error.
 */

/** Something is wrong with the bytes; `message` says what, `offset` where. */
export class MalformedBinary extends Error {
  readonly offset: number;

  constructor(message: string, offset: number) {
    super(`${message} at byte ${offset}`);
    this.name = 'MalformedBinary';
    this.offset = offset;
  }
}

const decoder = new TextDecoder('utf-8', { fatal: true });
const encoder = new TextEncoder();

export class ByteReader {
  readonly bytes: Uint8Array;
  /** Absolute offset of the next byte in `bytes`. */
  at: number;
  readonly end: number;

  constructor(bytes: Uint8Array, at = 0, end: number = bytes.length) {
    this.bytes = bytes;
    this.at = at;
    this.end = end;
  }

  get done(): boolean {
    return this.at >= this.end;
  }

  fail(message: string): never {
    throw new MalformedBinary(message, this.at);
  }

  u8(): number {
    const byte = this.bytes[this.at];
    if (byte === undefined || this.at >= this.end) this.fail('unexpected end');
    this.at += 1;
    return byte;
  }

  peek(): number {
    const byte = this.bytes[this.at];
    if (byte === undefined || this.at >= this.end) this.fail('unexpected end');
    return byte;
  }

  /** Unsigned LEB128 of at most 32 bits. */
  u32(): number {
    let result = 0;
    for (let shift = 0; shift < 35; shift += 7) {
      const byte = this.u8();
      if (shift === 28 && byte > 0x0f) this.fail('number exceeds 32 bits');
      result += (byte & 0x7f) * 2 ** shift;
      if (byte < 0x80) return result;
    }
    return this.fail('number exceeds 32 bits');
  }

  /** Signed LEB128 of at most 33 bits, as block types and value types are written. */
  s33(): number {
    let result = 0;
    for (let shift = 0; shift < 35; shift += 7) {
      const byte = this.u8();
      result += (byte & 0x7f) * 2 ** shift;
      if (byte < 0x80) return (byte & 0x40) === 0 ? result : result - 2 ** (shift + 7);
    }
    return this.fail('number exceeds 33 bits');
  }

  /** Skips a LEB128 number of at most 64 bits. */
  skipLeb(): void {
    for (let count = 0; count < 10; count++) if (this.u8() < 0x80) return;
    this.fail('number exceeds 64 bits');
  }

  skip(bytes: number): void {
    if (bytes > this.end - this.at) this.fail('unexpected end');
    this.at += bytes;
  }

  /** The next `length` bytes as a view. */
  take(length: number): Uint8Array {
    const start = this.at;
    this.skip(length);
    return this.bytes.subarray(start, start + length);
  }

  /** A reader of the next `length` bytes; this one goes on behind them. */
  sub(length: number): ByteReader {
    const start = this.at;
    this.skip(length);
    return new ByteReader(this.bytes, start, start + length);
  }

  name(): string {
    const length = this.u32();
    const start = this.at;
    const bytes = this.take(length);
    try {
      return decoder.decode(bytes);
    } catch {
      throw new MalformedBinary('name is not UTF-8', start);
    }
  }

  /** The length of a vector whose elements take at least one byte each. */
  count(): number {
    const count = this.u32();
    if (count > this.end - this.at) this.fail(`vector of ${count} elements does not fit`);
    return count;
  }

  expectEnd(what: string): void {
    if (!this.done) this.fail(`${what} has ${this.end - this.at} bytes too many`);
  }
}

/** Collects bytes; grows by doubling. */
export class ByteWriter {
  private buffer: Uint8Array;
  private used = 0;

  constructor(capacity = 256) {
    this.buffer = new Uint8Array(capacity);
  }

  get length(): number {
    return this.used;
  }

  private reserve(bytes: number): void {
    if (this.used + bytes <= this.buffer.length) return;
    const grown = new Uint8Array(Math.max(this.buffer.length * 2, this.used + bytes));
    grown.set(this.buffer.subarray(0, this.used));
    this.buffer = grown;
  }

  u8(value: number): this {
    this.reserve(1);
    this.buffer[this.used++] = value;
    return this;
  }

  u32(value: number): this {
    let rest = value;
    while (rest >= 0x80) {
      this.u8((rest % 0x80) | 0x80);
      rest = Math.floor(rest / 0x80);
    }
    return this.u8(rest);
  }

  bytes(bytes: Uint8Array | readonly number[]): this {
    this.reserve(bytes.length);
    this.buffer.set(bytes, this.used);
    this.used += bytes.length;
    return this;
  }

  name(name: string): this {
    const bytes = encoder.encode(name);
    return this.u32(bytes.length).bytes(bytes);
  }

  /** A section or any other thing that stands behind its length. */
  sized(content: Uint8Array): this {
    return this.u32(content.length).bytes(content);
  }

  finish(): Uint8Array {
    return this.buffer.slice(0, this.used);
  }
}

const WASM_MAGIC = 0x6d736100;
/** Version field of a core module. */
const CORE_VERSION = 0x00000001;
/** Version and layer fields of a component. */
const COMPONENT_VERSION = 0x0001000d;

/** What the first eight bytes say. */
export function binaryKind(bytes: Uint8Array): 'core' | 'component' | 'other' {
  if (bytes.length < 8) return 'other';
  const view = new DataView(bytes.buffer, bytes.byteOffset, 8);
  if (view.getUint32(0, true) !== WASM_MAGIC) return 'other';
  const version = view.getUint32(4, true);
  if (version === CORE_VERSION) return 'core';
  return version === COMPONENT_VERSION ? 'component' : 'other';
}

export interface Section {
  readonly id: number;
  readonly content: ByteReader;
  /** Offset of the section's id byte. */
  readonly start: number;
}

/** The sections of a module or component, in their order. */
export function* sections(bytes: Uint8Array): Generator<Section> {
  const reader = new ByteReader(bytes, 8);
  while (!reader.done) {
    const start = reader.at;
    const id = reader.u8();
    const size = reader.u32();
    yield { id, content: reader.sub(size), start };
  }
}
