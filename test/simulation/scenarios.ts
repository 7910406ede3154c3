/** The scenarios there are. */
import { channels } from './channels/scenario.ts';
import { cluster } from './cluster/scenario.ts';
import type { Scenario } from './scenario.ts';

export const scenarios: readonly Scenario[] = [channels, cluster];

export function scenarioNamed(name: string): Scenario {
  const found = scenarios.find((scenario) => scenario.name === name);
  if (found === undefined)
    throw new Error(`no scenario ${name}; there are ${scenarios.map((one) => one.name).join(', ')}`);
  return found;
}
