/** What the process itself takes. */
import process from 'node:process';
import { type Labels, type Sample, samplesOf } from '../../engine/metrics/samples.ts';

export function processSamples(labels: Labels): readonly Sample[] {
  const { user, system } = process.cpuUsage();
  return samplesOf('agent', labels, { memory: process.memoryUsage.rss(), cpu: (user + system) / 1000 });
}
