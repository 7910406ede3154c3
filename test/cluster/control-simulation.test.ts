/** The control plane under faults, from seeds: no epoch is run twice, nothing is committed by a former owner, and in the end all is well. */
import { describe, expect, it } from 'vitest';
import { simulateControl } from './control-simulation.ts';

const SEEDS = 12;

describe('the control plane, simulated', () => {
  it('keeps one owner of everything under faults, and comes right afterwards', async () => {
    let commits = 0;
    for (let seed = 1; seed <= SEEDS; seed++) {
      const outcome = await simulateControl(seed);
      expect(outcome.violations, `seed ${seed}\n${outcome.log.slice(-60).join('\n')}`).toEqual([]);
      commits += outcome.commits;
    }
    expect(commits).toBeGreaterThan(SEEDS * 100);
  });

  it('does the same again from the same seed', async () => {
    const [one, other] = [await simulateControl(7), await simulateControl(7)];
    expect(other.log).toEqual(one.log);
  });
});
