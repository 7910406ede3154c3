/** An aggregate done in two halves gives what the whole gives: counts, groups and late rows, whichever kind of cell runs which half. */

import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { type ChainCase, chainCase } from '../../test/kit/chain-cases.ts';
import { chainOf, drive, type OperatorText } from '../../test/kit/chains.ts';
import { ALL_GROUPS, keptLogical, throughImage, throughLogical } from '../../test/kit/cuts.ts';
import { build, rowsOf } from '../../test/kit/tables.ts';
import type { Batch } from '../batch/batch.ts';
import type { Value } from '../batch/types.ts';
import type { CellPlan } from '../compile/cell-plan.ts';
import { openKernelCell } from '../compile/kernels/chain.ts';
import { keyGroupsOf } from '../compile/key-groups.ts';
import { preAggregate } from '../compile/pre-aggregate.ts';
import { defined } from '../defined.ts';
import { loadParser } from '../expression/check.ts';
import type { OperatorNode } from '../graph/plan.ts';
import type { Cell } from './cell.ts';
import { openCompiledCell } from './compiled.ts';

beforeAll(loadParser);

const KEYS = ['i', 's', 'p', 'd', 'n', 'i8', 'u16', 'x > 0'];
const ORDERED = ['i', 'b', 'x', 'r', 'i8', 'u32', 's', 'at', 'd', 'du', 'n', 'coalesce(x, y)'];
const CALLS = [
  ...ORDERED.flatMap((arg) => [`count(${arg})`, `min(${arg})`, `max(${arg})`]),
  ...['i', 'i8', 'u32', 'case when p then i end'].flatMap((arg) => [`sum(${arg})`, `avg(${arg})`]),
  'avg(b)',
];

const operator: fc.Arbitrary<OperatorText> = fc
  .record({
    window: fc.constantFrom(1_000_000n, 5_000_000n, 60_000_000n),
    keys: fc.subarray(KEYS, { maxLength: 3 }),
    calls: fc.subarray(CALLS, { minLength: 1, maxLength: 6 }),
    filter: fc.constantFrom(undefined, 'x > 0 OR q', 'i / j < 5 OR i IS NOT NULL'),
    having: fc.constantFrom(undefined, 'n > 1'),
  })
  .map(({ window, keys, calls, filter, having }) => ({
    window,
    groupBy: Object.fromEntries(keys.map((key, index) => [`k${index}`, key])),
    aggregate: { n: 'count(*)', ...Object.fromEntries(calls.map((text, index) => [`a${index}`, text])) },
    ...defined({ filter, having }),
    onError: 'skip' as const,
  }));

type Open = (plan: CellPlan) => Cell;

function planOf(node: OperatorNode): CellPlan {
  const schema = node.outputs.get('') ?? node.input;
  const outputs = [{ operator: node.name, port: '', schema }];
  return { name: node.name, kind: 'compiled', operators: [node], inputs: node.inputs, input: node.input, outputs };
}

function halvesOf(plan: CellPlan): readonly [CellPlan, CellPlan] {
  const [node] = plan.operators;
  const halves = node === undefined ? undefined : preAggregate(node);
  if (halves === undefined) throw new Error('the aggregate has no halves');
  return [planOf(halves[0]), planOf(halves[1])];
}

interface Found {
  readonly rows: string[];
  readonly partial: Value[][];
  readonly late: number;
  readonly errors: number;
}

/** Two source partitions with a partial each; finals for three ranges of key groups. `cut` replaces a cell now and then. */
class Split {
  readonly #final: CellPlan;
  readonly #partials: Cell[];
  readonly #finals: Cell[];
  readonly #rows: string[] = [];
  readonly #between: Value[][] = [];

  constructor(plan: CellPlan, openPartial: Open, openFinal: Open) {
    const [partial, final] = halvesOf(plan);
    this.#final = final;
    this.#partials = [openPartial(partial), openPartial(partial)];
    this.#finals = [0, 1, 2].map(() => openFinal(final));
  }

