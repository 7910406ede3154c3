/** What the parts of the checker share: the scope, the problems found so far, and how to check a part of the tree. */
import type { Node } from 'libpg-query';
import type { DataType } from '../../batch/types.ts';
import type { Expr, LetExpr, Span, VarExpr } from '../ir.ts';
import type { Source } from '../source.ts';
import type { ExpressionCode, ExpressionProblem } from './problem.ts';

/** A column that an expression may name. `alias` is the input's name where there are several (`alias.column`). */
export interface ScopeColumn {
  readonly name: string;
  readonly alias?: string;
  /** In the schema of the rows that the expression is evaluated on. */
  readonly index: number;
  readonly type: DataType;
  readonly nullable: boolean;
}

export interface Scope {
  readonly columns: readonly ScopeColumn[];
}

/** A text literal or NULL whose type its surroundings will tell. */
export interface Untyped {
  readonly node: 'untyped';
  readonly value: string | null;
  readonly span: Span;
}

export type Checked = Expr | Untyped;

/** The parser's node, whatever its kind, looked at by its one key. */
export function unwrap(node: Node): { readonly kind: string; readonly body: unknown } {
  const [entry] = Object.entries(node);
  return { kind: entry?.[0] ?? '', body: entry?.[1] };
}

export class Context {
  readonly source: Source;
  readonly scope: Scope;
  readonly problems: ExpressionProblem[] = [];
  readonly #walk: (context: Context, node: Node) => Checked | undefined;
  #lets = 0;

  constructor(source: Source, scope: Scope, walk: (context: Context, node: Node) => Checked | undefined) {
    this.source = source;
    this.scope = scope;
    this.#walk = walk;
  }

  /** Checks a part of the tree; undefined where that found a problem. */
  check(node: Node | undefined): Checked | undefined {
    return node === undefined ? undefined : this.#walk(this, node);
  }

  /** Checks all of them, so that the problems of all are found; undefined where there was one. */
  checkAll(nodes: readonly (Node | undefined)[]): Checked[] | undefined {
    const checked = nodes.map((node) => this.check(node));
    const good = checked.filter((item) => item !== undefined);
    return good.length === checked.length ? good : undefined;
  }

  problem(code: ExpressionCode, message: string, span: Span, hint?: string): undefined {
    this.problems.push(hint === undefined ? { code, message, span } : { code, message, span, hint });
    return undefined;
  }

  /** `body` of something that stands for `value` and may be used several times, though `value` is evaluated once. */
  bind(value: Expr, body: (bound: Expr) => Expr | undefined): Expr | undefined {
    if (value.node === 'column' || value.node === 'literal' || value.node === 'var') return body(value);
    this.#lets += 1;
    const id = this.#lets;
    const { type, nullable, span } = value;
    const bound: VarExpr = { node: 'var', id, type, nullable, span };
    const inner = body(bound);
    if (inner === undefined) return undefined;
    const result: LetExpr = {
      node: 'let',
      id,
      value,
      body: inner,
      type: inner.type,
      nullable: inner.nullable,
      span: inner.span,
    };
    return result;
  }

  /** The text that a part of the expression was written as, for messages. */
  textOf(span: Span): string {
    const text = this.source.text.slice(span.start, span.end);
    return text.length > 60 ? `${text.slice(0, 57)}...` : text;
  }
}
