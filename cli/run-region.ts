/** A run of `cloudskin run` that takes checkpoints: like every other, from the state directory's newest checkpoint on. */
import { connectors } from '../connectors/registry.ts';
import { openCell } from '../engine/cell/open.ts';
import { internalError } from '../engine/errors.ts';
import { wholeFragment } from '../engine/runtime/deployment.ts';
import { RegionRun } from '../engine/runtime/region-run.ts';
import { ThreadHost } from '../engine/runtime/thread-host.ts';
import type { Manifest } from '../engine/state/checkpoints.ts';
import type { DeployOptions, LoadedGraph } from './load.ts';
import type { RunState } from './run-state.ts';

/** Milliseconds between checkpoints where the graph does not say. */
const EVERY = 10_000;

export interface RegionOptions extends DeployOptions {
  readonly state: RunState;
  readonly onWarning: (message: string) => void;
  readonly onRestored: (manifest: Manifest) => void;
}

export function deployRegion({ plan, directory }: LoadedGraph, options: RegionOptions): RegionRun {
  const { execution = 'compiled', onLog, state, onWarning, onRestored, ...runtime } = options;
  const logged = onLog === undefined ? {} : { onLog };
  const host = new ThreadHost({
    runtime: () => ({
      directory,
      ...runtime,
      connectors,
      openCell: (cell) => openCell(cell, { execution, directory, ...logged }),
    }),
    transport: ({ id }) => {
      throw internalError('runtime.no-transport', `nothing carries channel ${id}`);
    },
    store: state.storeOf,
  });
  const { checkpoint } = plan.logical;
  const every = checkpoint === undefined ? EVERY : Number(checkpoint.every) / 1000;
  return new RegionRun(
    { logical: plan.logical, fragments: [wholeFragment(plan)] },
    { host, onWarning, onRestored, checkpoints: { store: state.checkpoints, every } },
  );
}
