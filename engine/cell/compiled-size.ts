/** How much the aggregate of a compiled cell keeps: its open windows, counted pane by pane. */
import type { AggregateLayout } from '../compile/codegen/aggregate-layout.ts';
import {
  HEAP,
  HEAP_TOP,
  PANE_CHUNKS,
  PANE_COUNT,
  PANE_INDEX_COUNT,
  PANE_NEXT,
  PANE_RECORDS,
  PANE_SHIFT,
  PANE_SIZE,
  PANE_START,
} from '../compile/support/assembly/control.ts';
import type { RunningCode } from './compiled-module.ts';

export interface AggregateSize {
  readonly groups: number;
  /** Records, tables, indices and texts, room to grow included. */
  readonly bytes: number;
}

export function aggregateSize({ memory }: RunningCode, { recordSize }: AggregateLayout): AggregateSize {
  const view = new DataView(memory.buffer);
  const word = (at: number) => view.getUint32(at, true);
  const heap = word(HEAP);
  let groups = 0;
  let bytes = 0;
  for (let index = word(PANE_COUNT) - 1; index >= 0; index -= 1) {
    const pane = word(heap + index * 4);
    const slots = 2 ** (32 - word(pane + PANE_SHIFT));
    groups += (word(pane + PANE_NEXT) - word(pane + PANE_RECORDS)) / recordSize;
    bytes += PANE_SIZE + slots * 4 + (slots / 2) * recordSize + word(pane + PANE_INDEX_COUNT) * 4;
    for (let chunk = word(pane + PANE_CHUNKS); chunk !== 0; chunk = word(chunk)) bytes += word(chunk + 4);
  }
  return { groups, bytes };
}

/** A bound of it that costs nothing: what was ever given out of the heap. */
export function heapBytes({ memory, generated }: RunningCode): number {
  return new DataView(memory.buffer).getUint32(HEAP_TOP, true) - generated.heap;
}

/** The earliest open window: where it ends, in units of the time column, and its groups. */
export function earliestPane(
  { memory }: RunningCode,
  { size, recordSize }: AggregateLayout,
): { readonly end: bigint; readonly groups: number } | undefined {
  const view = new DataView(memory.buffer);
  if (view.getUint32(PANE_COUNT, true) === 0) return undefined;
  const pane = view.getUint32(view.getUint32(HEAP, true), true);
  const groups = (view.getUint32(pane + PANE_NEXT, true) - view.getUint32(pane + PANE_RECORDS, true)) / recordSize;
  return { end: view.getBigInt64(pane + PANE_START, true) + size, groups };
}
