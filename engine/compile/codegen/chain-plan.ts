/**
 * A chain laid flat: the steps of its operators in the order that rows take, with what the generator asks of each: which columns are still
 * needed behind it, which functions it calls, and where its failures are reported.
 */
import type { Expr } from '../../expression/ir.ts';
import type { AggregateStep, FilterStep, OperatorNode, ProjectStep } from '../../graph/plan.ts';
import type { CellPlan } from '../cell-plan.ts';
import { mergedColumns } from '../pre-aggregate.ts';
import { columnsOf, functionsOf } from './analysis.ts';

export interface PlannedFilter {
  readonly step: FilterStep;
  readonly operator: OperatorNode;
}

export interface PlannedProject {
  readonly step: ProjectStep;
  readonly operator: OperatorNode;
  /** Output columns that something behind the step reads. */
  readonly live: ReadonlySet<number>;
}

export interface PlannedAggregate {
  readonly step: AggregateStep;
  readonly operator: OperatorNode;
}

export type Stateless = PlannedFilter | PlannedProject;

export interface ChainPlan {
  readonly cell: CellPlan;
  /** In front of the aggregate, or all steps. */
  readonly before: readonly Stateless[];
  readonly aggregate: PlannedAggregate | undefined;
  readonly after: readonly Stateless[];
  /** Input columns that expressions read, and how often. */
  readonly reads: ReadonlyMap<number, number>;
  /** Input columns that reach the aggregate, or the output, unchanged. */
  readonly passing: ReadonlySet<number>;
}

/** Flattens a compiled cell's operators. */
export function planChain(cell: CellPlan): ChainPlan {
  const before: Flat[] = [];
  const after: Flat[] = [];
  let aggregate: PlannedAggregate | undefined;
  for (const operator of cell.operators) {
    for (const step of operator.steps) {
      if (step.kind === 'component' || step.kind === 'join') continue;
      if (step.kind === 'aggregate') aggregate = { step, operator };
      else (aggregate === undefined ? before : after).push({ step, operator });
    }
  }
  const plannedAfter = withLiveness(after, allOf(cell.outputs[0]?.schema.fields.length ?? 0));
  const needed = aggregate === undefined ? lastNeeds(cell) : aggregateNeeds(aggregate, cell);
  const plannedBefore = withLiveness(before, needed);
  return {
    cell,
    before: plannedBefore,
    aggregate,
    after: plannedAfter,
    ...countReads(cell, plannedBefore, aggregate, needed),
  };
}

interface Flat {
  readonly step: FilterStep | ProjectStep;
  readonly operator: OperatorNode;
}

function isFilter(flat: Flat): flat is PlannedFilter {
  return flat.step.kind === 'filter';
}

function isProject(flat: Flat): flat is Flat & { readonly step: ProjectStep } {
  return flat.step.kind === 'project';
}

export function isPlannedProject(planned: Stateless): planned is PlannedProject {
  return planned.step.kind === 'project';
}

function allOf(count: number): Set<number> {
  return new Set(Array.from({ length: count }, (_, index) => index));
}

function lastNeeds(cell: CellPlan): Set<number> {
  return allOf(cell.outputs[0]?.schema.fields.length ?? 0);
}

function aggregateNeeds({ step, operator }: PlannedAggregate, cell: CellPlan): Set<number> {
  if (latePort(cell, operator) !== undefined) return allOf(step.input.fields.length);
  const needed = new Set([step.time]);
  for (const expr of aggregateExpressions(step)) for (const column of columnsOf(expr)) needed.add(column);
  return needed;
}

/** Keys and arguments of an aggregate, in order; of a final the columns that it merges. */
export function aggregateExpressions(step: AggregateStep): Expr[] {
  return [...step.keys.map((key) => key.expr), ...(step.phase === 'final' ? mergedColumns(step) : argumentsOf(step))];
}

function argumentsOf({ aggregates }: AggregateStep): Expr[] {
  return aggregates.flatMap(({ arg }) => (arg === undefined ? [] : [arg]));
}

