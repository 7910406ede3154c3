/**
 * An aggregate done in two: each source partition aggregates what it reads, and only groups are dealt to partitions by their keys, where they are
 * merged. Nothing is lost by it: the result is the same as that of one aggregate, so it is done only where merging is exact: counts, minima,
 * maxima, sums and means of integers; not where late rows themselves are asked for; and not where a key or an argument can fail, since
 * of late rows none is evaluated.
 *
 *     minutes:  filter, aggregate, having    ->    minutes/partial: filter, partial    ══exchange══>    minutes: final, having
 *
 * Between them a row is a group: window_start, keys, rows, accumulators (state/aggregate-state.ts). What is late is decided behind the
 * exchange, by the watermark of all partitions. One thing differs: a sum over int64 that overflows fails where it does, in either half.
 */
import type { Schema } from '../batch/types.ts';
import { catalogueFunction } from '../expression/catalogue.ts';
import type { ColumnExpr, Expr } from '../expression/ir.ts';
import type { AggregateStep, OperatorNode } from '../graph/plan.ts';
import { walk } from './codegen/analysis.ts';
import { isIntegerType, partialSchema } from './state/aggregate-state.ts';

/** The halves of an operator, or undefined where it is done whole. The first reads what the operator reads; the second keeps its name. */
export function preAggregate(
  operator: OperatorNode,
): readonly [partial: OperatorNode, final: OperatorNode] | undefined {
  const at = operator.steps.findIndex((step) => step.kind === 'aggregate');
  const step = operator.steps[at];
  if (step?.kind !== 'aggregate' || step.phase !== undefined || !isExact(step)) return undefined;
  const [partial, final] = halves(step);
  const name = `${operator.name}/partial`;
  const errors = [...operator.outputs].filter(([port]) => port === 'errors');
  return [
    {
      ...operator,
      name,
      steps: [...operator.steps.slice(0, at), partial],
      outputs: new Map([['', partial.output], ...errors]),
    },
    {
      ...operator,
      inputs: [{ node: name, port: '' }],
      input: partial.output,
      steps: [final, ...operator.steps.slice(at + 1)],
    },
  ];
}

/** Whether two halves of the aggregate's rows give together what all rows give, whatever their order. */
function isExact({ keys, aggregates, late, input }: AggregateStep): boolean {
  const mayFail = (expr: Expr) =>
    [...walk(expr)].some((node) => {
      if (node.node === 'call') return catalogueFunction(node.fn).canFail;
      return node.node === 'column' && input.fields[node.index]?.type.kind === 'uint64';
    });
  if (late === 'divert' || keys.some(({ expr }) => mayFail(expr))) return false;
  return aggregates.every(({ fn, arg }) => {
    if (arg === undefined) return true;
    return !mayFail(arg) && ((fn !== 'sum' && fn !== 'avg') || isIntegerType(arg.type));
  });
}

function halves(step: AggregateStep): readonly [AggregateStep, AggregateStep] {
  const output = partialSchema(step);
  const { timeIsEnd: _, ...rest } = step;
  return [
    { ...step, phase: 'partial', whole: step, output },
    {
      ...rest,
      phase: 'final',
      whole: step,
      time: 0,
      keys: step.keys.map(({ name, text }, index) => ({ name, text, expr: columnOf(output, 1 + index) })),
      input: output,
    },
  ];
}

/** The keys of a partial's rows, by which the exchange deals them. */
export function partialKeys(step: AggregateStep): ColumnExpr[] {
  return step.keys.map((_, index) => columnOf(step.output, 1 + index));
}

/** The columns of a final's input that it merges: rows, then the accumulators of each call. */
export function mergedColumns({ input, keys }: AggregateStep): ColumnExpr[] {
  const first = 1 + keys.length;
  return input.fields.slice(first).map((_, index) => columnOf(input, first + index));
}

/** A column of the schema as an expression. */
export function columnOf({ fields }: Schema, index: number): ColumnExpr {
  const { name = '', type = { kind: 'null' }, nullable = true } = fields[index] ?? {};
  return { node: 'column', index, name, type, nullable, span: { start: 0, end: name.length } };
}
