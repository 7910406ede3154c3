/** Looks for planted bugs: each must be found within so many seeds, or the simulation is blind to it. */
import type { Scenario } from './scenario.ts';

/** True where all were found. */
export async function findPlants(
  scenario: Scenario,
  from: number,
  seeds: number,
  write: (text: string) => void,
): Promise<boolean> {
  let all = true;
  for (const { name, bug } of scenario.plants) {
    const found = await firstFailure(scenario, name, from, seeds);
    if (found === undefined) all = false;
    const what = found === undefined ? `NOT FOUND in ${seeds} seeds` : `seed ${found.seed}: ${found.violation}`;
    write(`${scenario.name} ${name} (${bug}): ${what}`);
  }
  return all;
}

async function firstFailure(
  scenario: Scenario,
  plant: string,
  from: number,
  seeds: number,
): Promise<{ readonly seed: number; readonly violation: string } | undefined> {
  for (let seed = from; seed < from + seeds; seed += 1) {
    const [violation] = (await scenario.run(seed, plant)).violations;
    if (violation !== undefined) return { seed, violation };
  }
  return undefined;
}
