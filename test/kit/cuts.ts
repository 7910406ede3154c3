/**
 * Cells cut between two calls: the state is taken, laid where a checkpoint would lay it, and given to a fresh cell that goes on. For
 * images that is a copy of the parts that matter, everything else filled with bytes that would show.
 */
import type { Batch } from '../../engine/batch/batch.ts';
import { copyBatch } from '../../engine/batch/reader.ts';
import type { Value } from '../../engine/batch/types.ts';
import type { Cell } from '../../engine/cell/cell.ts';
import { CloudskinError } from '../../engine/errors.ts';
import { parseValue, stringifyValue } from '../../engine/json.ts';
import type { CellImage, LogicalState } from '../../engine/state/checkpoint/state.ts';
import type { Event, Outcome } from './chains.ts';
import { rowsOf } from './tables.ts';

export const ALL_GROUPS = { first: 0, last: 127 };

/** An image as a checkpoint would keep it. */
export function keptImage(cell: Cell): CellImage {
  const image = cell.state?.image?.();
  if (image === undefined) throw new Error(`${cell.name} has no image`);
  const memory = new Uint8Array(image.memory.length).fill(0xa5);
  for (const [from, to] of image.ranges ?? [[0, memory.length]]) memory.set(image.memory.subarray(from, to), from);
  return { ...image, memory, host: parseValue(stringifyValue(image.host)) as CellImage['host'] };
}

/** The logical state as a checkpoint would keep it. */
export function keptLogical(cell: Cell): LogicalState[] {
  const states = cell.state?.exportLogical?.();
  if (states === undefined) throw new Error(`${cell.name} has no logical state`);
  return states.map((state) => ({ ...state, batches: state.batches.map((batch) => copyBatch(batch)) }));
}

/** A cell of the same code that goes on from the image of this one. */
export function throughImage(open: () => Cell): (cell: Cell) => Cell {
  return (cell) => {
    const image = keptImage(cell);
    cell.close();
    const fresh = open();
    fresh.state?.restoreImage?.(image);
    return fresh;
  };
}

/** A cell that goes on from the logical state of this one; `opens` are taken in turn. */
export function throughLogical(...opens: readonly (() => Cell)[]): (cell: Cell) => Cell {
  let turn = 0;
  return (cell) => {
    const states = keptLogical(cell);
    cell.close();
    const fresh = opens[turn++ % opens.length]?.();
    if (fresh === undefined) throw new Error('no cell');
    fresh.state?.importLogical?.(states, ALL_GROUPS);
    return fresh;
  };
}

/** As `drive` (chains.ts), but in front of each event `cut` says of, the cell is replaced. */
export function driveCut(
  first: Cell,
  events: readonly Event[],
  cut: (event: number) => boolean,
  replace: (cell: Cell) => Cell,
): Outcome {
  let cell = first;
  const rows: Value[][][] = cell.outputs.map(() => []);
  const emit = (port: number, batch: Batch) => {
    rows[port]?.push(...rowsOf(copyBatch(batch)));
  };
  try {
    for (const [index, event] of events.entries()) {
      if (cut(index)) cell = replace(cell);
      if (event === 'end') cell.onEnd(emit);
      else if ('batch' in event) cell.process(0, event.batch, emit);
      else cell.onWatermark(event.watermark, emit);
    }
    return { rows, ...cell.counters() };
  } catch (error) {
    if (!(error instanceof CloudskinError)) throw error;
    return { rows, late: 0, errors: 0, thrown: `${error.code}: ${error.message}` };
  } finally {
    cell.close();
  }
}
