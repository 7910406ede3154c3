/** Generated chains, in compiled cells and in kernel cells: rows, side outputs, counts and errors are the same, however rows are batched. */
import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { type ChainCase, chainCase, eventsOf } from '../../test/kit/chain-cases.ts';
import { chainOf, drive, type Outcome } from '../../test/kit/chains.ts';
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

  it('gives the same result whatever the size of batches', () => {
    fc.assert(
      fc.property(chainCase, fc.integer({ min: 1, max: 1500 }), (sample, size) => {
        const lenient = sample.operators.map((operator) => ({ ...operator, onError: 'divert' as const }));
        const plan = planOf({ ...sample, operators: lenient });
        if (plan === undefined) return;
        expect(compiled(plan, sample, size)).toEqual(compiled(plan, sample, 5000));
      }),
      { numRuns: 60 },
    );
  });
});
