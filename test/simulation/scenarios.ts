/** The scenarios there are. */
import { channels } from './channels/scenario.ts';
import { cluster, forgetful, moves } from './cluster/scenario.ts';
import type { Scenario } from './scenario.ts';

/** Those that run where none is named. */
export const scenarios: readonly Scenario[] = [channels, cluster, moves];

/** Only by name: they ask for more than is promised. */
const further: readonly Scenario[] = [forgetful];

export const scenarioNames: readonly string[] = [...scenarios, ...further].map(({ name }) => name);

export function scenarioNamed(name: string): Scenario {
  const found = [...scenarios, ...further].find((scenario) => scenario.name === name);
  if (found === undefined) throw new Error(`no scenario ${name}; there are ${scenarioNames.join(', ')}`);
  return found;
}
