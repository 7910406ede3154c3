/** What threads keep for cells that start, for a scraper. */
import type { PoolFigures } from '../../engine/cell/pools.ts';
import { type Labels, type Sample, samplesOf } from '../../engine/metrics/samples.ts';

/** By worker: a number, or `default/scoring 0` of a task's. */
export type WorkerPools = ReadonlyMap<string, readonly PoolFigures[]>;

export function poolSamples(threads: WorkerPools, labels: Labels): readonly Sample[] {
  return [...threads].flatMap(([worker, pools]) =>
    pools.flatMap(({ pool, ...figures }) => samplesOf('pool', { ...labels, pool, worker }, figures)),
  );
}
