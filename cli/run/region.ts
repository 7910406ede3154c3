/**
 * A run of `cloudskin run` that takes checkpoints, or whose graph asks for partitions: fragments, in worker threads where there is more than one
 * partition, otherwise like every run.
 */
import { availableParallelism } from 'node:os';
import { distribute } from '../../engine/compile/distribute.ts';
import type { Assignment, DistributedPlan, Host } from '../../engine/compile/fragment-plan.ts';
import type { LogicalPlan } from '../../engine/graph/plan.ts';
import { EmbeddedRun } from '../../engine/runtime/run/embedded-run.ts';
import type { Manifest } from '../../engine/state/checkpoint/checkpoints.ts';
import { threadHost, workerHosts } from './hosts.ts';
import type { DeployOptions, LoadedGraph } from './load.ts';
import type { RunState } from './run-state.ts';

/** Milliseconds between checkpoints where the graph does not say. */
const EVERY = 10_000;

export interface RegionOptions extends DeployOptions {
  /** Absent where no checkpoints are taken. */
  readonly state?: RunState;
  readonly onWarning: (message: string) => void;
  readonly onRestored: (manifest: Manifest) => void;
}

export function deployRegion({ plan, directory }: LoadedGraph, options: RegionOptions): EmbeddedRun {
  const { state, onWarning, onRestored, ...runtime } = options;
  const { logical } = plan;
  const every = logical.checkpoint === undefined ? EVERY : Number(logical.checkpoint.every) / 1000;
  const workers = workersOf(logical);
  const given = { directory, ...runtime };
  const host = workers === 1 ? threadHost(given, state?.storeOf) : workerHosts(workers, given, state?.options);
  return new EmbeddedRun(dealt(logical, workers), {
    host,
    onWarning,
    onRestored,
    ...(state === undefined ? {} : { checkpoints: { store: state.checkpoints, every } }),
  });
}

/** As many as the node with most partitions; `auto` is as many as there are processors. */
function workersOf(logical: LogicalPlan): number {
  return Math.max(1, ...[...logical.sources, ...logical.operators].map(partitionsOf));
}

function partitionsOf({ parallelism }: { readonly parallelism?: number | 'auto' }): number {
  return parallelism === 'auto' ? availableParallelism() : (parallelism ?? 1);
}

/** The plan on worker threads of this process. Streams do not outlive it, so there is one region. */
function dealt(logical: LogicalPlan, workers: number): DistributedPlan {
  const hosts = Array.from({ length: workers }, (_, worker): Host => ({ site: 'local', agent: 'local', worker }));
  const nodes: Assignment['nodes'] = new Map([
    ...[...logical.sources, ...logical.operators].map(
      (node) => [node.name, hosts.slice(0, partitionsOf(node))] as const,
    ),
    ...logical.sinks.map(({ name }) => [name, hosts.slice(0, 1)] as const),
  ]);
  const plan = distribute(logical, { nodes }, { revision: 1 });
  return { ...plan, fragments: plan.fragments.map((fragment) => ({ ...fragment, region: 'all' })) };
}
