/** The state of cells that goes to another thread, as a checkpoint would write it; the memories go beside it. */

import { PAGE } from '../../state/checkpoint/pages.ts';
import {
  decodeSnapshot,
  type EncodedCell,
  encodeLogical,
  encodeSnapshot,
} from '../../state/checkpoint/snapshot-bytes.ts';
import type { CellSnapshot, FragmentSnapshot, LogicalState } from '../../state/checkpoint/state.ts';

/** Cells that are not among `whole` go by their rows, which `rowsOf` gives; where it gives none, they go whole, too. */
export function encodeCarried(
  snapshot: FragmentSnapshot,
  cells: ReadonlyMap<string, 'whole' | readonly LogicalState[]>,
): readonly Uint8Array[] {
  const encoded = new Map<string, EncodedCell>();
  for (const [name, form] of cells) {
    const cell = snapshot.cells.get(name);
    if (cell !== undefined) encoded.set(name, encodedCell(cell, form));
  }
  const counters = [...snapshot.counters].filter(([key]) => cells.has(key.replace(/^cell /, '')));
  return encodeSnapshot({
    ...snapshot,
    sources: new Map(),
    sinks: new Map(),
    cells: encoded,
    counters: new Map(counters),
    blobs: [],
  });
}

function encodedCell(cell: CellSnapshot, form: 'whole' | readonly LogicalState[]): EncodedCell {
  const { image, logical, ...rest } = cell;
  if (form !== 'whole' || image === undefined) {
    const states = form === 'whole' ? (logical ?? []) : form;
    return { ...rest, logical: encodeLogical(states) };
  }
  const { memory, ...of } = image;
  return { ...rest, image: { ...of, length: memory.length, pageSize: PAGE, table: new Uint8Array(0) } };
}

/** `memoryOf`: what has arrived of the memory of a cell; undefined where nothing has. */
export function decodeCarried(
  bytes: Uint8Array,
  memoryOf: (cell: string, ranges: readonly (readonly [number, number])[] | undefined) => Uint8Array | undefined,
): FragmentSnapshot {
  const { blobs: _, cells, ...rest } = decodeSnapshot(bytes);
  const own = [...cells].map(([name, { image, ...cell }]): [string, CellSnapshot] => {
    if (image === undefined) return [name, cell];
    const { length, pageSize: _size, table: _table, ...of } = image;
    const memory = memoryOf(name, image.ranges);
    if (memory?.length !== length) throw new Error(`the memory of ${name} has not arrived`);
    return [name, { ...cell, image: { ...of, memory } }];
  });
  return { ...rest, cells: new Map(own) };
}
