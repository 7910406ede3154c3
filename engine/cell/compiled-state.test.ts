/** Chains cut between any two calls go on as if nothing had been: from the image, and from the logical form in either kind of cell. */
import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { type ChainCase, chainCase, eventsOf } from '../../test/kit/chain-cases.ts';
import { chainOf, drive, type Event, type OperatorText, type Outcome } from '../../test/kit/chains.ts';
import { ALL_GROUPS, driveCut, keptImage, keptLogical, throughImage, throughLogical } from '../../test/kit/cuts.ts';
import { build } from '../../test/kit/tables.ts';
import type { Schema, Value } from '../batch/types.ts';
import type { CellPlan } from '../compile/cell-plan.ts';
import { openKernelCell } from '../compile/kernels/chain.ts';
import { keyGroupsOf } from '../compile/key-groups.ts';
import { CloudskinError } from '../errors.ts';
import { loadParser } from '../expression/check.ts';
import type { Cell } from './cell.ts';
import { openCompiledCell, prepareCompiledCell } from './compiled.ts';

beforeAll(loadParser);

/** The plan; undefined for the few generated texts that are no valid SQL here (a constant that cannot be read). */
function planOf(sample: ChainCase): CellPlan | undefined {
  try {
    return chainOf(sample.schema, sample.operators);
  } catch {
    return undefined;
  }
}

const always = () => true;

/** All of it, as it is. */
function memoryOf(cell: Cell): Uint8Array {
  return cell.state?.image?.().memory ?? new Uint8Array(0);
}

/** Runs `check` on generated chains, and on no fewer than `least` that are valid. */
function onChains(runs: number, check: (plan: CellPlan, sample: ChainCase, size: number) => void): void {
  let valid = 0;
  fc.assert(
    fc.property(chainCase, fc.constantFrom(100, 700), (sample, size) => {
      const plan = planOf(sample);
      if (plan === undefined) return;
      valid++;
      check(plan, sample, size);
    }),
    { numRuns: runs },
  );
  expect(valid).toBeGreaterThan(runs / 2);
}

describe('a compiled cell', () => {
  it('goes on from its image, cut before every call', () => {
    onChains(30, (plan, sample, size) => {
      const open = () => openCompiledCell(plan);
      const expected = drive(open(), eventsOf(sample, size));
      expect(driveCut(open(), eventsOf(sample, size), always, throughImage(open))).toEqual(expected);
    });
  });

  it('goes on from its logical state, cut before every call', () => {
    onChains(30, (plan, sample, size) => {
      const open = () => openCompiledCell(plan);
      const expected = drive(open(), eventsOf(sample, size));
      expect(driveCut(open(), eventsOf(sample, size), always, throughLogical(open))).toEqual(expected);
    });
  });

  it('opened again on what the last one ran on is as a new one, and nothing of the last is left', () => {
    onChains(12, (plan, sample, size) => {
      const expected = drive(openCompiledCell(plan), eventsOf(sample, size));
      const open = prepareCompiledCell(plan);
      let cell = open();
      const beginning = Buffer.from(memoryOf(cell).slice());
      for (let turn = 0; turn < 3; turn++, cell = open()) {
        const memory = memoryOf(cell);
        const expectedMemory = Buffer.alloc(memory.length);
        beginning.copy(expectedMemory);
        expect(expectedMemory.equals(memory)).toBe(true);
        expect(drive(cell, eventsOf(sample, size))).toEqual(expected);
        cell.close();
      }
    });
  });

  it('takes turns with a kernel cell, whatever the accumulators hold', () => {
    const ordered = ['i', 'b', 'x', 'r', 's', 'n', 'at', 'd', 'u32', 'case when p then x end'];
    const calls = [
      ...ordered.flatMap((arg) => [`count(${arg})`, `min(${arg})`, `max(${arg})`]),
      ...['i', 'b', 'x', 'r', 'u32', 'case when p then x end'].flatMap((arg) => [`sum(${arg})`, `avg(${arg})`]),
    ];
    const keys = fc.constantFrom({}, { k: 'p' }, { k: 'i8' }, { k: 's', l: 'd' });
    fc.assert(
      fc.property(chainCase, fc.subarray(calls, { minLength: 1, maxLength: 8 }), keys, (sample, some, groupBy) => {
        const aggregate = Object.fromEntries(some.map((text, index) => [`a${index}`, text]));
        const plan = chainOf(sample.schema, [{ window: 60_000_000n, groupBy, aggregate, onError: 'skip' }]);
        const opens = [() => openKernelCell(plan), () => openCompiledCell(plan)] as const;
        const expected = drive(openCompiledCell(plan), eventsOf(sample, 150));
        expect(driveCut(opens[1](), eventsOf(sample, 150), always, throughLogical(...opens))).toEqual(expected);
        expect(driveCut(opens[1](), eventsOf(sample, 150), always, throughLogical(opens[1]))).toEqual(expected);
      }),
      { numRuns: 60 },
    );
  });

  it('knows a group of nothing but NaN after a cut, and one of some', () => {
    const fields = [
      { name: 'ts', type: { kind: 'timestamp', unit: 'ms' } as const, nullable: false },
      { name: 'x', type: { kind: 'float64' } as const, nullable: true },
    ];
    const schema: Schema = { fields, time: 0 };
    const plan = chainOf(schema, [{ window: 1000n, aggregate: { least: 'min(x)', most: 'max(x)' } }]);
    const rows: Value[][] = [
      [0n, Number.NaN],
      [0n, Number.NaN],
      [0n, null],
      [1n, Number.NaN],
      [1n, -0],
      [2n, null],
    ];
    const opens = [() => openKernelCell(plan), () => openCompiledCell(plan)] as const;
    const { rows: out } = driveCut(
      opens[1](),
      [{ batch: build(schema, rows) }, 'end'],
      always,
      throughLogical(...opens),
    );
    const expected = [
      [Number.NaN, Number.NaN],
      [-0, Number.NaN],
      [null, null],
    ];
    expect(out[0]?.map((row) => row.slice(2))).toEqual(expected);
  });

  it('takes turns with a kernel cell', () => {
    onChains(30, (plan, sample, size) => {
      const opens = [() => openKernelCell(plan), () => openCompiledCell(plan)] as const;
      const expected = drive(openKernelCell(plan), eventsOf(sample, size));
      expect(driveCut(opens[1](), eventsOf(sample, size), always, throughLogical(...opens))).toEqual(expected);
    });
  });
});

