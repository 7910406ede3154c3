/** A run that is cut at any barrier and goes on from there, in another fragment, gives the output of the uninterrupted run. */
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

const graph = (replay = ''): string => `
apiVersion: cloudskin.dev/v1
kind: Dataflow
metadata: { name: recovery }
spec:
  sources:
    readings:
      ledger: {}
      schema: { machine: utf8, at: "timestamp[ms]", value: float64 }
      time: { column: at, maxDelay: 2s }
      ${replay}
  operators:
    valid: { from: readings, filter: "value IS NULL OR value > -90" }
    tens:
      from: valid
      window: { tumbling: 10s }
      groupBy: [machine]
      aggregate: { sum: sum(value), least: min(value), rows: count(*), last: max(at) }
      late: divert
    minutes:
      from: tens
      window: { tumbling: 1m }
      groupBy: [machine]
      aggregate: { sum: sum(sum), groups: count(*) }
    again:
      from: tens.late
      window: { tumbling: 1m }
      aggregate: { rows: count(*) }
  sinks:
    all: { from: valid, ledger: {} }
    shown: { from: tens, ledger: {} }
    summed: { from: minutes, ledger: {} }
    late: { from: tens.late, ledger: {} }
    rest: { from: again, ledger: {} }
`;

const SINKS = ['all', 'shown', 'summed', 'late', 'rest'] as const;

/** Rows of some machines, now and then late, the same every time. */
function readings(count: number): Row[] {
  let now = 1_700_000_000_000;
  return Array.from({ length: count }, (_, row): Row => {
    now += (row * 7919) % 1700;
    const back = row % 11 === 3 ? (row * 104_729) % 60_000 : 0;
    return [['press', 'saw', null][row % 3] ?? null, BigInt(now - back), row % 13 === 5 ? null : (row % 200) - 95];
  });
}

async function outputOf(
  text: string,
  partitions: readonly (readonly Row[])[],
  rows: number,
  crashes: readonly Crash[],
  executions?: readonly ('compiled' | 'kernels')[],
): Promise<{ readonly output: Record<string, Row[]>; readonly crashed: number }> {
  const ledger = new Ledger({ readings: { partitions: partitions.map((part) => build(SCHEMA, part)), rows } });
  const crashed = await runThrough(await planFor(text, ledger), ledger, crashes, executions);
  return { output: Object.fromEntries(SINKS.map((sink) => [sink, ledger.rows(sink)])), crashed };
}

describe('recovery from a checkpoint', () => {
  it('gives the same output wherever the run is cut, whether or not the commit was heard', async () => {
    const rows = readings(240);
    const { output: whole } = await outputOf(graph(), [rows], 12, []);
    expect(whole.late?.length).toBeGreaterThan(0);
    expect(whole.rest?.length).toBeGreaterThan(0);
    for (let at = 0; at <= 20; at++) {
      const { output, crashed } = await outputOf(graph(), [rows], 12, [{ at, committed: at % 2 === 0 }]);
      expect(crashed).toBe(1);
      expect(output).toEqual(whole);
    }
  });

  it('gives the same output when every run ends after one batch', async () => {
    const rows = readings(240);
    const { output: whole } = await outputOf(graph(), [rows], 20, []);
    const crashes = Array.from({ length: 12 }, (_, index): Crash => ({ at: 1, committed: index % 3 !== 0 }));
    const { output, crashed } = await outputOf(graph(), [rows], 20, crashes);
    expect(crashed).toBe(12);
    expect(output).toEqual(whole);
  });

  it('goes on in order of a column, and at a pace, from the row where it was', async () => {
    const rows = readings(120);
    for (const replay of ['orderBy: at', 'speed: 1000000x', 'orderBy: at\n      speed: 1000000x']) {
      const { output: whole } = await outputOf(graph(replay), [rows], 12, []);
      expect(whole.all?.length).toBeGreaterThan(100);
      for (const at of [0, 1, 4, 9]) {
        const { output } = await outputOf(graph(replay), [rows], 12, [
          { at, committed: true },
          { at: 2, committed: false },
        ]);
        expect(output).toEqual(whole);
      }
    }
  });

  it('hands on every bad row once, of one partition and of several, in order of a column and at a pace', async () => {
    const bad = (replay: string): string => `
apiVersion: cloudskin.dev/v1
kind: Dataflow
metadata: { name: recovery }
spec:
  sources:
    readings:
      ledger: {}
      schema: { machine: utf8, at: "timestamp[ms]", value: float64 }
      time: { column: at, maxDelay: 2s }
      onError: divert
      ${replay}
  sinks:
    all: { from: readings, ledger: {} }
    bad: { from: readings.errors, ledger: {} }
`;
    const positions = async (replay: string, partitions: number, crashes: readonly Crash[]) => {
      const parts = Array.from({ length: partitions }, () => build(SCHEMA, readings(90)));
      const ledger = new Ledger({ readings: { partitions: parts, rows: 9, badEvery: 2 } });
      await runThrough(await planFor(bad(replay), ledger), ledger, crashes);
      return ledger
        .rows('bad')
        .map((row) => row[4])
        .sort();
    };
    for (const replay of ['', 'speed: 1000000x', 'orderBy: at', 'orderBy: at\n      speed: 1000000x']) {
      for (const partitions of [1, 3]) {
        const whole = await positions(replay, partitions, []);
        expect(whole).toHaveLength(partitions * 5);
        for (let at = 0; at <= 6; at++) {
          const crashes = [at, 1, 0].map((batches): Crash => ({ at: batches, committed: batches % 2 === 0 }));
          expect(await positions(replay, partitions, crashes), `${replay} ${partitions} ${at}`).toEqual(whole);
        }
      }
    }
  });

  it('holds for any rows of any partitions, any batches and any crashes', async () => {
    const row = fc.tuple(
      fc.constantFrom('press', 'saw', null),
      fc.integer({ min: 0, max: 3_000 }),
      fc.integer({ min: -100, max: 100 }),
    );
    const partition = fc.array(row, { minLength: 1, maxLength: 80 });
    const crash = fc.record({ at: fc.nat(8), committed: fc.boolean() });
    await fc.assert(
      fc.asyncProperty(
        fc.array(partition, { minLength: 1, maxLength: 3 }),
        fc.integer({ min: 1, max: 30 }),
        fc.array(crash, { minLength: 1, maxLength: 4 }),
        async (drafts, size, crashes) => {
          // Nothing late: with several partitions that depends on which batch comes first.
          const partitions = drafts.map((draft) => {
            let now = 1_700_000_000_000;
            return draft.map(([machine, forward, value]): Row => {
              now += forward;
              return [machine, BigInt(now), value];
            });
          });
          const sorted = (output: Record<string, Row[]>): unknown =>
            SINKS.map((sink) => output[sink]?.map((values) => values.join()).sort());
          const { output: whole } = await outputOf(graph(), partitions, size, []);
          const { output } = await outputOf(graph(), partitions, size, crashes);
          expect(sorted(output)).toEqual(sorted(whole));
        },
      ),
      { numRuns: 30 },
    );
  });
});

