/**
 * Reading and writing FlatBuffers, as far as Arrow's IPC messages need it. Reads are bounded by the message: a read outside of it gives 0
 * and fails the call as an invalid batch or schema.
 *
 * Source: https://flatbuffers.dev/internals/ and Arrow's format/Message.fbs and Schema.fbs.
 */
import { Failure, fail } from './failure';

/** The message that is being read. */
export class Flat {
  static start: usize = 0;
  static end: usize = 0;

  /** Finds the flatbuffer in an encapsulated message and returns its root table, 0 when it is malformed. */
  static open(message: usize, length: usize): usize {
    Flat.start = message;
    Flat.end = message + length;
    if (length < 12 || load<u32>(message) != 0xffffffff) return Flat.bad();
    const size = <usize>load<u32>(message, 4);
    if (size > length - 8) return Flat.bad();
    Flat.start = message + 8;
    Flat.end = message + 8 + size;
    return Flat.follow(Flat.start);
  }

  static bad(): usize {
    fail(Failure.InvalidBatch, 'the Arrow message is malformed');
    return 0;
  }

  static inside(at: usize, bytes: usize): bool {
    return at >= Flat.start && at <= Flat.end && bytes <= Flat.end - at;
  }

  static u32(at: usize): u32 {
    if (!Flat.inside(at, 4)) return <u32>Flat.bad();
    return load<u32>(at);
  }

  /** The place an offset leads to. */
  static follow(at: usize): usize {
    const to = at + <usize>Flat.u32(at);
    return Flat.inside(to, 4) ? to : Flat.bad();
  }

  /** The place of field `index` of a table, 0 when it has none (and its default holds). */
  static field(table: usize, index: i32): usize {
    if (table == 0 || !Flat.inside(table, 4)) return 0;
    const vtable = table - <usize>load<i32>(table);
    if (!Flat.inside(vtable, 4)) return Flat.bad();
    const slot = <usize>(4 + index * 2);
    if (slot + 2 > <usize>load<u16>(vtable)) return 0;
    if (!Flat.inside(vtable + slot, 2)) return Flat.bad();
    const offset = <usize>load<u16>(vtable + slot);
    if (offset == 0) return 0;
    return Flat.inside(table + offset, 1) ? table + offset : Flat.bad();
  }

  static table(table: usize, index: i32): usize {
    const at = Flat.field(table, index);
    return at == 0 ? 0 : Flat.follow(at);
  }

  /** A scalar of type `T`, or its default. */
  static scalar<T>(table: usize, index: i32, otherwise: T): T {
    const at = Flat.field(table, index);
    if (at == 0) return otherwise;
    if (!Flat.inside(at, sizeof<T>())) {
      Flat.bad();
      return otherwise;
    }
    return load<T>(at);
  }

  /** The first element of a vector whose elements take `width` bytes; 0 when there is none. `length` is left in `count`. */
  static vector(table: usize, index: i32, width: usize): usize {
    Flat.count = 0;
    const at = Flat.table(table, index);
    if (at == 0) return 0;
    const count = Flat.u32(at);
    if (<u64>count * <u64>width > <u64>(Flat.end - Flat.start) || !Flat.inside(at + 4, <usize>count * width))
      return Flat.bad();
    Flat.count = <i32>count;
    return at + 4;
  }

  static count: i32 = 0;

  static text(table: usize, index: i32): string {
    const at = Flat.vector(table, index, 1);
    return at == 0 ? '' : String.UTF8.decodeUnsafe(at, Flat.count);
  }
}

/**
 * Writes a flatbuffer from its end to its start, as the format wants it: children before their parents. Positions are counted from the
 * end, so that they stay valid when the buffer grows.
 */
export class FlatWriter {
  private buffer: usize = heap.alloc(1024);
  private capacity: usize = 1024;
  /** Bytes written so far. */
  used: usize = 0;
  private fields: StaticArray<usize> = new StaticArray<usize>(16);
  private fieldCount: i32 = 0;
  private tableStart: usize = 0;

  reset(): void {
    this.used = 0;
  }

  /** Where the bytes begin. */
  get start(): usize {
    return this.buffer + this.capacity - this.used;
  }

  private grow(bytes: usize): void {
    if (this.used + bytes <= this.capacity) return;
    const capacity = max(this.capacity * 2, this.used + bytes);
    const fresh = heap.alloc(capacity);
    memory.copy(fresh + capacity - this.used, this.start, this.used);
    heap.free(this.buffer);
    this.buffer = fresh;
    this.capacity = capacity;
  }

  /** Pads so that after `bytes` more the position is a multiple of `alignment`. */
  align(bytes: usize, alignment: usize): void {
    const pad = (alignment - ((this.used + bytes) & (alignment - 1))) & (alignment - 1);
    this.grow(pad);
    this.used += pad;
    memory.fill(this.start, 0, pad);
  }

  push<T>(value: T): void {
    this.align(sizeof<T>(), sizeof<T>());
    this.grow(sizeof<T>());
    this.used += sizeof<T>();
    store<T>(this.start, value);
  }

  /** An offset to what was written at position `target`. */
  pushOffset(target: usize): void {
    this.align(4, 4);
    this.push<u32>(<u32>(this.used + 4 - target));
  }

  text(text: string): usize {
    const length = <usize>String.UTF8.byteLength(text);
    this.align(length + 1, 4);
    this.grow(length + 1);
    this.used += length + 1;
    String.UTF8.encodeUnsafe(changetype<usize>(text), text.length, this.start, true);
    this.push<u32>(<u32>length);
    return this.used;
  }

  /** A vector of offsets; `targets` in the order of the elements. */
  offsets(targets: usize[]): usize {
    for (let i = targets.length - 1; i >= 0; i--) this.pushOffset(targets[i]);
    this.push<u32>(<u32>targets.length);
    return this.used;
  }

  beginTable(fields: i32): void {
    this.fieldCount = fields;
    for (let i = 0; i < fields; i++) this.fields[i] = 0;
    this.tableStart = this.used;
  }

  scalar<T>(index: i32, value: T): void {
    this.push<T>(value);
    this.fields[index] = this.used;
  }

  offset(index: i32, target: usize): void {
    if (target == 0) return;
    this.pushOffset(target);
    this.fields[index] = this.used;
  }

  endTable(): usize {
    this.push<i32>(0);
    const table = this.used;
    for (let i = this.fieldCount - 1; i >= 0; i--) {
      const at = this.fields[i];
      this.push<u16>(at == 0 ? 0 : <u16>(table - at));
    }
    this.push<u16>(<u16>(table - this.tableStart));
    this.push<u16>(<u16>(4 + this.fieldCount * 2));
    store<i32>(this.start + this.used - table, <i32>(this.used - table));
    return table;
  }

  /** Ends the buffer with the offset to its root. The whole is a multiple of 8 bytes. */
  finish(root: usize): void {
    this.align(4, 8);
    this.pushOffset(root);
  }
}
