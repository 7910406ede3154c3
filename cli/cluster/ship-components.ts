/** Makes the components of a graph travel: each is prepared, stored under its digest, and named by that in the plan. */
import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { isPrepared } from '../../engine/cell/component/prepared.ts';
import { prepareComponent } from '../../engine/cell/component.ts';
import { mapComponents, shippedName } from '../../engine/cluster/plans/components.ts';
import type { LogicalPlan } from '../../engine/graph/plan.ts';

/** Standard operators come with every agent. */
const STANDARD = /^[a-z][a-z0-9-]*$/;

/** `keep` stores bytes and resolves to their digest. */
export async function shipComponents(
  plan: LogicalPlan,
  directory: string,
  keep: (bytes: Uint8Array) => Promise<string>,
): Promise<LogicalPlan> {
  const named = plan.operators.flatMap(({ steps }) =>
    steps.flatMap((step) => (step.kind === 'component' && !STANDARD.test(step.component) ? [step.component] : [])),
  );
  if (named.length === 0) return plan;
  const shipped = new Map<string, string>();
  for (const name of new Set(named)) {
    const bytes = await readFile(resolve(directory, name));
    shipped.set(name, shippedName(await keep(isPrepared(bytes) ? bytes : await prepareComponent(bytes, name))));
  }
  return { ...plan, operators: plan.operators.map((one) => mapComponents(one, (name) => shipped.get(name) ?? name)) };
}