describe('an image', () => {
  it('leaves out what is no state: input, output, and blocks that growing tables left behind', () => {
    const plan = chainOf(READINGS, [{ ...MINUTES, groupBy: { machine: 'machine', value: 'value' } }]);
    const batchAt = (from: number) =>
      build(
        READINGS,
        Array.from({ length: 8000 }, (_, row): Value[] => [BigInt((from + row) >> 3), `m${row % 61}`, from + row]),
      );
    const events: Event[] = [
      ...[0, 8000, 16_000].map((from) => ({ batch: batchAt(from) })),
      { watermark: 100_000n },
      ...[24_000, 500_000, 508_000].map((from) => ({ batch: batchAt(from) })),
      { watermark: 62_000_000n },
      { batch: batchAt(516_000) },
      'end',
    ];
    const shares: number[] = [];
    const open = () => openCompiledCell(plan);
    const noting = (cell: Cell): Cell => {
      const { ranges = [], memory } = keptImage(cell);
      const kept = ranges.reduce((sum, [from, to]) => sum + to - from, 0);
      const state = cell.stateSize?.()[0]?.bytes ?? 0;
      expect(kept).toBeLessThan(state + 300_000);
      shares.push(kept / memory.length);
      return throughImage(open)(cell);
    };
    expect(driveCut(open(), events, always, noting)).toEqual(drive(open(), events));
    expect(Math.min(...shares)).toBeLessThan(0.1);
  });
});

