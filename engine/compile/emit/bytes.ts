/** A growing byte buffer with the encodings of the WebAssembly binary format (LEB128, little-endian floats, vectors). */

const text = new TextEncoder();
const scratch = new DataView(new ArrayBuffer(8));
/** Names mostly fit in: an allocation each would cost more than all else of a module's names. */
const short = new Uint8Array(512);

/** Writers are many, small and short-lived: they take their bytes from one piece, of which they write all that they read. */
const PIECE = 65_536;
const LARGEST = 4096;
let piece = new Uint8Array(PIECE);
let taken = 0;

function take(bytes: number): Uint8Array<ArrayBuffer> {
  if (bytes > LARGEST) return new Uint8Array(bytes);
  if (taken + bytes > PIECE) {
    piece = new Uint8Array(PIECE);
    taken = 0;
  }
  taken += bytes;
  return piece.subarray(taken - bytes, taken);
}

export class ByteWriter {
  #bytes = take(256);
  #length = 0;

  get length(): number {
    return this.#length;
  }

  byte(value: number): void {
    if (this.#length === this.#bytes.length) this.#reserve(1);
    this.#bytes[this.#length++] = value;
  }

  bytes(values: ArrayLike<number>): void {
    this.#reserve(values.length);
    this.#bytes.set(values, this.#length);
    this.#length += values.length;
  }

  /** Unsigned LEB128 of an integer below 2^32. */
  u32(value: number): void {
    let rest = value >>> 0;
    while (rest > 0x7f) {
      this.byte((rest & 0x7f) | 0x80);
      rest >>>= 7;
    }
    this.byte(rest);
  }

  /** Signed LEB128 of a 32-bit integer. */
  s32(value: number): void {
    let rest = value | 0;
    while (rest < -64 || rest > 63) {
      this.byte((rest & 0x7f) | 0x80);
      rest >>= 7;
    }
    this.byte(rest & 0x7f);
  }

  /** Signed LEB128 of a 64-bit integer. */
  s64(value: bigint): void {
    let rest = BigInt.asIntN(64, value);
    while (rest < -64n || rest > 63n) {
      this.byte(Number(rest & 0x7fn) | 0x80);
      rest >>= 7n;
    }
    this.byte(Number(rest & 0x7fn));
  }

  f32(value: number): void {
    scratch.setFloat32(0, value, true);
    for (let index = 0; index < 4; index++) this.byte(scratch.getUint8(index));
  }

  f64(value: number): void {
    scratch.setFloat64(0, value, true);
    for (let index = 0; index < 8; index++) this.byte(scratch.getUint8(index));
  }

  /** A name: its UTF-8 bytes behind their count. */
  name(value: string): void {
    const bytes = value.length * 3 > short.length ? text.encode(value) : utf8(value);
    this.u32(bytes.length);
    this.bytes(bytes);
  }

  /** Another writer's content behind its length. */
  sized(content: ByteWriter): void {
    this.u32(content.length);
    this.bytes(content.view());
  }

  /** What has been written, valid until the next write. */
  view(): Uint8Array {
    return this.#bytes.subarray(0, this.#length);
  }

  #reserve(more: number): void {
    const needed = this.#length + more;
    if (needed <= this.#bytes.length) return;
    const grown = take(Math.max(needed, this.#bytes.length * 2));
    grown.set(this.view());
    this.#bytes = grown;
  }
}

/** Valid until the next call. */
function utf8(value: string): Uint8Array {
  return short.subarray(0, text.encodeInto(value, short).written);
}
