/** Code for the stateless steps of a chain on one row: filters leave the row, projects make its next columns. */
import type { Expr, LiteralExpr } from '../../expression/ir.ts';
import type { OperatorNode } from '../../graph/plan.ts';
import type { Label } from '../emit/function.ts';
import { canFail, columnsOf, mayBeNull } from './analysis.ts';
import { isPlannedProject, type PlannedProject, type Stateless } from './chain-plan.ts';
import { condition, hold, holdUnchecked, value } from './expressions.ts';
import { isFloatTree } from './float-trees.ts';
import { InputColumn } from './input.ts';
import { Held, type Readable, type RowScope } from './scope.ts';

/** A column that is a constant. */
class LiteralColumn implements Readable {
  readonly type: LiteralExpr['type'];
  readonly nullable: boolean;
  readonly canFail = false;
  readonly #expr: LiteralExpr;

  constructor(expr: LiteralExpr) {
    this.type = expr.type;
    this.nullable = expr.value === null;
    this.#expr = expr;
  }

  read(scope: RowScope, onNull: Label | undefined): void {
    value(scope, this.#expr, onNull);
  }

  isNull({ f }: RowScope): void {
    f.i32(this.nullable ? 1 : 0);
  }
}

export interface StepContext {
  readonly scope: RowScope;
  readonly grouped: boolean;
  /** Where a row goes that a filter drops. */
  readonly next: Label;
  /** How often an input column is read by expressions. */
  readonly reads: ReadonlyMap<number, number>;
  /** Columns of the last step that are looked at by whoever takes them: trees of floats that may have overflowed. */
  readonly unchecked: ReadonlySet<number>;
  /** Write the code that looks at them, in their order. */
  readonly checks: (() => void)[];
}

/** What is left of a filter behind the selection, by step; null: nothing. */
export type Remaining = ReadonlyMap<Stateless, Expr | null>;

/** Runs the row through the steps; `scope.columns` are then those behind the last. */
export function runSteps(context: StepContext, steps: readonly Stateless[], remaining: Remaining): void {
  for (const planned of steps) {
    if (isPlannedProject(planned)) {
      project(context, planned, planned === steps.at(-1) ? context.unchecked : NONE);
      continue;
    }
    const rest = remaining.get(planned);
    if (rest === null) continue;
    filter(context, planned, rest ?? planned.step.predicate);
  }
}

function filter(context: StepContext, { step, operator }: Exclude<Stateless, PlannedProject>, predicate: Expr): void {
  const { scope, next } = context;
  preload(context, columnsOf(predicate));
  standAt(context, operator, step.text);
  condition(scope, predicate, next, next);
}

const NONE: ReadonlySet<number> = new Set();

function project(
  context: StepContext,
  { step, operator, live }: PlannedProject,
  uncheckedColumns: ReadonlySet<number>,
): void {
  const { scope } = context;
  const isNeeded = (expr: Expr, index: number) => live.has(index) || canFail(scope, expr);
  const computed = step.columns.filter(({ expr }, index) => expr.node !== 'column' && isNeeded(expr, index));
  preload(
    context,
    computed.flatMap(({ expr }) => columnsOf(expr)),
  );
  const columns = step.columns.map(({ name, text, expr }, index): Readable => {
    if (!isNeeded(expr, index)) return new LiteralColumn({ ...expr, node: 'literal', value: null });
    const alias = expr.node === 'column' ? scope.columns[expr.index] : undefined;
    if (alias !== undefined && !alias.canFail) return alias;
    if (expr.node === 'literal') return new LiteralColumn(expr);
    standAt(context, operator, text);
    if (!uncheckedColumns.has(index) || !isFloatTree(scope, expr)) return hold(scope, expr, name);
    const { held, check } = holdUnchecked(scope, expr, name);
    context.checks.push(check);
    return held;
  });
  scope.columns = columns;
}

/** From here on failures are of this expression; variables of the one before, which may bear the same numbers, are forgotten. */
export function standAt({ scope, grouped }: StepContext, operator: OperatorNode, text: string): void {
  scope.site = { operator, text, grouped };
  scope.variables.clear();
}

/**
 * Loads input columns that are read more than once into locals, here where every row comes by: inside a CASE or AND only
 * some rows would.
 */
export function preload({ scope, reads }: StepContext, columns: readonly number[]): void {
  for (const index of columns) {
    const column = scope.columns[index];
    if (!(column instanceof InputColumn) || column.canFail || (reads.get(column.input) ?? 0) < 2) continue;
    const held = loadColumn(scope, column);
    scope.columns = scope.columns.map((other) => (other === column ? held : other));
  }
}

function loadColumn(scope: RowScope, column: InputColumn): Held {
  const { f } = scope;
  const held = scope.hold(column.type, `column${column.input}`, column.nullable, column.input);
  if (held.flag !== undefined) {
    column.isNull(scope);
    f.set(held.flag);
  }
  // The value of a null is read and never used.
  column.read(scope, undefined);
  held.set(f);
  return held;
}

/** Evaluates an expression of a step into locals, noting where a failure would be. */
export function holdAt(context: StepContext, operator: OperatorNode, text: string, expr: Expr): Held {
  const { scope } = context;
  const column = expr.node === 'column' ? scope.columns[expr.index] : undefined;
  if (column instanceof Held && column.nullable === mayBeNull(scope, expr)) return column;
  standAt(context, operator, text);
  return hold(scope, expr, text.replace(/[^A-Za-z0-9]+/g, '_'));
}