describe('state by key group', () => {
  const thirds = [
    { first: 0, last: 42 },
    { first: 43, last: 84 },
    { first: 85, last: 127 },
  ];

  /** Rows in an order of their own, for comparing what several partitions yield. */
  const sorted = ({ rows }: Outcome) => rows.map((port) => port.map((row) => describeRow(row)).sort());

  it('goes to three cells of either kind, and back to one', () => {
    onChains(30, (plan, sample, size) => {
      if (!plan.operators.some(({ steps }) => steps.some(({ kind }) => kind === 'aggregate'))) return;
      const events = eventsOf(sample, size);
      const expected = drive(openCompiledCell(plan), events);
      let turn = 0;
      const split = (cell: Cell): Cell => {
        const states = keptLogical(cell);
        cell.close();
        const parts = thirds.map((groups) => {
          const part = turn++ % 2 === 0 ? openCompiledCell(plan) : openKernelCell(plan);
          part.state?.importLogical?.(states, groups);
          return part;
        });
        const merged = turn % 4 < 2 ? openCompiledCell(plan) : openKernelCell(plan);
        merged.state?.importLogical?.(parts.flatMap(keptLogical), ALL_GROUPS);
        for (const part of parts) part.close();
        return merged;
      };
      const found = driveCut(openCompiledCell(plan), events, (event) => event % 2 === 1, split);
      expect({ ...found, rows: sorted(found) }).toEqual({ ...expected, rows: sorted(expected) });
    });
  });

  it('of each part makes the windows of its keys', () => {
    const plan = chainOf(READINGS, [MINUTES]);
    const rows = Array.from({ length: 500 }, (_, row): Value[] => [BigInt(row * 10), `m${row % 61}`, row]);
    const whole = openCompiledCell(plan);
    whole.process(0, build(READINGS, rows), () => {});
    const states = keptLogical(whole);
    const groups = new Uint8Array(1);
    const found = thirds.flatMap((range, index) => {
      const part = index === 1 ? openKernelCell(plan) : openCompiledCell(plan);
      part.state?.importLogical?.(states, range);
      const { rows: out } = drive(part, ['end']);
      for (const row of out[0] ?? []) {
        keyGroupsOf(build({ fields: READINGS.fields.slice(1, 2) }, [[row[2] ?? null]]), [0], groups);
        expect(groups[0]).toBeGreaterThanOrEqual(range.first);
        expect(groups[0]).toBeLessThanOrEqual(range.last);
      }
      return out[0] ?? [];
    });
    const expected = drive(whole, ['end']).rows[0] ?? [];
    expect(found.map(describeRow).sort()).toEqual(expected.map(describeRow).sort());
    expect(found).toHaveLength(61);
  });

  it('is refused by an aggregate that means something else, saying what differs', () => {
    const cell = openCompiledCell(chainOf(READINGS, [MINUTES]));
    cell.process(0, build(READINGS, [[1n, 'a', 1]]), () => {});
    const states = keptLogical(cell);
    const refusal = (operator: OperatorText, open: (plan: CellPlan) => Cell) => {
      try {
        open(chainOf(READINGS, [operator])).state?.importLogical?.(states, ALL_GROUPS);
      } catch (error) {
        if (error instanceof CloudskinError) return `${error.code}: ${error.message}`;
        throw error;
      }
      return 'taken';
    };
    for (const open of [openKernelCell, openCompiledCell] as const) {
      expect(refusal({ ...MINUTES, having: 'total > 1' }, open)).toBe('taken');
      expect([
        refusal({ ...MINUTES, window: 30_000_000n }, open),
        refusal({ ...MINUTES, groupBy: { site: 'machine' } }, open),
        refusal({ ...MINUTES, groupBy: { machine: "machine || '!'" } }, open),
        refusal({ ...MINUTES, groupBy: {} }, open),
        refusal({ ...MINUTES, aggregate: { total: 'max(value)' } }, open),
        refusal({ ...MINUTES, aggregate: { total: 'sum(value)', n: 'count(*)' } }, open),
        refusal({ filter: 'value > 1' }, open),
      ]).toMatchInlineSnapshot(`
        [
          "state.mismatch: the state of operator op0 does not fit: its windows are tumbling of 1m, not tumbling of 30s",
          "state.mismatch: the state of operator op0 does not fit: where key site should be it has machine",
          "state.mismatch: the state of operator op0 does not fit: its key machine is computed otherwise",
          "state.mismatch: the state of operator op0 does not fit: where aggregate rows should be it has machine",
          "state.mismatch: the state of operator op0 does not fit: its aggregate total is int64, not int32",
          "state.mismatch: the state of operator op0 does not fit: it has no n",
          "state.mismatch: the state of operator op0 does not fit: it is of kind aggregate/1, not counters/1",
        ]
      `);
    }
  });

  it('of an image of other code is refused', () => {
    const image = keptImage(openCompiledCell(chainOf(READINGS, [MINUTES])));
    const other = openCompiledCell(chainOf(READINGS, [{ ...MINUTES, window: 30_000_000n }]));
    expect(() => other.state?.restoreImage?.(image)).toThrow('the image is of other code than cell op0 runs');
  });
});

const READINGS: Schema = {
  fields: [
    { name: 'ts', type: { kind: 'timestamp', unit: 'ms' }, nullable: false },
    { name: 'machine', type: { kind: 'utf8' }, nullable: true },
    { name: 'value', type: { kind: 'int32' }, nullable: true },
  ],
  time: 0,
};
const MINUTES: OperatorText = {
  window: 60_000_000n,
  groupBy: { machine: 'machine' },
  aggregate: { total: 'sum(value)' },
};

function describeRow(row: readonly Value[]): string {
  return row.map((value) => (typeof value === 'number' && Object.is(value, -0) ? '-0' : String(value))).join(' | ');
}