/** Index of the port that takes late rows, where something reads them. */
export function latePort(cell: CellPlan, operator: OperatorNode): number | undefined {
  const index = cell.outputs.findIndex((port) => port.operator === operator.name && port.port === 'late');
  return index === -1 ? undefined : index;
}

/** Goes backwards: what a step needs of the one before it. */
function withLiveness(steps: readonly Flat[], last: ReadonlySet<number>): Stateless[] {
  const planned: Stateless[] = [];
  let live = last;
  for (const flat of steps.toReversed()) {
    if (isFilter(flat)) {
      live = new Set([...live, ...columnsOf(flat.step.predicate)]);
      planned.unshift(flat);
    } else if (isProject(flat)) {
      planned.unshift({ ...flat, live });
      // Columns that nobody reads are still evaluated where they can fail, so their inputs count as well.
      live = new Set(flat.step.columns.flatMap(({ expr }) => columnsOf(expr)));
    }
  }
  return planned;
}

function countReads(
  cell: CellPlan,
  before: readonly Stateless[],
  aggregate: PlannedAggregate | undefined,
  last: ReadonlySet<number>,
): Pick<ChainPlan, 'reads' | 'passing'> {
  const reads = new Map<number, number>();
  /** The input column that a column is, where it is one unchanged. */
  let input: (index: number) => number | undefined = (index) => index;
  const count = (columns: readonly number[]) => {
    for (const column of columns) {
      const from = input(column);
      if (from !== undefined) reads.set(from, (reads.get(from) ?? 0) + 1);
    }
  };
  const isUint64 = (index: number | undefined) => cell.input.fields[index ?? -1]?.type.kind === 'uint64';
  for (const planned of before) {
    if (!isPlannedProject(planned)) {
      count(columnsOf(planned.step.predicate));
      continue;
    }
    const exprs = planned.step.columns.map(({ expr }) => expr);
    const outer = input;
    // A column that is handed on is not read, but for one of uint64, which is checked.
    const isRead = (expr: Expr) => expr.node !== 'column' || isUint64(outer(expr.index));
    count(exprs.filter(isRead).flatMap(columnsOf));
    const aliases = exprs.map((expr) => (expr.node === 'column' ? outer(expr.index) : undefined));
    input = (index) => aliases[index];
  }
  if (aggregate !== undefined) {
    count([aggregate.step.time, ...aggregateExpressions(aggregate.step).flatMap(columnsOf)]);
  }
  const passing = [...last].map((column) => input(column)).filter((column) => column !== undefined);
  return { reads, passing: new Set(passing) };
}

/** The catalogue functions that any step calls. */
export function functionsOfChain({ before, aggregate, after }: ChainPlan): Set<string> {
  const found = new Set<string>();
  for (const planned of [...before, ...after]) {
    const exprs = isPlannedProject(planned) ? planned.step.columns.map(({ expr }) => expr) : [planned.step.predicate];
    for (const fn of exprs.flatMap(functionsOf)) found.add(fn);
  }
  if (aggregate !== undefined)
    for (const fn of aggregateExpressions(aggregate.step).flatMap(functionsOf)) found.add(fn);
  return found;
}

/**
 * Columns in front of the aggregate that need no check of their own: those that are nothing but summed, since the sum shows
 * whether they were infinite or NaN. Where late rows are put out, all columns are.
 */
export function uncheckedColumns({ cell, aggregate }: ChainPlan): ReadonlySet<number> {
  if (aggregate === undefined || latePort(cell, aggregate.operator) !== undefined) return new Set();
  if (aggregate.step.phase === 'final') return new Set();
  const { step } = aggregate;
  const summed = new Set<number>();
  const otherwise = new Set([step.time, ...step.keys.flatMap(({ expr }) => columnsOf(expr))]);
  for (const { fn, arg } of step.aggregates) {
    if (arg === undefined) continue;
    if (arg.node !== 'column') for (const column of columnsOf(arg)) otherwise.add(column);
    else if (fn === 'sum' || fn === 'avg') summed.add(arg.index);
  }
  return new Set([...summed].filter((column) => !otherwise.has(column)));
}
