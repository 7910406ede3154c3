/**
 * An operator whose kind is a component may also have a filter before it and a having, with or select after it. A component is a cell
 * of its own, so such an operator is split into up to three, which fuse with their neighbours:
 *
 *     score:  filter, component, project   ->   score/filter, score/component, score
 *
 * The last part keeps the name, so whoever reads `score` reads it. `score.errors` is the union of all parts' errors, a component's
 * further outputs (`score.name`) are those of `score/component`.
 */
import type { Schema } from '../batch/types.ts';
import { ERRORS_SCHEMA, type LogicalPlan, type OperatorNode, type Step, type StreamRef } from '../graph/plan.ts';

/** The plan with every component alone in its operator; the same object where there is nothing to split. */
export function splitComponents(plan: LogicalPlan): LogicalPlan {
  const parts = new Map<string, readonly OperatorNode[]>();
  for (const operator of plan.operators) {
    const split = splitOperator(operator);
    if (split.length > 1) parts.set(operator.name, split);
  }
  return replaceOperators(plan, parts);
}

/**
 * The plan with operators replaced by parts of them, of which the last keeps the name. Who read a further output of an operator reads that of
 * every part that has one; the same object where there is nothing to replace.
 */
export function replaceOperators(plan: LogicalPlan, parts: ReadonlyMap<string, readonly OperatorNode[]>): LogicalPlan {
  if (parts.size === 0) return plan;
  const rewire = (refs: readonly StreamRef[]): StreamRef[] => refs.flatMap((ref) => producers(ref, parts));
  const operators = plan.operators.flatMap((operator) => parts.get(operator.name) ?? [operator]);
  return {
    ...plan,
    operators: operators.map((operator) => ({ ...operator, inputs: rewire(operator.inputs) })),
    sinks: plan.sinks.map((sink) => ({ ...sink, inputs: rewire(sink.inputs) })),
  };
}

/** Which streams of the split plan a stream of the original is. Part names hold a slash, so they are never split again. */
function producers(ref: StreamRef, parts: ReadonlyMap<string, readonly OperatorNode[]>): StreamRef[] {
  const split = parts.get(ref.node);
  if (split === undefined || ref.port === '') return [ref];
  return split.filter((part) => part.outputs.has(ref.port)).map((part) => ({ node: part.name, port: ref.port }));
}

function splitOperator(operator: OperatorNode): OperatorNode[] {
  const at = operator.steps.findIndex((step) => step.kind === 'component');
  const component = operator.steps[at];
  if (component?.kind !== 'component' || operator.steps.length === 1) return [operator];
  const { name, input } = operator;
  const before = operator.steps.slice(0, at);
  const after = operator.steps.slice(at + 1);
  const filterName = `${name}/filter`;
  const componentName = after.length === 0 ? name : `${name}/component`;
  const further = [...component.outputs].filter(([port]) => port !== '');
  const main = component.outputs.get('') ?? input;
  const parts: OperatorNode[] = [];
  if (before.length > 0) parts.push(part(operator, filterName, before, [['', input]]));
  const fed = before.length > 0 ? from(filterName) : {};
  parts.push({ ...part(operator, componentName, [component], [['', main], ...further]), ...fed });
  if (after.length > 0) {
    const { aliases: _, inputSchemas: __, ...single } = operator;
    const result = operator.outputs.get('') ?? main;
    parts.push({ ...part(single, name, after, [['', result]]), ...from(componentName), input: main });
  }
  return parts;
}

function from(node: string): { readonly inputs: readonly StreamRef[] } {
  return { inputs: [{ node, port: '' }] };
}

function part(
  operator: OperatorNode,
  name: string,
  steps: readonly Step[],
  outputs: readonly (readonly [port: string, schema: Schema])[],
): OperatorNode {
  const errors = operator.outputs.has('errors') ? ([['errors', ERRORS_SCHEMA]] as const) : [];
  return { ...operator, name, steps, outputs: new Map([...outputs, ...errors]) };
}
