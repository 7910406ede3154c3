/**
 * Reads FlatBuffers, the encoding of Arrow's metadata, from bytes that nobody has checked: every access is within bounds or
 * throws `batch.malformed`, so that a hostile header can neither read past its end nor make us loop over what is not there.
 *
 *   table    int32: distance back to its vtable, then fields
 *   vtable   uint16: own bytes, uint16: table bytes, then a uint16 offset into the table for each slot (0: absent)
 *   others   uint32: distance ahead to a string, vector or table
 */
import { userError } from '../errors.ts';

const decoder = new TextDecoder();

export function malformed(message: string): Error {
  return userError('batch.malformed', `not a valid Arrow message: ${message}`);
}

export class FlatBuffer {
  readonly bytes: Uint8Array;
  readonly #view: DataView;

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  root(): FlatTable {
    return new FlatTable(this, this.ahead(0));
  }

  check(at: number, bytes: number): void {
    if (at < 0 || at + bytes > this.bytes.length) throw malformed(`offset ${at} in ${this.bytes.length} bytes`);
  }

  u8(at: number): number {
    this.check(at, 1);
    return this.bytes[at] ?? 0;
  }

  i16(at: number): number {
    this.check(at, 2);
    return this.#view.getInt16(at, true);
  }

  u16(at: number): number {
    this.check(at, 2);
    return this.#view.getUint16(at, true);
  }

  i32(at: number): number {
    this.check(at, 4);
    return this.#view.getInt32(at, true);
  }

  /** An int64 that must be exact as a number, as all lengths and offsets of ours are. */
  i64(at: number): number {
    this.check(at, 8);
    const value = this.#view.getInt32(at + 4, true) * 4_294_967_296 + this.#view.getUint32(at, true);
    if (!Number.isSafeInteger(value)) throw malformed('a length of more than 2^53');
    return value;
  }

  /** Where the offset stored at `at` leads. */
  ahead(at: number): number {
    this.check(at, 4);
    const target = at + this.#view.getUint32(at, true);
    this.check(target, 4);
    return target;
  }
}

export class FlatTable {
  readonly buffer: FlatBuffer;
  readonly #at: number;
  readonly #vtable: number;
  readonly #slots: number;

  constructor(buffer: FlatBuffer, at: number) {
    this.buffer = buffer;
    this.#at = at;
    this.#vtable = at - buffer.i32(at);
    const size = buffer.u16(this.#vtable);
    buffer.check(this.#vtable, size);
    this.#slots = (size >> 1) - 2;
  }

  /** Where a slot's value lies, or -1 where it is absent. */
  at(slot: number): number {
    if (slot >= this.#slots) return -1;
    const offset = this.buffer.u16(this.#vtable + 4 + slot * 2);
    return offset === 0 ? -1 : this.#at + offset;
  }

  u8(slot: number, missing: number): number {
    const at = this.at(slot);
    return at < 0 ? missing : this.buffer.u8(at);
  }

  i16(slot: number, missing: number): number {
    const at = this.at(slot);
    return at < 0 ? missing : this.buffer.i16(at);
  }

  i32(slot: number, missing: number): number {
    const at = this.at(slot);
    return at < 0 ? missing : this.buffer.i32(at);
  }

  i64(slot: number, missing: number): number {
    const at = this.at(slot);
    return at < 0 ? missing : this.buffer.i64(at);
  }

  table(slot: number): FlatTable | undefined {
    const at = this.at(slot);
    return at < 0 ? undefined : new FlatTable(this.buffer, this.buffer.ahead(at));
  }

  string(slot: number): string | undefined {
    const at = this.at(slot);
    if (at < 0) return undefined;
    const start = this.buffer.ahead(at);
    const length = this.buffer.i32(start);
    if (length < 0) throw malformed(`a string of ${length} bytes`);
    this.buffer.check(start + 4, length);
    return decoder.decode(this.buffer.bytes.subarray(start + 4, start + 4 + length));
  }

  /** A vector of items of `width` bytes: their number, and where the first lies. Absent is empty. */
  vector(slot: number, width: number): { readonly length: number; readonly at: number } {
    const at = this.at(slot);
    if (at < 0) return { length: 0, at: 0 };
    const start = this.buffer.ahead(at);
    const length = this.buffer.i32(start);
    if (length < 0) throw malformed(`a vector of ${length} items`);
    this.buffer.check(start + 4, length * width);
    return { length, at: start + 4 };
  }

  tables(slot: number): FlatTable[] {
    const { length, at } = this.vector(slot, 4);
    return Array.from({ length }, (_, i) => new FlatTable(this.buffer, this.buffer.ahead(at + i * 4)));
  }
}