  replace(replacing: (cell: Cell, final: boolean) => Cell): void {
    for (const [index, cell] of this.#partials.entries()) this.#partials[index] = replacing(cell, false);
    for (const [index, cell] of this.#finals.entries()) this.#finals[index] = replacing(cell, true);
  }

  process(partition: number, batch: Batch): void {
    this.#partials[partition]?.process(0, batch, (_, rows) => this.#exchange(rows));
  }

  watermark(time: bigint | 'end'): void {
    const emit = (_: number, rows: Batch) => this.#exchange(rows);
    for (const cell of this.#partials) {
      if (time === 'end') cell.onEnd(emit);
      else cell.onWatermark(time, emit);
    }
    for (const cell of this.#finals) {
      if (time === 'end') cell.onEnd((_, rows) => this.#out(rows));
      else cell.onWatermark(time, (_, rows) => this.#out(rows));
    }
  }

  end(): Found {
    this.watermark('end');
    const cells = [...this.#partials, ...this.#finals];
    const sum = (which: 'late' | 'errors') => cells.reduce((total, cell) => total + cell.counters()[which], 0);
    for (const cell of cells) cell.close();
    return { rows: this.#rows.sort(), partial: this.#between, late: sum('late'), errors: sum('errors') };
  }

  #exchange(batch: Batch): void {
    const rows = rowsOf(batch);
    this.#between.push(...rows);
    const keys = this.#final.operators[0]?.steps[0];
    const columns = keys?.kind === 'aggregate' ? keys.keys.map((_, index) => index + 1) : [];
    const groups = new Uint8Array(batch.rows);
    keyGroupsOf(batch, columns, groups);
    for (const [part, cell] of this.#finals.entries()) {
      const own = rows.filter((_, row) => Math.floor((groups[row] ?? 0) / 43) === part);
      if (own.length > 0) cell.process(0, build(batch.schema, own), (_, out) => this.#out(out));
    }
  }

  #out(batch: Batch): void {
    this.#rows.push(...rowsOf(batch).map(describeRow));
  }
}

function describeRow(row: readonly Value[]): string {
  return row.map((value) => (Object.is(value, -0) ? '-0' : String(value))).join(' | ');
}

function run({ schema, rows, watermarks }: ChainCase, size: number, split: Split, cut: () => void): Found {
  let from = 0;
  let turn = 0;
  const take = (to: number) => {
    for (; from < to; from = Math.min(to, from + size)) {
      cut();
      split.process(turn++ % 2, build(schema, rows.slice(from, Math.min(to, from + size))));
    }
  };
  for (const { before, time } of watermarks) {
    take(Math.min(before, rows.length));
    cut();
    split.watermark(time);
  }
  take(rows.length);
  return split.end();
}

function whole(plan: CellPlan, { schema, rows, watermarks }: ChainCase, size: number): Omit<Found, 'partial'> {
  const parts = watermarks.flatMap(({ before, time }, index) => {
    const from = Math.min(rows.length, watermarks[index - 1]?.before ?? 0);
    return [...batches(rows.slice(from, before)), { watermark: time }];
  });
  function batches(some: typeof rows) {
    return Array.from({ length: Math.ceil(some.length / size) }, (_, part) => {
      return { batch: build(schema, some.slice(part * size, (part + 1) * size)) };
    });
  }
  const rest = batches(rows.slice(Math.min(rows.length, watermarks.at(-1)?.before ?? 0)));
  const outcome = drive(openCompiledCell(plan), [...parts, ...rest, 'end']);
  expect(outcome.thrown).toBeUndefined();
  return { rows: (outcome.rows[0] ?? []).map(describeRow).sort(), late: outcome.late, errors: outcome.errors };
}

describe('an aggregate in two halves', () => {
  it('gives what the whole gives, from compiled cells and kernels alike', () => {
    fc.assert(
      fc.property(chainCase, operator, fc.constantFrom(50, 700), (sample, text, size) => {
        const plan = chainOf(sample.schema, [text]);
        const expected = whole(plan, sample, size);
        const { partial, ...found } = run(sample, size, new Split(plan, openCompiledCell, openCompiledCell), nothing);
        expect(found).toEqual(expected);
        const kernels = run(sample, size, new Split(plan, openKernelCell, openKernelCell), nothing);
        expect(kernels).toEqual({ ...expected, partial });
      }),
      { numRuns: 60 },
    );
  });

  it('goes on from images and from logical states, cut before every call', () => {
    fc.assert(
      fc.property(chainCase, operator, (sample, text) => {
        const plan = chainOf(sample.schema, [text]);
        const [partial, final] = halvesOf(plan);
        const expected = whole(plan, sample, 300);
        const planFor = (isFinal: boolean) => (isFinal ? final : partial);
        const split = new Split(plan, openCompiledCell, openCompiledCell);
        let turn = 0;
        const { partial: _, ...found } = run(sample, 300, split, () => {
          turn += 1;
          split.replace((cell, isFinal) => {
            const compiled = () => openCompiledCell(planFor(isFinal));
            if (turn % 3 === 0 && cell.state?.image !== undefined) return throughImage(compiled)(cell);
            return throughLogical(turn % 3 === 1 ? () => openKernelCell(planFor(isFinal)) : compiled)(cell);
          });
        });
        expect(found).toEqual(expected);
      }),
      { numRuns: 15 },
    );
  });

  it('hands what several partials hold to one whole aggregate, which goes on', () => {
    fc.assert(
      fc.property(chainCase, operator, fc.boolean(), (sample, text, kernels) => {
        const rest = { ...sample, watermarks: [] };
        const plan = chainOf(sample.schema, [text]);
        const expected = whole(plan, rest, 100);
        const [partial] = halvesOf(plan);
        const parts = [openCompiledCell(partial), openKernelCell(partial)];
        for (const [row, values] of [...rest.rows.entries()].filter(([at]) => at % 100 === 0)) {
          void values;
          parts[(row / 100) % 2]?.process(0, build(rest.schema, rest.rows.slice(row, row + 100)), nothing);
        }
        const [node] = plan.operators;
        const states = parts.flatMap(keptLogical).map((state) => ({ ...state, operator: node?.name ?? '' }));
        const merged = kernels ? openKernelCell(plan) : openCompiledCell(plan);
        merged.state?.importLogical?.(states, ALL_GROUPS);
        const outcome = drive(merged, ['end']);
        expect((outcome.rows[0] ?? []).map(describeRow).sort()).toEqual(expected.rows);
        expect(outcome.errors).toBe(expected.errors);
      }),
      { numRuns: 40 },
    );
  });

  it('is refused where halves would not be exact, or late rows are asked for or would fail', () => {
    const schema = {
      fields: [
        { name: 'ts', type: { kind: 'timestamp', unit: 'ms' } as const, nullable: false },
        { name: 'x', type: { kind: 'float64' } as const, nullable: true },
      ],
      time: 0,
    };
    const halves = (text: OperatorText) => {
      const [node] = chainOf(schema, [{ window: 1_000_000n, ...text }]).operators;
      return node === undefined ? undefined : preAggregate(node)?.map(({ name }) => name);
    };
    expect(halves({ aggregate: { a: 'sum(x)' } })).toBeUndefined();
    expect(halves({ aggregate: { a: 'avg(x)' } })).toBeUndefined();
    expect(halves({ aggregate: { a: 'max(x)' }, late: 'divert' })).toBeUndefined();
    expect(halves({ aggregate: { a: 'max(x * 2)' } })).toBeUndefined();
    expect(halves({ groupBy: { k: 'round(x)::int' }, aggregate: { a: 'max(x)' } })).toBeUndefined();
    expect(halves({ aggregate: { a: 'max(x)' } })).toEqual(['op0/partial', 'op0']);
  });
});

function nothing(): void {}
