/** An operator of the plan: filter, the kind, having, with or select, in this order, each on the result of the one before. */
import type { OperatorEntry } from '../document.ts';
import type { Entry } from '../parse.ts';
import type { OperatorNode } from '../plan.ts';
import { OPERATOR_KEYS } from '../schema.ts';
import { Chain } from './chain.ts';
import { checkCellColumns } from './columns.ts';
import type { Build } from './context.ts';
import { checkSyntaxOf } from './expressions.ts';
import { checkOperatorPolicy, memoryOf, policyOf } from './policy.ts';
import { checkShape } from './shape.ts';
import { outputs as mainAndErrors, type Outputs, type Stream } from './stream.ts';
import { type Input, unionOf } from './union.ts';

export interface BuiltOperator {
  /** Absent where the operator, or something it reads, has errors. */
  readonly node?: OperatorNode;
  /** Known also where the errors leave the columns as they are, so that what reads them can be checked. */
  readonly outputs: Outputs;
}

const FAILED: BuiltOperator = { outputs: undefined };

/** Keys that make the kind's result: with one of them wrong, its columns are unknown. */
const KIND_KEYS = ['window', 'groupBy', 'aggregate', 'join', 'component', 'config'];

/** Keys that change no column. */
const HARMLESS_KEYS = ['filter', 'having', 'parallelism', 'memory', 'durable', 'queue', 'stays'];

/** `inputs` is undefined where what it reads has errors: then only what does not depend on columns is checked. */
export async function buildOperator(
  entry: Entry<OperatorEntry>,
  inputs: readonly Input[] | undefined,
  build: Build,
): Promise<BuiltOperator> {
  const built = await withSteps(entry, inputs, build);
  if (built.outputs === undefined && entry.value !== undefined) checkSyntaxOf(entry.value, entry.path, build);
  return built;
}

async function withSteps(
  entry: Entry<OperatorEntry>,
  inputs: readonly Input[] | undefined,
  build: Build,
): Promise<BuiltOperator> {
  const { value, path, dropped } = entry;
  const fits = checkShape(entry, build);
  const [first] = inputs ?? [];
  if (value === undefined || inputs === undefined || first === undefined) return FAILED;
  const union = unionOrFirst(entry, inputs, build);
  if (union === undefined) return FAILED;
  const chain = new Chain(path, union, first.reference.alias, build);
  if (value.filter !== undefined) chain.filter('filter');
  if (value.aggregate !== undefined) chain.aggregate(value);
  else if (value.join !== undefined && fits && !dropped.has('window')) chain.join(value, inputs);
  else if (value.component !== undefined && fits && dropped.size === 0) await chain.component(value, inputs, union);
  if (!fits || [...dropped].some((key) => KIND_KEYS.includes(key) || !OPERATOR_KEYS.includes(key))) chain.lose();
  if (value.having !== undefined) chain.filter('having');
  chain.project(value);
  if ([...dropped].some((key) => !HARMLESS_KEYS.includes(key))) chain.lose();
  else if (dropped.size > 0) chain.fail();
  return finish(entry, value, inputs, union, chain, build);
}

/** Several inputs are a union, unless they have aliases, which only a join or a component can tell apart. */
function unionOrFirst(entry: Entry<OperatorEntry>, inputs: readonly Input[], build: Build): Stream | undefined {
  const [first] = inputs;
  if (inputs.length === 1 || first?.reference.alias === undefined) return unionOf(inputs, build);
  const { value, path, dropped } = entry;
  if (value?.component === undefined && value?.join === undefined) {
    if ([...dropped].some((key) => key === 'component' || key === 'join' || !OPERATOR_KEYS.includes(key)))
      return undefined;
    const message = 'several named inputs need a kind that tells them apart, such as a join or a component';
    build.atKey([...path, 'from'], 'graph.several-inputs', message, 'for the union of them write a list');
    return undefined;
  }
  if (value.filter === undefined) return first.stream;
  const hint = 'put an operator with the filter before it';
  build.atKey([...path, 'filter'], 'graph.filter-several-inputs', 'a filter has one input, and here are several', hint);
  return undefined;
}

function finish(
  { name, path }: Entry<OperatorEntry>,
  value: OperatorEntry,
  inputs: readonly Input[],
  union: Stream,
  chain: Chain,
  build: Build,
): BuiltOperator {
  const { stream } = chain;
  if (stream === undefined) return FAILED;
  const diverts = value.aggregate !== undefined && value.late === 'divert';
  if (!checkCellColumns(stream.schema, name, path, build)) return FAILED;
  if (diverts && !checkCellColumns(union.schema, `${name}.late`, path, build)) return FAILED;
  const outputs = mainAndErrors(stream, value.onError);
  for (const [port, further] of chain.further) outputs.set(port, further);
  if (diverts) outputs.set('late', union);
  checkOperatorPolicy(value, chain.steps, path, build);
  if (chain.failed) return { outputs };
  const named = inputs.length > 1 && inputs[0]?.reference.alias !== undefined;
  const node: OperatorNode = {
    name,
    inputs: inputs.map(({ reference }) => reference.ref),
    input: union.schema,
    ...(named ? { aliases: inputs.map(({ reference }) => reference.alias ?? '') } : {}),
    ...(named ? { inputSchemas: inputs.map((input) => input.stream.schema) } : {}),
    steps: chain.steps,
    outputs: new Map([...outputs].map(([port, each]) => [port, each.schema])),
    onError: value.onError ?? 'fail',
    ...policyOf(value),
    ...memoryOf(value),
    place: build.place(path),
  };
  return { node, outputs };
}
