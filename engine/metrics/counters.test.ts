/** Counting, rates and bytes. */
import { describe, expect, it } from 'vitest';
import { BatchBuilder } from '../batch/builder.ts';
import { sliceBatch } from '../batch/reader.ts';
import { NodeCounters, Rate, usedBytes } from './counters.ts';
import type { NodeMetrics } from './snapshot.ts';
import { METRICS } from './table.ts';

const at = (now: number) => ({ now, monotonic: 0, elapsed: 0 });
const idle = { idle: false, ended: false };

describe('Rate', () => {
  it('does not take for new what was counted before a restore', () => {
    const counters = new NodeCounters('rows', 'source');
    const before = { ...counters.counts(), rowsIn: 100_000 };
    const moment = (monotonic: number) => ({ now: 0, monotonic, elapsed: 0 });
    const status = { ...idle, watermark: undefined };
    counters.metrics(status, moment(0));
    counters.restore(before);
    const restored = counters.metrics(status, moment(1_000));
    expect([restored.rowsIn, restored.rowsPerSecond]).toEqual([100_000, 0]);
  });

  it('is the rate since the last sample at first, then smoothed', () => {
    const rate = new Rate();
    expect(rate.sample(0, 0)).toBe(0);
    expect(rate.sample(1_000, 1_000)).toBe(1_000);
    const next = rate.sample(1_000, 2_000);
    expect(next).toBeGreaterThan(500);
    expect(next).toBeLessThan(1_000);
    expect(rate.sample(1_000, 60_000)).toBeLessThan(1);
  });

  it('does not make anything of samples close together', () => {
    const rate = new Rate();
    rate.sample(0, 0);
    expect(rate.sample(100, 1_000)).toBe(100);
    expect(rate.sample(200, 1_001)).toBe(100);
  });
});

describe('usedBytes', () => {
  it('counts what the rows take, also where a batch shares the body of a larger one', () => {
    const schema = {
      fields: [
        { name: 'n', type: { kind: 'int64' as const }, nullable: false },
        { name: 's', type: { kind: 'utf8' as const }, nullable: false },
      ],
    };
    const builder = new BatchBuilder(schema);
    for (let row = 0; row < 1_024; row++) {
      builder.columns[0]?.append(BigInt(row));
      builder.columns[1]?.append('ab');
      builder.endRow();
    }
    const batch = builder.finish();
    expect(usedBytes(batch)).toBe(1_024 * (8 + 4 + 2) + 4);
    expect(usedBytes(sliceBatch(batch, 512, 612))).toBe(100 * (8 + 4 + 2) + 4);
  });
});

describe('NodeCounters', () => {
  it('tells times in milliseconds, and nothing where nothing is known', () => {
    const counters = new NodeCounters('a', 'source');
    expect(counters.metrics({ ...idle, watermark: 5_000_999n }, at(6_000))).toMatchObject({
      watermark: 5_000,
      lag: 1_000,
    });
    expect(counters.metrics({ ...idle, watermark: undefined }, at(6_000))).toMatchObject({
      watermark: null,
      lag: null,
    });
  });

  it('has every figure in the table of metrics', () => {
    const names = METRICS.filter(({ of }) => of === 'node' || of === 'node and run').map(({ name }) => name);
    const metrics: NodeMetrics = new NodeCounters('a', 'cell').metrics({ ...idle, watermark: 0n }, at(0));
    for (const name of Object.keys(metrics)) if (name !== 'name' && name !== 'kind') expect(names).toContain(name);
    expect(new Set(METRICS.map(({ of, name }) => `${of} ${name}`)).size).toBe(METRICS.length);
  });
});
