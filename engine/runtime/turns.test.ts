/** Partitions that take turns: the order of their rows, and so which of them are late, is a function of the rows, whatever the batches and wherever a run was cut. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Crash, planFor, runThrough } from '../../test/kit/crashes.ts';
import { Ledger } from '../../test/kit/ledger.ts';
import type { Row } from '../../test/kit/memory-connector.ts';
import { build } from '../../test/kit/tables.ts';
import type { Schema } from '../batch/types.ts';

const SCHEMA: Schema = {
  fields: [
    { name: 'machine', type: { kind: 'utf8' }, nullable: true },
    { name: 'at', type: { kind: 'timestamp', unit: 'ms' }, nullable: true },
    { name: 'value', type: { kind: 'float64' }, nullable: true },
  ],
  time: 1,
};

const TIMED = `
apiVersion: cloudskin.dev/v1
kind: Dataflow
metadata: { name: turns }
spec:
  sources:
    readings:
      ledger: {}
      schema: { machine: utf8, at: "timestamp[ms]", value: float64 }
      time: { column: at, maxDelay: 2s }
      onError: divert
  operators:
    valid: { from: readings, filter: "at IS NOT NULL AND value > -90" }
    tens:
      from: valid
      window: { tumbling: 10s }
      groupBy: [machine]
      aggregate: { sum: sum(value), rows: count(*) }
      late: divert
  sinks:
    all: { from: valid, ledger: {} }
    bad: { from: readings.errors, ledger: {} }
    shown: { from: tens, ledger: {} }
    late: { from: tens.late, ledger: {} }
`;

const UNTIMED = `
apiVersion: cloudskin.dev/v1
kind: Dataflow
metadata: { name: turns }
spec:
  sources:
    readings: { ledger: {}, schema: { machine: utf8, at: "timestamp[ms]", value: float64 }, onError: divert }
  sinks:
    all: { from: readings, ledger: {} }
    bad: { from: readings.errors, ledger: {} }
`;

interface Cut {
  /** Rows of the batches, in turn, over all runs; all at once where there is none. */
  readonly sizes: readonly number[];
  readonly crashes: readonly Crash[];
}

/** What each sink was given, in its order; of bad rows their places. */
async function outputOf(text: string, partitions: readonly (readonly Row[])[], { sizes, crashes }: Cut) {
  let batches = 0;
  const rows = (): number => sizes[batches++ % sizes.length] ?? Number.MAX_SAFE_INTEGER;
  const ledger = new Ledger({
    readings: { partitions: partitions.map((part) => build(SCHEMA, part)), rows, badRows: 7 },
  });
  await runThrough(await planFor(text, ledger), ledger, crashes);
  const bad = ledger.rows('bad').map((row) => row[4]);
  return { all: ledger.rows('all'), shown: ledger.rows('shown'), late: ledger.rows('late'), bad: bad.sort() };
}

const crash = fc.record({ at: fc.nat(12), committed: fc.boolean() });
const cuts = (largest: number): fc.Arbitrary<Cut> =>
  fc.record({
    sizes: fc.array(fc.integer({ min: 1, max: largest }), { minLength: 1, maxLength: 5 }),
    crashes: fc.array(crash, { maxLength: 4 }),
  });

const row = fc.record({
  machine: fc.constantFrom('press', 'saw', null),
  forward: fc.integer({ min: 0, max: 3_000 }),
  back: fc.oneof({ weight: 4, arbitrary: fc.constant(0) }, fc.integer({ min: 0, max: 60_000 })),
  timeless: fc.oneof({ weight: 9, arbitrary: fc.constant(false) }, fc.constant(true)),
  value: fc.double({ min: -100, max: 100, noNaN: true }),
});
const partition = fc.array(row, { maxLength: 120 }).map((drafts): Row[] => {
  let now = 1_700_000_000_000;
  return drafts.map(({ machine, forward, back, timeless, value }): Row => {
    now += forward;
    return [machine, timeless ? null : BigInt(now - back), value];
  });
});

describe('partitions that take turns', () => {
  it('give the same rows in the same order, late ones too, and each bad row once', async () => {
    let late = 0;
    await fc.assert(
      fc.asyncProperty(fc.array(partition, { minLength: 2, maxLength: 4 }), cuts(50), async (partitions, cut) => {
        const whole = await outputOf(TIMED, partitions, { sizes: [], crashes: [] });
        late += whole.late.length;
        expect(await outputOf(TIMED, partitions, cut)).toEqual(whole);
      }),
      { numRuns: 40 },
    );
    expect(late).toBeGreaterThan(0);
  });

  it('go by rows where there is no event time', async () => {
    const sizes = fc.array(fc.integer({ min: 0, max: 4_000 }), { minLength: 2, maxLength: 3 });
    await fc.assert(
      fc.asyncProperty(sizes, cuts(3_000), async (counts, cut) => {
        const partitions = counts.map((count, part) =>
          Array.from({ length: count }, (_, index): Row => [`m${part}`, null, index]),
        );
        const whole = await outputOf(UNTIMED, partitions, { sizes: [], crashes: [] });
        const run = await outputOf(UNTIMED, partitions, { ...cut, sizes: cut.sizes.map((size) => size + 100) });
        expect(run).toEqual(whole);
      }),
      { numRuns: 12 },
    );
  });
});
