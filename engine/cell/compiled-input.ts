/**
 * Copies the columns that a compiled cell reads into their places in its memory. Views of the memory are made anew when it has
 * grown.
 */
import { type Batch, LAYOUT_WORDS } from '../batch/batch.ts';
import { byteWidth, isVariable } from '../batch/types.ts';
import type { InputArea, InputPlace } from '../compile/codegen/input-area.ts';
import { INPUT_NULLS } from '../compile/support/assembly/control.ts';
import type { Support } from './compiled-module.ts';

/** Bytes behind a column's text that vector loads may read. */
const SLACK = 64;

/** Room for the bytes of one column of variable length. */
interface Bytes {
  block: number;
  capacity: number;
}

export class CompiledInput {
  readonly #area: InputArea;
  readonly #places: readonly InputPlace[];
  readonly #memory: WebAssembly.Memory;
  readonly #support: Support;
  readonly #bytes = new Map<number, Bytes>();
  /** Columns whose validity bits are ones as far as this many rows. */
  readonly #ones = new Map<number, number>();
  #target: Uint8Array;

  constructor(area: InputArea, memory: WebAssembly.Memory, support: Support) {
    this.#area = area;
    this.#places = [...area.places.values()];
    this.#memory = memory;
    this.#support = support;
    this.#target = new Uint8Array(memory.buffer);
  }

  /** The blocks for bytes as [column, block, capacity]: they are the host's, and scratch between batches. */
  blocks(): [column: number, block: number, capacity: number][] {
    return [...this.#bytes].map(([column, { block, capacity }]) => [column, block, capacity]);
  }

  /** Takes over the blocks of a memory that was restored. */
  restore(blocks: readonly (readonly number[])[]): void {
    for (const [column = 0, block = 0, capacity = 0] of blocks) this.#bytes.set(column, { block, capacity });
    this.#refresh();
  }

  /** Puts rows from `from` on in place, as many as there is room for; returns how many. `from` is a multiple of 8. */
  copyIn(batch: Batch, from: number): number {
    const rows = Math.min(this.#area.rows, batch.rows - from);
    let nulls = 0;
    for (const place of this.#places) {
      if (isVariable(place.field.type)) this.#copyVariable(batch, place, from, rows);
      else this.#copyFixed(batch, place, from, rows);
      if (place.validity !== undefined) nulls |= batch.layout[place.column * LAYOUT_WORDS] ?? 0;
    }
    // Where no column has a null the code that runs looks at no validity.
    if (nulls !== 0) for (const place of this.#places) this.#copyValidity(batch, place, from, rows);
    this.#refresh();
    new Int32Array(this.#target.buffer, INPUT_NULLS, 1)[0] = nulls;
    return rows;
  }

  #copyFixed({ body, layout }: Batch, { column, field, values }: InputPlace, from: number, rows: number): void {
    const start = layout[column * LAYOUT_WORDS + 3] ?? 0;
    const width = byteWidth(field.type);
    const first = start + (width === 0 ? from >> 3 : from * width);
    const bytes = width === 0 ? (rows + 7) >> 3 : rows * width;
    this.#refresh();
    this.#target.set(body.subarray(first, first + bytes), values);
  }

  /** Offsets as they are; the address of the bytes is moved back by the first of them instead. */
  #copyVariable({ body, layout }: Batch, { column, values, data }: InputPlace, from: number, rows: number): void {
    const entry = column * LAYOUT_WORDS;
    const first = (layout[entry + 3] ?? 0) + from * 4;
    const offsets = body.subarray(first, first + (rows + 1) * 4);
    this.#refresh();
    this.#target.set(offsets, values);
    const words = new Int32Array(this.#target.buffer, values, rows + 1);
    const start = words[0] ?? 0;
    const length = Math.max(0, (words[rows] ?? 0) - start);
    const base = layout[entry + 5] ?? 0;
    const block = this.#room(column, length + SLACK);
    this.#refresh();
    this.#target.set(body.subarray(base + start, base + start + length), block);
    if (data !== undefined) new Int32Array(this.#target.buffer, data, 1)[0] = block - start;
  }

  #copyValidity({ body, layout }: Batch, { column, validity }: InputPlace, from: number, rows: number): void {
    if (validity === undefined) return;
    const entry = column * LAYOUT_WORDS;
    const bytes = (rows + 7) >> 3;
    this.#refresh();
    if ((layout[entry] ?? 0) !== 0 && (layout[entry + 2] ?? 0) > 0) {
      const first = (layout[entry + 1] ?? 0) + (from >> 3);
      this.#target.set(body.subarray(first, first + bytes), validity);
      this.#ones.delete(column);
    } else if ((this.#ones.get(column) ?? 0) < rows) {
      this.#target.fill(0xff, validity, validity + bytes);
      this.#ones.set(column, rows);
    }
  }

  /** The block for a column's bytes, larger if it must be. */
  #room(column: number, bytes: number): number {
    const known = this.#bytes.get(column) ?? { block: 0, capacity: 0 };
    if (bytes > known.capacity) {
      if (known.capacity > 0) this.#support.release(known.block, known.capacity);
      const capacity = Math.max(bytes, known.capacity + (known.capacity >> 1));
      known.capacity = 0;
      known.block = this.#support.allocate(capacity);
      known.capacity = capacity;
      this.#bytes.set(column, known);
    }
    return known.block;
  }

  #refresh(): void {
    if (this.#target.buffer !== this.#memory.buffer) this.#target = new Uint8Array(this.#memory.buffer);
  }
}
