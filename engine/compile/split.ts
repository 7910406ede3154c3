/**
 * An operator whose kind is a component may also have a filter before it and a having, with or select after it. A component is a cell
 * of its own, so such an operator is split into up to three, which fuse with their neighbours:
 *
 *     score:  filter, component, project   ->   score/filter, score/component, score
 *
 * A join is a cell of its own as well, in front of which its keys are computed where they are no columns:
 *
 *     pairs:  join, filter, project        ->   pairs/keys-1, pairs/keys-2, pairs/join, pairs
 *
 * The last part keeps the name, so whoever reads `score` reads it. `score.errors` is the union of all parts' errors, a component's
 * further outputs (`score.name`) are those of `score/component`.
 */
import type { Schema } from '../batch/types.ts';
import { carriedColumn, widened } from '../graph/build/columns.ts';
import { textAt } from '../graph/build/conjuncts.ts';
import {
  ERRORS_SCHEMA,
  type JoinSide,
  type JoinStep,
  type LogicalPlan,
  type OperatorNode,
  type Step,
  type StreamRef,
} from '../graph/plan.ts';
import { columnOf } from './pre-aggregate.ts';

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
  const [join] = operator.steps;
  if (join?.kind === 'join') return splitJoin(operator, join);
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

function splitJoin(operator: OperatorNode, join: JoinStep): OperatorNode[] {
  const { name, aliases: _, inputSchemas: __, ...single } = operator;
  const after = operator.steps.slice(1);
  const joinName = after.length === 0 ? name : `${name}/join`;
  const fronts = operator.inputs.map((ref, index) => keysPart({ ...single, name }, join, ref, index));
  const sides = fronts.map((front, index) => front?.side ?? join.sides[index]) as [JoinSide, JoinSide];
  const inputSchemas = sides.map(({ input }) => input);
  const core: OperatorNode = {
    ...operator,
    name: joinName,
    inputs: operator.inputs.map((ref, index) => fronts[index]?.ref ?? ref),
    input: sides[0].input,
    inputSchemas,
    steps: [{ ...join, sides }],
    outputs: new Map([['', join.output], ...errorsOf(operator)]),
  };
  const parts = [...fronts.flatMap((front) => front?.operator ?? []), core];
  if (after.length === 0) return parts;
  const result = operator.outputs.get('') ?? join.output;
  return [
    ...parts,
    { ...part({ ...single, name }, name, after, [['', result]]), ...from(joinName), input: join.output },
  ];
}

interface KeysPart {
  readonly operator: OperatorNode;
  readonly ref: StreamRef;
  readonly side: JoinSide;
}

/** What reads one input of a join in front of it; undefined where its columns go in as they are. */
function keysPart(operator: OperatorNode, join: JoinStep, ref: StreamRef, index: number): KeysPart | undefined {
  const side = join.sides[index];
  if (side === undefined) return undefined;
  const { input } = side;
  const plain = widened(input);
  const computed = side.keys.filter(({ node }) => node !== 'column');
  const isPlain = plain.fields.every(({ type }, column) => type.kind === input.fields[column]?.type.kind);
  if (computed.length === 0 && isPlain) return undefined;
  const name = `${operator.name}/keys-${index + 1}`;
  const made = computed.map((expr, key) => ({
    name: `/key-${key + 1}`,
    text: textAt(join.text, expr.span),
    expr,
    place: join.place,
  }));
  const fields = [
    ...plain.fields,
    ...made.map(({ name, expr }) => ({ name, type: expr.type, nullable: expr.nullable })),
  ];
  const schema: Schema = { ...plain, fields };
  const carried = input.fields.map((field, column) => carriedColumn(field, column, join.place));
  const step: Step = { kind: 'project', columns: [...carried, ...made], output: schema };
  const keys = side.keys.map((expr) =>
    expr.node === 'column'
      ? expr
      : { ...columnOf(schema, plain.fields.length + computed.indexOf(expr)), span: expr.span },
  );
  return {
    operator: { ...part(operator, name, [step], [['', schema]]), inputs: [ref], input },
    ref: { node: name, port: '' },
    side: { ...side, input: schema, keys },
  };
}

/** Whether an operator computes the keys of a join in front of it. */
export function isKeysPart(name: string): boolean {
  return /\/keys-[12]$/.test(name);
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
  return { ...operator, name, steps, outputs: new Map([...outputs, ...errorsOf(operator)]) };
}

function errorsOf({ outputs }: OperatorNode): readonly (readonly ['errors', Schema])[] {
  return outputs.has('errors') ? [['errors', ERRORS_SCHEMA]] : [];
}