const ORDERS: Schema = {
  fields: [
    { name: 'id', type: { kind: 'int32' }, nullable: true },
    { name: 'at', type: { kind: 'timestamp', unit: 'ms' }, nullable: true },
  ],
  time: 1,
};

const JOINED = `
apiVersion: cloudskin.dev/v1
kind: Dataflow
metadata: { name: joined }
spec:
  sources:
    readings: { ledger: {}, schema: { machine: utf8, at: "timestamp[ms]", value: float64 }, time: { column: at, maxDelay: 2s } }
    orders: { ledger: {}, schema: { id: int32, at: "timestamp[ms]" }, time: { column: at, maxDelay: 2s } }
  operators:
    tens: { from: readings, window: { tumbling: 10s }, groupBy: [machine], aggregate: { least: min(value), rows: count(*) }, onError: skip }
    pairs:
      from: { a: readings, b: orders }
      join: { where: "a.machine = concat('m', b.id) AND a.value > 10 * b.id" }
      window: { tumbling: 10s }
      onError: divert
      select: { machine: a.machine, value: a.value, id: b.id, window_end: window_end }
    self:
      from: { a: readings, b: readings }
      join: { where: a.machine = b.machine AND a.value < b.value }
      window: { tumbling: 5s }
      onError: skip
      select: { machine: a.machine, one: a.value, other: b.value, window_end: window_end }
    after:
      from: { a: pairs, b: tens }
      join: { where: a.machine = b.machine }
      window: { tumbling: 20s }
      select: { machine: a.machine, value: a.value, rows: b.rows }
  sinks:
    one: { from: pairs, ledger: {} }
    two: { from: self, ledger: {} }
    three: { from: after, ledger: {} }
    four: { from: pairs.errors, ledger: {} }
`;

describe('recovery of joins from a checkpoint', () => {
  /** Of inputs, of one another and of an aggregate, with late rows and some without a time. */
  async function joined(crashes: readonly Crash[]): Promise<{ readonly output: Row[][]; readonly crashed: number }> {
    const rows = readings(200).map(([machine, at, value], row): Row => {
      return [
        machine === null ? null : `m${machine === 'saw' ? 1 : 2}`,
        row % 17 === 9 ? null : (at ?? null),
        value ?? null,
      ];
    });
    const orders = rows.map(([, at], row): Row => [row % 7 === 2 ? null : row % 4, at ?? null]);
    const ledger = new Ledger({
      readings: { partitions: [build(SCHEMA, rows)], rows: 20 },
      orders: { partitions: [build(ORDERS, orders)], rows: 15 },
    });
    const plan = await planFor(JOINED, ledger);
    const crashed = await runThrough(plan, ledger, crashes, ['compiled']);
    const pairs = ['one', 'two', 'three'].map((sink) => ledger.rows(sink));
    return { output: [...pairs, ledger.rows('four').map((row) => row.slice(1))], crashed };
  }

  it('gives the same pairs and errors wherever the run is cut', async () => {
    const { output: whole } = await joined([]);
    expect(whole.map((rows) => rows.length > 20)).toEqual([true, true, true, true]);
    for (let at = 0; at <= 22; at += 2) {
      const crashes = [
        { at, committed: at % 4 === 0 },
        { at: 1, committed: at % 3 === 0 },
      ];
      const { output, crashed } = await joined(crashes);
      expect([at, crashed > 0]).toEqual([at, true]);
      expect(output).toEqual(whole);
    }
  });
});
