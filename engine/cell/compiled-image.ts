/**
 * The image of a compiled cell: its memory as it is, and which parts of it matter. Between two calls the input area, the output ports' buffers and
 * the arena hold nothing of the next call's concern, and they are what every batch writes to; so they are left out.
 *
 *     control | support's data | literals | port heads | buffers   | heap ........................ top | never used
 *     kept    |                |          | kept       |           | kept, but for scratch and free   |
 */
import type { GeneratedCell } from '../compile/codegen/generate.ts';
import {
  ARENA_BASE,
  ARENA_END,
  COLUMN_BYTES,
  COLUMN_BYTES_CAPACITY,
  COLUMN_SIZE,
  CONTROL_END,
  FREE_LISTS,
  HEAP_LIMIT,
  HEAP_TOP,
  PORT_BODY,
  PORT_BODY_CAPACITY,
  PORT_HEAD,
} from '../compile/support/assembly/control.ts';
import type { CellImage } from '../state/checkpoint/state.ts';
import type { PageRoom } from '../state/precopy/page-target.ts';

export type Range = readonly [from: number, to: number];

/** The parts that matter; `scratch` are blocks of the heap that the host writes to, in any order. */
export function rangesOf(
  generated: Pick<GeneratedCell, 'ports' | 'heap'>,
  memory: WebAssembly.Memory,
  scratch: readonly Range[],
): Range[] {
  const view = new DataView(memory.buffer);
  const word = (at: number) => view.getUint32(at, true);
  const heads: Range[] = [];
  const gaps: Range[] = [...scratch, [word(ARENA_BASE), word(ARENA_END)]];
  for (const port of generated.ports) {
    if (port === undefined) continue;
    const end = port.head + PORT_HEAD + port.columns.length * COLUMN_SIZE;
    heads.push([port.head, end]);
    gaps.push([word(port.head + PORT_BODY), word(port.head + PORT_BODY) + word(port.head + PORT_BODY_CAPACITY)]);
    for (let column = port.head + PORT_HEAD; column < end; column += COLUMN_SIZE) {
      const start = word(column + COLUMN_BYTES);
      gaps.push([start, start + word(column + COLUMN_BYTES_CAPACITY)]);
    }
  }
  heads.sort(([a], [b]) => a - b);
  freeBlocks(word, gaps);
  return [[0, CONTROL_END], ...heads, ...without([generated.heap, word(HEAP_TOP)], gaps)];
}

/** Size classes of the allocator (support/assembly/memory.ts): four to a doubling from 64 bytes on. Smaller ones are not worth a gap. */
const FIRST_LARGE_CLASS = 4 * (16 - 6);
const CLASSES = 4 * (32 - 6);

/** Adds the insides of large free blocks, whose first word chains them. */
function freeBlocks(word: (at: number) => number, gaps: Range[]): void {
  for (let index = FIRST_LARGE_CLASS; index < CLASSES; index += 1) {
    const bytes = (5 + ((index - 1) & 3)) * 2 ** (6 + ((index - 1) >> 2) - 2);
    for (let block = word(FREE_LISTS + index * 4); block !== 0; block = word(block)) {
      gaps.push([block + 64, block + bytes]);
    }
  }
}

/** What is left of a range without the gaps. */
function without([from, to]: Range, gaps: readonly Range[]): Range[] {
  const left: Range[] = [];
  let at = from;
  for (const [start, end] of gaps.toSorted(([a], [b]) => a - b)) {
    if (end <= start) continue;
    if (start > at) left.push([at, start]);
    at = Math.max(at, end);
  }
  if (at < to) left.push([at, to]);
  return left;
}

const PAGE = 65_536;

/** Brings the memory of a fresh cell of the same module to what the image says; the cell's own limit stays. */
export function restoreMemory(memory: WebAssembly.Memory, image: CellImage, ahead?: MemoryRoom): void {
  if (ahead?.isIn(image) === true) {
    ahead.finish();
    return;
  }
  const missing = image.memory.length - memory.buffer.byteLength;
  if (missing > 0) memory.grow(Math.ceil(missing / PAGE));
  const target = new Uint8Array(memory.buffer);
  const view = new DataView(memory.buffer);
  const limit = view.getUint32(HEAP_LIMIT, true);
  for (const [from, to] of image.ranges ?? [[0, image.memory.length]]) {
    target.set(image.memory.subarray(from, to), from);
  }
  view.setUint32(HEAP_LIMIT, limit, true);
}

/** The memory of a fresh cell, that an image of the same module is written into ahead; nothing is called in between. */
export class MemoryRoom implements PageRoom {
  readonly #memory: WebAssembly.Memory;
  readonly #limit: number;

  constructor(memory: WebAssembly.Memory) {
    this.#memory = memory;
    this.#limit = new DataView(memory.buffer).getUint32(HEAP_LIMIT, true);
  }

  room(bytes: number): Uint8Array {
    const missing = bytes - this.#memory.buffer.byteLength;
    if (missing > 0) this.#memory.grow(Math.ceil(missing / PAGE));
    return new Uint8Array(this.#memory.buffer);
  }

  isIn(image: CellImage): boolean {
    return image.memory.buffer === this.#memory.buffer;
  }

  /** The cell's own limit stays. */
  finish(): void {
    new DataView(this.#memory.buffer).setUint32(HEAP_LIMIT, this.#limit, true);
  }
}
