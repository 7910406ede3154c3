/** Chains cut between any two calls go on as if nothing had been: from the image, and from the logical form in either kind of cell. */
import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { type ChainCase, chainCase, eventsOf } from '../../test/kit/chain-cases.ts';
import { chainOf, drive } from '../../test/kit/chains.ts';
import { driveCut, throughImage, throughLogical } from '../../test/kit/cuts.ts';
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

const always = () => true;

/** Runs `check` on generated chains, and on no fewer than `least` that are valid. */
function onChains(runs: number, check: (plan: CellPlan, sample: ChainCase, size: number) => void): void {
  let valid = 0;
  fc.assert(
    fc.property(chainCase, fc.constantFrom(60, 700), (sample, size) => {
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
    onChains(40, (plan, sample, size) => {
      const open = () => openCompiledCell(plan);
      const expected = drive(open(), eventsOf(sample, size));
      expect(driveCut(open(), eventsOf(sample, size), always, throughImage(open))).toEqual(expected);
    });
  });

  it('goes on from its logical state, cut before every call', () => {
    onChains(40, (plan, sample, size) => {
      const open = () => openCompiledCell(plan);
      const expected = drive(open(), eventsOf(sample, size));
      expect(driveCut(open(), eventsOf(sample, size), always, throughLogical(open))).toEqual(expected);
    });
  });

  it('takes turns with a kernel cell', () => {
    onChains(40, (plan, sample, size) => {
      const opens = [() => openKernelCell(plan), () => openCompiledCell(plan)] as const;
      const expected = drive(openKernelCell(plan), eventsOf(sample, size));
      expect(driveCut(opens[1](), eventsOf(sample, size), always, throughLogical(...opens))).toEqual(expected);
    });
  });
});
