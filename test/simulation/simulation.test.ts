/** A quick share of `npm run simulate`: some seeds of every scenario, replays that are exact, and planted bugs that are found. */
import { describe, expect, it } from 'vitest';
import { scenarios } from './scenarios.ts';

const SEEDS = 25;

for (const scenario of scenarios) {
  describe(`the simulation of ${scenario.name}`, () => {
    it(`violates nothing in ${SEEDS} seeds`, async () => {
      for (let seed = 1; seed <= SEEDS; seed += 1) {
        const { violations, faults, batches } = await scenario.run(seed);
        expect(violations, `npm run simulate -- --scenario ${scenario.name} --seed ${seed}`).toEqual([]);
        expect(faults.length).toBeGreaterThanOrEqual(3);
        expect(batches).toBeGreaterThanOrEqual(100);
      }
    });

    it('runs a seed again exactly as before', async () => {
      const [first, second] = [await scenario.run(7), await scenario.run(7)];
      expect(second).toEqual(first);
      expect((await scenario.run(8)).log).not.toEqual(first.log);
    });

    it('finds a bug that was planted', async () => {
      const plant = scenario.plants[0]?.name ?? '';
      const found: string[] = [];
      for (let seed = 1; seed <= SEEDS && found.length === 0; seed += 1) {
        found.push(...(await scenario.run(seed, plant)).violations);
      }
      expect(found.length).toBeGreaterThan(0);
    });
  });
}
