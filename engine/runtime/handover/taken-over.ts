/** Measures how long what was taken over stood still. */
import type { Control } from '../control.ts';
import type { TookOver } from '../fragment-handle.ts';
import type { CellNode } from '../node/cell-node.ts';
import type { Taken } from './succeeding.ts';

/** Milliseconds after which a cell that nothing comes to counts from when it could have taken something. */
const SILENCE = 1_000;

/** Calls `tell` once, when every cell has heard something, or nothing came for a while. To be called when everything is wired and before anything flows. */
export function awaitTakeover(
  cells: readonly CellNode[],
  { leftAt, ...taken }: Taken,
  { ports, failed }: Control,
  tell: (figures: TookOver) => void,
): void {
  let pause = ports.monotonic() - leftAt;
  let missing = cells.length;
  const all = Promise.withResolvers<void>();
  const heard = (): void => {
    pause = Math.max(pause, ports.monotonic() - leftAt);
    missing -= 1;
    if (missing === 0) all.resolve();
  };
  for (const cell of cells) cell.awaitFirst(heard);
  if (missing === 0) all.resolve();
  const silence = ports.after(SILENCE, all.resolve);
  void failed.until(all.promise).then(() => {
    silence.cancel();
    if (!failed.tripped) tell({ ...taken, pause });
  });
}
