/** Generated chains, in compiled cells and in kernel cells: rows, side outputs, counts and errors are the same, however rows are batched. */
import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { type ChainCase, chainCase, eventsOf } from '../../test/kit/chain-cases.ts';
import { chainOf, drive, type Outcome } from '../../test/kit/chains.ts';
import { build } from '../../test/kit/tables.ts';
import type { Value } from '../batch/types.ts';
import type { CellPlan } from '../compile/cell-plan.ts';
import { openKernelCell } from '../compile/kernels/chain.ts';
import { loadParser } from '../expression/check.ts';
import { openCompiledCell } from './compiled.ts';

beforeAll(loadParser);

/** The plan; undefined for the few generated texts that are no valid SQL here (a constant that cannot be read). */
function planOf(sample: ChainCase): CellPlan | undefined {
  try {
    return chainOf(sample.schema, sample.operators);
  } catch {
    return undefined;
  }
}

function compiled(plan: CellPlan, sample: ChainCase, size: number): Outcome {
  return drive(openCompiledCell(plan), eventsOf(sample, size));
}

describe('a compiled chain', () => {
  it('does what the kernels do', () => {
    let valid = 0;
    fc.assert(
      fc.property(chainCase, fc.constantFrom(7, 700, 5000), (sample, size) => {
        const plan = planOf(sample);
        if (plan === undefined) return;
        valid++;
        const expected = drive(openKernelCell(plan), eventsOf(sample, size));
        expect(compiled(plan, sample, size)).toEqual(expected);
      }),
      { numRuns: 150 },
    );
    expect(valid).toBeGreaterThan(100);
  });

  it('finds groups of one integer key wherever keys lie', () => {
    const fields = [
      { name: 'ts', type: { kind: 'timestamp', unit: 'us' } as const, nullable: false },
      { name: 'wide', type: { kind: 'int64' } as const, nullable: true },
      { name: 'narrow', type: { kind: 'int32' } as const, nullable: true },
    ];
    const schema = { fields, time: 0 };
    const center = fc.constantFrom(0n, 2n ** 63n - 200n, -(2n ** 63n) + 200n, 2n ** 31n, -40_000n);
    const cluster = fc.tuple(center, fc.integer({ min: 1, max: 4000 }), fc.integer({ min: 1, max: 97 }));
    fc.assert(
      fc.property(
        fc.array(cluster, { minLength: 1, maxLength: 4 }),
        fc.constantFrom('wide', 'narrow'),
        (clusters, key) => {
          const rows = Array.from({ length: 3000 }, (_, row): Value[] => {
            const [start, width, step] = clusters[(row >> 5) % clusters.length] ?? [0n, 1, 1];
            const wide = BigInt.asIntN(64, start + BigInt((row * step) % width) - BigInt(width >> 1));
            return [
              BigInt(row * 700),
              row % 71 === 0 ? null : wide,
              row % 71 === 0 ? null : Number(BigInt.asIntN(32, wide)),
            ];
          });
          const plan = chainOf(schema, [{ window: 1_000_000n, groupBy: { key }, aggregate: { n: 'count(*)' } }]);
          const events = [
            { batch: build(schema, rows) },
            { watermark: 900_000n },
            { batch: build(schema, rows) },
            'end' as const,
          ];
          expect(drive(openCompiledCell(plan), events)).toEqual(drive(openKernelCell(plan), events));
        },
      ),
      { numRuns: 40 },
    );
  });

  it('gives the same result whatever the size of batches', () => {
    let valid = 0;
    fc.assert(
      fc.property(chainCase, fc.integer({ min: 1, max: 1500 }), (sample, size) => {
        const lenient = sample.operators.map((operator) => ({ ...operator, onError: 'divert' as const }));
        const plan = planOf({ ...sample, operators: lenient });
        if (plan === undefined) return;
        valid++;
        expect(compiled(plan, sample, size)).toEqual(compiled(plan, sample, 5000));
      }),
      { numRuns: 60 },
    );
    expect(valid).toBeGreaterThan(40);
  });
});
