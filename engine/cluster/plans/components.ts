/** Components in plans: a plan that travels names each by its digest, and the agent that runs it puts a file of its own in that place. */
import type { FragmentPlan } from '../../compile/fragment-plan.ts';
import type { OperatorNode, Step } from '../../graph/plan.ts';

const MARK = 'artifact:';

export function shippedName(digest: string): string {
  return `${MARK}${digest}`;
}

/** The digest in such a name; undefined where it is another one. */
export function withoutMark(name: string): string | undefined {
  return name.startsWith(MARK) ? name.slice(MARK.length) : undefined;
}

/** Digests of the components that a fragment needs. */
export function shippedIn({ cells }: FragmentPlan): readonly string[] {
  return shippedWith(cells.flatMap(({ operators }) => operators));
}

/** Digests of the components that operators need. */
export function shippedWith(operators: readonly Pick<OperatorNode, 'steps'>[]): readonly string[] {
  const steps = operators.flatMap((operator) => operator.steps);
  const names = steps.flatMap((step) => (step.kind === 'component' ? [step.component] : []));
  return [...new Set(names.filter((name) => name.startsWith(MARK)).map((name) => name.slice(MARK.length)))];
}

/** The fragment with the files that `place` names in place of digests. */
export function withFiles(plan: FragmentPlan, place: (digest: string) => string): FragmentPlan {
  if (shippedIn(plan).length === 0) return plan;
  const cells = plan.cells.map((cell) => ({
    ...cell,
    operators: cell.operators.map((operator) =>
      mapComponents(operator, (name) => (name.startsWith(MARK) ? place(name.slice(MARK.length)) : name)),
    ),
  }));
  return { ...plan, cells };
}

/** The operator with each component named as `name` says. */
export function mapComponents(operator: OperatorNode, name: (component: string) => string): OperatorNode {
  const steps = operator.steps.map(
    (step): Step => (step.kind === 'component' ? { ...step, component: name(step.component) } : step),
  );
  return { ...operator, steps };
}
