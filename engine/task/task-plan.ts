/**
 * What a task computes: the operators of a graph between one source, whose schema is that of its input, and one operator, whose rows are
 * its result. Neither the source nor any sink of the graph is opened.
 */
import type { Schema } from '../batch/types.ts';
import type { CellPlan } from '../compile/cell-plan.ts';
import { fuse } from '../compile/fuse.ts';
import { defined } from '../defined.ts';
import { userError } from '../errors.ts';
import { ERRORS_SCHEMA, type LogicalPlan, type OperatorNode, type SinkNode, type StreamRef } from '../graph/plan.ts';
import { didYouMean } from '../graph/suggest.ts';

/** Where rows go: an input of a cell (an index into `cells`), or out. */
export type Target =
  | { readonly kind: 'cell'; readonly cell: number; readonly input: number }
  | { readonly kind: 'result' }
  | { readonly kind: 'errors' };

export interface TaskPlan {
  readonly namespace: string;
  /** The graph's. */
  readonly app: string;
  /** The operator whose rows are the result. */
  readonly operator: string;
  /** The source in whose place the rows of a call stand. */
  readonly source: string;
  readonly input: Schema;
  /** Column name -> path into a nested payload, where the graph gives one. */
  readonly paths: ReadonlyMap<string, string>;
  readonly result: Schema;
  /** In an order in which every cell comes after those it reads. */
  readonly cells: readonly { readonly plan: CellPlan; readonly targets: readonly (readonly Target[])[] }[];
  /** Where the rows of a call go first. */
  readonly entry: readonly Target[];
}

const RESULT = 'result';

/** What of a graph a task of it needs, to be handed to others: neither what connectors were told nor any other operator. Throws as `planTask`. */
export function taskGraph(
  graph: LogicalPlan,
  named?: string,
): { readonly plan: LogicalPlan; readonly operator: string } {
  const last = resultOf(graph, named);
  const operators = upstream(graph, last);
  const source = { ...sourceOf(graph, last, operators), connector: 'code', options: {} };
  const { placement: _, ...rest } = graph;
  return { plan: { ...rest, sources: [source], operators, sinks: [], warnings: [] }, operator: last.name };
}

/**
 * Throws `task.no-operator` and `task.ambiguous` where it is not clear which operator is meant, `task.inputs` where its rows are made of
 * more than one source.
 */
export function planTask(graph: LogicalPlan, named?: string): TaskPlan {
  const last = resultOf(graph, named);
  const operators = upstream(graph, last);
  const source = sourceOf(graph, last, operators);
  const result = last.outputs.get('') ?? last.input;
  const errors = operators
    .filter(({ outputs }) => outputs.has('errors'))
    .map(({ name }) => ({ node: name, port: 'errors' }));
  const { placement: _, ...rest } = graph;
  const sinks = [
    sink(graph, RESULT, [{ node: last.name, port: '' }], result),
    sink(graph, 'errors', errors, ERRORS_SCHEMA),
  ];
  const { cells, logical } = fuse({ ...rest, sources: [source], operators, sinks });
  const read = (stream: StreamRef): Target[] => readers(stream, cells, logical.sinks);
  return {
    namespace: graph.namespace,
    app: graph.name,
    operator: last.name,
    source: source.name,
    input: source.schema,
    paths: source.paths,
    result,
    cells: cells.map((plan) => ({
      plan,
      targets: plan.outputs.map(({ operator, port }) => read({ node: operator, port })),
    })),
    entry: read({ node: source.name, port: '' }),
  };
}

function resultOf({ name, operators }: LogicalPlan, named: string | undefined): OperatorNode {
  const names = operators.map((operator) => operator.name);
  const read = new Set(operators.flatMap(({ inputs }) => inputs.map(({ node }) => node)));
  const candidates = operators.filter((operator) =>
    named === undefined ? !read.has(operator.name) : operator.name === named,
  );
  const [only, other] = candidates;
  if (only !== undefined && other === undefined) return only;
  if (only === undefined) {
    const what = named === undefined ? 'no operators' : `no operator "${named}"`;
    const hint = named === undefined ? 'a task is made of operators' : didYouMean(named, names);
    throw userError('task.no-operator', `the graph ${name} has ${what}`, defined({ hint }));
  }
  const ends = candidates.map((operator) => operator.name).join(', ');
  throw userError('task.ambiguous', `the graph ${name} has several operators whose rows may be the result: ${ends}`, {
    hint: 'name one (--operator NAME)',
  });
}

/** The operators that an operator's rows are made by, itself included, in the order of the graph. */
function upstream({ operators }: LogicalPlan, last: OperatorNode): OperatorNode[] {
  const needed = new Set([last.name]);
  for (const operator of operators.toReversed()) {
    if (needed.has(operator.name)) for (const { node } of operator.inputs) needed.add(node);
  }
  return operators.filter(({ name }) => needed.has(name));
}

function sourceOf(
  graph: LogicalPlan,
  last: OperatorNode,
  operators: readonly OperatorNode[],
): LogicalPlan['sources'][number] {
  const streams = operators.flatMap(({ inputs }) => inputs);
  const read = graph.sources.filter(({ name }) => streams.some(({ node }) => node === name));
  const [source, other] = read;
  if (source === undefined || other !== undefined) {
    const names = read.map(({ name }) => name).join(', ');
    throw userError('task.inputs', `the rows of ${last.name} are made of several sources (${names})`, {
      hint: 'a task has one input; take an operator that reads one source',
    });
  }
  if (source.site === true || streams.some(({ node, port }) => node === source.name && port !== '')) {
    const what = source.site === true ? 'runs once a site' : 'has its bad rows read';
    throw userError('task.inputs', `the source ${source.name} of ${last.name} ${what}, which a task's input cannot`);
  }
  return source;
}

function sink({ file }: LogicalPlan, name: string, inputs: readonly StreamRef[], input: Schema): SinkNode {
  return { name, inputs, input, connector: '<task>', options: {}, place: { file, line: 0, column: 0 } };
}

function readers({ node, port }: StreamRef, cells: readonly CellPlan[], sinks: readonly SinkNode[]): Target[] {
  const reads = (ref: StreamRef): boolean => ref.node === node && ref.port === port;
  const inside = cells.flatMap(({ inputs, operators }, cell) =>
    inputs.flatMap((ref, index): Target[] =>
      reads(ref) ? [{ kind: 'cell', cell, input: operators[0]?.aliases === undefined ? 0 : index }] : [],
    ),
  );
  const outside = sinks
    .filter(({ inputs }) => inputs.some(reads))
    .map(({ name }): Target => ({ kind: name === RESULT ? 'result' : 'errors' }));
  return [...inside, ...outside];
}
