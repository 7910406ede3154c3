/** Components whose rows are to be dealt to another number of partitions: what one keeps can be divided only by itself. */
import type { Host } from '../../compile/fragment-plan.ts';
import { userError } from '../../errors.ts';
import type { LogicalPlan } from '../../graph/plan.ts';
import { shippedWith } from './components.ts';
import type { Plans } from './plans.ts';

type Nodes = ReadonlyMap<string, readonly Host[]>;

/** Rejects with `placement.component-state` where the component of an operator that comes to another number of partitions does not hand over its state. */
export async function mustBeDealable(
  { operators }: Pick<LogicalPlan, 'operators'>,
  before: Readonly<Record<string, readonly Host[]>>,
  after: Nodes,
  plans: Pick<Plans, 'component'>,
): Promise<void> {
  for (const { name, steps } of operators) {
    const step = steps.find((one) => one.kind === 'component');
    const [from = 0, to = 0] = [before[name]?.length, after.get(name)?.length];
    if (step?.kind !== 'component' || from === to || from === 0) continue;
    if (await handsOver(step.component, steps, plans)) continue;
    const message = `"${name}" cannot go from ${from} to ${to} partitions: what its component keeps cannot be dealt otherwise`;
    throw userError('placement.component-state', message, {
      hint: 'have the component implement export-state and import-state',
    });
  }
}

async function handsOver(
  component: string,
  steps: LogicalPlan['operators'][number]['steps'],
  plans: Pick<Plans, 'component'>,
): Promise<boolean> {
  // Loaded when used: agents that never look at a component do without.
  const { decodePrepared } = await import('../../cell/component/prepared.ts');
  const { STATEFUL_WORLD } = await import('../../cell/component/world.ts');
  const [digest] = shippedWith([{ steps }]);
  if (digest !== undefined) return decodePrepared(await plans.component(digest), component).world === STATEFUL_WORLD;
  const { prepare } = await import('../../cell/component/prepare.ts');
  return (await prepare(component)).world === STATEFUL_WORLD;
}
