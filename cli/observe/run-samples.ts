/** The figures of `cloudskin run` for a scraper. */
import { nodeSamples, type Sample } from '../../engine/metrics/samples.ts';
import type { MetricsSnapshot } from '../../engine/metrics/snapshot.ts';
import { processSamples } from './process-samples.ts';

export interface RunName {
  readonly namespace: string;
  readonly app: string;
}

/** `restored`: the run went on from a checkpoint. */
export function runSamples(name: RunName, metrics: MetricsSnapshot, restored: boolean): readonly Sample[] {
  return [...nodeSamples(metrics, { ...name }, restored), ...processSamples({})];
}
