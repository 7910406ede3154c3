/** What is asked to be observed of `cloudskin run`. */
import process from 'node:process';
import { nodeSamples, type Sample, samplesOf } from '../../engine/metrics/samples.ts';
import type { MetricsSnapshot } from '../../engine/metrics/snapshot.ts';
import { type ObserveFlags, type Observing, observe } from './observing.ts';
import { processSamples } from './process-samples.ts';

export interface RunObserving extends Pick<Observing, 'traces' | 'close'> {
  /** From now on these figures are scraped; `restored`: they go on from a checkpoint. */
  watch(metrics: () => MetricsSnapshot, restored: () => boolean): void;
}

/** Rejects as `observe` does. */
export async function observeRun(
  flags: ObserveFlags,
  name: { readonly namespace: string; readonly app: string },
  version: string,
  say: (text: string) => void,
): Promise<RunObserving> {
  const { traces, close, samples } = await observe(flags, {
    instance: `run ${process.pid}`,
    version,
    info: (message) => say(`${message}\n`),
    warn: (message) => say(`warning: ${message}\n`),
  });
  const labels = { namespace: name.namespace, app: name.app };
  const { poolFigures } = await import('../../engine/cell/pools.ts');
  const pools = (): Sample[] =>
    poolFigures().flatMap(({ pool, ...figures }) => samplesOf('pool', { ...labels, pool }, figures));
  return {
    traces,
    close,
    watch: (metrics, restored) =>
      samples(() => [...nodeSamples(metrics(), labels, restored()), ...pools(), ...processSamples({})]),
  };
}
