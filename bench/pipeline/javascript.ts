/**
 * The pipeline in typed-array JavaScript, as fast as we could write it: 64-bit columns read as 32-bit words (BigInt is slow), the window
 * kept from row to row, groups found by a multiplicative hash in an Int32Array, accumulators side by side in one Float64Array.
 */
import type { Batch } from '../../engine/batch/batch.ts';
import type { Group } from './data.ts';

const WINDOW = 1_000_000;
const SLOTS = 4096;
const SHIFT = 20;

interface Pane {
  readonly start: number;
  readonly slots: Int32Array;
  readonly keys: Int32Array;
  /** sum, count, min, max a group. */
  readonly sums: Float64Array;
  groups: number;
}

/** Runs all batches through; groups need at most 2,048 keys, which are below 2^31. */
export function runJavaScript(batches: readonly Batch[], threshold: number): Group[] {
  const panes = new Map<number, Pane>();
  let pane = openPane(panes, 0);
  for (const { body, rows, layout } of batches) {
    const times = new Int32Array(body.buffer, layout[3] ?? 0, rows * 2);
    const keys = new Int32Array(body.buffer, layout[11] ?? 0, rows * 2);
    const values = new Float64Array(body.buffer, layout[19] ?? 0, rows);
    for (let row = 0; row < rows; row++) {
      const value = values[row] as number;
      if (!(value >= threshold)) continue;
      const f = value * 1.8 + 32;
      const time = ((times[2 * row] as number) >>> 0) + (times[2 * row + 1] as number) * 4_294_967_296;
      if (time < pane.start || time >= pane.start + WINDOW) {
        pane = openPane(panes, Math.floor(time / WINDOW) * WINDOW);
      }
      const at = groupOf(pane, keys[2 * row] as number) * 4;
      const { sums } = pane;
      sums[at] = (sums[at] as number) + f;
      sums[at + 1] = (sums[at + 1] as number) + 1;
      if (f < (sums[at + 2] as number)) sums[at + 2] = f;
      if (f > (sums[at + 3] as number)) sums[at + 3] = f;
    }
  }
  return [...panes.values()].flatMap(groupsOf);
}

function openPane(panes: Map<number, Pane>, start: number): Pane {
  const known = panes.get(start);
  if (known !== undefined) return known;
  const slots = new Int32Array(SLOTS).fill(-1);
  const pane = { start, slots, keys: new Int32Array(SLOTS / 2), sums: new Float64Array(SLOTS * 2), groups: 0 };
  panes.set(start, pane);
  return pane;
}

function groupOf(pane: Pane, key: number): number {
  const { slots, keys } = pane;
  let slot = Math.imul(key, -1_640_531_527) >>> SHIFT;
  for (;;) {
    const group = slots[slot] as number;
    if (group === -1) break;
    if (keys[group] === key) return group;
    slot = (slot + 1) & (SLOTS - 1);
  }
  const group = pane.groups++;
  slots[slot] = group;
  keys[group] = key;
  pane.sums.set([0, 0, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY], group * 4);
  return group;
}

function groupsOf({ start, keys, sums, groups }: Pane): Group[] {
  return Array.from({ length: groups }, (_, group): Group => {
    const [total = 0, readings = 0, least = 0, most = 0] = sums.subarray(group * 4, group * 4 + 4);
    return { window: start, key: keys[group] ?? 0, total, readings, least, most };
  });
}
