import { expect, test } from 'vitest';
import type { Summary } from '../../engine/runtime/run/deployment.ts';
import { summaryText } from './summary.ts';

test('the summary names what did not take the main way, groups put out early among it', () => {
  const node = { name: 'minutes', late: 12, errors: 0, skipped: 0, diverted: 0, evicted: 1_234 };
  const metrics = { rowsIn: 2_000, rowsOut: 1_300, elapsed: 1, nodes: [node] };
  const summary = { name: 'shop', stopped: false, metrics, sinks: [] } as unknown as Summary;
  expect(summaryText(summary, '.', false).split('\n').slice(1, -1)).toEqual([
    'minutes: 12 late',
    'minutes: 1,234 groups put out early, at its memory limit',
  ]);
});
