/** Checks the expressions of an entry against the columns in reach, and brings what is wrong to its place in the file. */

import type { Schema } from '../../batch/types.ts';
import { defined } from '../../defined.ts';
import {
  type CheckedAggregate,
  checkAggregate,
  checkExpression,
  checkPredicate,
  checkSyntax,
  type ExpressionProblem,
  type Scope,
} from '../../expression/check.ts';
import type { Expr } from '../../expression/ir.ts';
import type { OperatorEntry } from '../document.ts';
import type { ProjectStep } from '../plan.ts';
import type { Path } from '../tree.ts';
import type { Build } from './context.ts';

/** The columns of a schema, under `alias` where the input was given one. */
export function scopeOf(schema: Schema, alias?: string): Scope {
  return {
    columns: schema.fields.map(({ name, type, nullable }, index) => ({
      name,
      ...defined({ alias }),
      index,
      type,
      nullable,
    })),
  };
}

/** A condition; undefined after reporting what is wrong. */
export function predicateAt(path: Path, scope: Scope, build: Build): { text: string; expr: Expr } | undefined {
  const text = build.places.text(path) ?? '';
  const { expr, problems } = checkPredicate(text, scope);
  report(problems, path, build);
  return expr === undefined || problems.length > 0 ? undefined : { text, expr };
}

export type Column = ProjectStep['columns'][number];

/** A column made by an expression; undefined after reporting what is wrong. */
export function columnAt(name: string, path: Path, scope: Scope, build: Build): Column | undefined {
  const text = build.places.text(path) ?? '';
  const { expr, problems } = checkExpression(text, scope);
  report(problems, path, build);
  if (expr === undefined || problems.length > 0) return undefined;
  return { name, text, expr, place: build.places.value(path) };
}

/** An aggregate call; undefined after reporting what is wrong. */
export function aggregateAt(
  path: Path,
  scope: Scope,
  build: Build,
): { text: string; call: CheckedAggregate } | undefined {
  const text = build.places.text(path) ?? '';
  const { aggregate: call, problems } = checkAggregate(text, scope);
  report(problems, path, build);
  return call === undefined || problems.length > 0 ? undefined : { text, call };
}

/** Reports what is wrong with an expression whatever the columns are. */
function syntaxAt(path: Path, build: Build): void {
  const text = build.places.text(path);
  if (text !== undefined) report(checkSyntax(text), path, build);
}

/** The same for all expressions of an operator, whose columns cannot be told because something else is wrong. */
export function checkSyntaxOf(entry: OperatorEntry, path: Path, build: Build): void {
  for (const key of ['filter', 'having'] as const) if (entry[key] !== undefined) syntaxAt([...path, key], build);
  if (entry.join !== undefined) syntaxAt([...path, 'join', 'where'], build);
  for (const key of ['groupBy', 'aggregate', 'with', 'select'] as const) {
    const value = entry[key] ?? {};
    const names = Array.isArray(value) ? [...value.keys()] : Object.keys(value);
    for (const name of names) syntaxAt([...path, key, name], build);
  }
}

function report(problems: readonly ExpressionProblem[], path: Path, build: Build): void {
  for (const { span, code, message, hint } of problems) build.atSpan(path, span, code, message, hint);
}
