/**
 * Writes FlatBuffers (see `flatbuffer.ts`) from a tree of tables, front to back: a table, then what it points to.
 * Small headers only, written once a schema; nothing here is on the hot path.
 */

/** A table's slot; `undefined` in a table leaves the slot to its default. */
export type Slot =
  | { readonly kind: 'u8' | 'i16' | 'i32' | 'i64'; readonly value: number }
  | { readonly kind: 'string'; readonly value: string }
  | { readonly kind: 'table'; readonly value: Table }
  | { readonly kind: 'tables'; readonly value: readonly Table[] }
  /** A vector of structs, each of `width` int64. */
  | { readonly kind: 'structs'; readonly value: readonly number[]; readonly width: number };

export type Table = readonly (Slot | undefined)[];

export interface Written {
  /** A multiple of 8 bytes. */
  readonly bytes: Uint8Array;
  /** Where a slot's value came to lie: the scalar itself, or the first item of a vector. */
  at(slot: Slot): number;
}

const SIZES = { u8: 1, i16: 2, i32: 4, i64: 8, string: 4, table: 4, tables: 4, structs: 4 } as const;
const encoder = new TextEncoder();

export function writeFlatBuffer(root: Table): Written {
  const writer = new Writer();
  writer.reserve(8);
  writer.point(0, writer.table(root));
  writer.align(8);
  const bytes = writer.bytes.slice(0, writer.end);
  return { bytes, at: (slot) => writer.places.get(slot) ?? -1 };
}

class Writer {
  bytes: Uint8Array<ArrayBuffer> = new Uint8Array(1024);
  view: DataView = new DataView(this.bytes.buffer);
  end = 0;
  readonly places: Map<Slot, number> = new Map();

  /** Takes `count` zero bytes; returns where they begin. */
  reserve(count: number): number {
    const at = this.end;
    this.end += count;
    if (this.end > this.bytes.length) {
      const grown = new Uint8Array(this.end * 2);
      grown.set(this.bytes);
      this.bytes = grown;
      this.view = new DataView(grown.buffer);
    }
    return at;
  }

  align(to: number): void {
    this.reserve((to - (this.end % to)) % to);
  }

  point(from: number, to: number): void {
    this.view.setUint32(from, to - from, true);
  }

  table(slots: Table): number {
    const vtable = this.#vtable(slots);
    this.align(8);
    const { at, size, offsets } = this.#place(slots);
    this.view.setInt32(at, at - vtable, true);
    this.view.setUint16(vtable + 2, size, true);
    for (const [index, slot] of slots.entries()) {
      const offset = offsets[index] ?? 0;
      if (slot === undefined || offset === 0) continue;
      this.view.setUint16(vtable + 4 + index * 2, offset, true);
      this.#put(slot, at + offset);
    }
    return at;
  }

  #vtable(slots: Table): number {
    this.align(2);
    const at = this.reserve(4 + slots.length * 2);
    this.view.setUint16(at, 4 + slots.length * 2, true);
    return at;
  }

  #place(slots: Table): { readonly at: number; readonly size: number; readonly offsets: readonly number[] } {
    const offsets: number[] = [];
    let size = 4;
    for (const slot of slots) {
      if (slot === undefined) {
        offsets.push(0);
        continue;
      }
      const bytes = SIZES[slot.kind];
      size = Math.ceil(size / bytes) * bytes;
      offsets.push(size);
      size += bytes;
    }
    return { at: this.reserve(size), size, offsets };
  }

  #put(slot: Slot, at: number): void {
    this.places.set(slot, at);
    switch (slot.kind) {
      case 'u8':
        this.view.setUint8(at, slot.value);
        return;
      case 'i16':
        this.view.setInt16(at, slot.value, true);
        return;
      case 'i32':
        this.view.setInt32(at, slot.value, true);
        return;
      case 'i64':
        this.view.setBigInt64(at, BigInt(slot.value), true);
        return;
      case 'string':
        this.#putString(slot.value, at);
        return;
      case 'table': {
        const target = this.table(slot.value);
        this.point(at, target);
        return;
      }
      case 'tables':
        this.#putTables(slot.value, at);
        return;
      case 'structs':
        this.places.set(slot, this.#putStructs(slot.value, slot.width, at));
    }
  }

  #putString(value: string, at: number): void {
    this.align(4);
    const start = this.reserve(4 + value.length * 3 + 1);
    const { written } = encoder.encodeInto(value, this.bytes.subarray(start + 4));
    this.end = start + 4 + written + 1;
    this.point(at, start);
    this.view.setUint32(start, written, true);
  }

  #putTables(tables: readonly Table[], at: number): void {
    this.align(4);
    const start = this.reserve(4 + tables.length * 4);
    this.point(at, start);
    this.view.setUint32(start, tables.length, true);
    for (const [index, table] of tables.entries()) {
      const target = this.table(table);
      this.point(start + 4 + index * 4, target);
    }
  }

  #putStructs(values: readonly number[], width: number, at: number): number {
    this.align(8);
    this.reserve(4);
    const start = this.reserve(4 + values.length * 8);
    this.point(at, start);
    this.view.setUint32(start, values.length / width, true);
    for (const [index, value] of values.entries()) this.view.setBigInt64(start + 4 + index * 8, BigInt(value), true);
    return start + 4;
  }
}
