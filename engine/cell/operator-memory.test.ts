/** An operator's `memory`: sizes that are told, the limit that fails with names, and the one that evicts and counts. */
import { beforeAll, describe, expect, it } from 'vitest';
import { chainOf, drive, type Event } from '../../test/kit/chains.ts';
import { driveCut, throughImage, throughLogical } from '../../test/kit/cuts.ts';
import { build } from '../../test/kit/tables.ts';
import type { Schema, Value } from '../batch/types.ts';
import type { CellPlan } from '../compile/cell-plan.ts';
import { openKernelCell } from '../compile/kernels/chain.ts';
import { loadParser } from '../expression/check.ts';
import type { MemoryLimit } from '../graph/plan.ts';
import type { Cell } from './cell.ts';
import { openCompiledCell } from './compiled.ts';

beforeAll(loadParser);

const SCHEMA: Schema = {
  fields: [
    { name: 'ts', type: { kind: 'timestamp', unit: 'ms' }, nullable: false },
    { name: 'machine', type: { kind: 'utf8' }, nullable: true },
  ],
  time: 0,
};

function planOf(memory?: MemoryLimit): CellPlan {
  const operator = { window: 1_000_000n, groupBy: { machine: 'machine' }, aggregate: { n: 'count(*)' } };
  const plan = chainOf(SCHEMA, [operator]);
  if (memory === undefined) return plan;
  return { ...plan, operators: plan.operators.map((node) => ({ ...node, memory })) };
}

/** 20 batches of 200 rows over many windows; one machine is in all of them, and half of the rows. */
function events(): Event[] {
  return Array.from({ length: 20 }, (_, batch) => {
    const rows = Array.from({ length: 200 }, (_, row): Value[] => {
      const at = batch * 200 + row;
      return [BigInt(at * 20), at % 2 === 0 ? 'the busy one' : `m${at % 701}`];
    });
    return { batch: build(SCHEMA, rows) };
  });
}

const kinds: readonly (readonly [string, (plan: CellPlan) => Cell])[] = [
  ['compiled', openCompiledCell],
  ['kernel', openKernelCell],
];

describe.each(kinds)('a %s cell', (_, open) => {
  it('tells keys and bytes of its operator', () => {
    const cell = open(planOf());
    expect(cell.stateSize?.()[0]?.keys ?? 0).toBe(0);
    for (const event of events()) if (event !== 'end' && 'batch' in event) cell.process(0, event.batch, () => {});
    const [size] = cell.stateSize?.() ?? [];
    expect(size?.operator).toBe('op0');
    expect(size?.keys).toBe(2080);
    expect(size?.bytes).toBeGreaterThan(2080 * 24);
    cell.onEnd(() => {});
    expect(cell.stateSize?.()[0]?.keys ?? 0).toBe(0);
    cell.close();
  });

  it('fails on the limit, naming the operator and its largest keys', () => {
    const { thrown } = drive(open(planOf({ bytes: 40_000, onLimit: 'fail' })), events());
    expect(thrown).toMatch(
      /^cell\.memory-limit: operator op0 keeps \d+ KiB of state in \d+ groups, more than its memory of 40 KiB/,
    );
    expect(thrown).toMatch(/its largest keys: machine=the busy one \(\d+ windows, \d+ rows\), machine=m\d+/);
  });

  it('closes the earliest windows on the limit, and loses no row that it does not count', () => {
    const memory = { bytes: 40_000, onLimit: 'evict' } as const;
    const cell = open(planOf(memory));
    const largest: number[] = [];
    const found = driveCut(
      cell,
      [...events(), { watermark: 1_000_000n }, { batch: build(SCHEMA, [[1n, 'too late']]) }, 'end'],
      () => {
        largest.push(cell.stateSize?.()[0]?.bytes ?? 0);
        return false;
      },
      (same) => same,
    );
    expect(Math.max(...largest)).toBeLessThanOrEqual(memory.bytes);
    const counted = found.rows[0]?.reduce((sum, row) => sum + Number(row[3]), 0) ?? 0;
    expect(found).toMatchObject({ errors: 0, late: 1 });
    expect(counted).toBe(4000);
    expect((found as { evicted?: number }).evicted).toBeGreaterThan(1000);
    const ends = found.rows[0]?.map((row) => Number(row[1])) ?? [];
    expect(ends).toEqual(ends.toSorted((a, b) => a - b));
  });

  it('goes on as before from its state after it has evicted', () => {
    const plan = planOf({ bytes: 40_000, onLimit: 'evict' });
    const all: Event[] = [...events(), { watermark: 2_000_000n }, ...events().slice(0, 3), 'end'];
    const expected = drive(open(plan), all);
    expect(expected.late).toBeGreaterThan(0);
    const always = () => true;
    const reopen = () => open(plan);
    if (open(plan).state?.image !== undefined) {
      expect(driveCut(reopen(), all, always, throughImage(reopen))).toEqual(expected);
    }
    expect(driveCut(reopen(), all, always, throughLogical(reopen))).toMatchObject({ late: expected.late });
  });
});
