/**
 * Checked expressions: a small typed tree that the code generator and the kernels both take. The checker desugars SQL
 * into these few nodes, so that a backend implements nine nodes and the function catalogue (`catalogue.ts`).
 *
 * Types inside expressions are bool, int32, int64, float32, float64, utf8, binary, date32, timestamp and duration. A column
 * of int8, int16, uint8, uint16 reads as int32, one of uint32 as int64 and one of uint64 as int64 (a value above 2^63-1 is the
 * error `outOfRange`). NULL is tracked apart from the value; `nullable: false` promises that it never is null.
 */
import type { DataType } from '../batch/types.ts';

/** Where in the expression's text a node began and ended, in characters from 0. */
export interface Span {
  readonly start: number;
  readonly end: number;
}

interface Base {
  readonly type: DataType;
  readonly nullable: boolean;
  readonly span: Span;
}

/** Column `index` of the input schema, widened as said above. */
export interface ColumnExpr extends Base {
  readonly node: 'column';
  readonly index: number;
  readonly name: string;
}

/**
 * bool: boolean; int32, float32, float64, date32: number; int64, timestamp, duration: bigint; utf8: string; binary: Uint8Array.
 */
export type LiteralValue = null | boolean | number | bigint | string | Uint8Array;

export interface LiteralExpr extends Base {
  readonly node: 'literal';
  readonly value: LiteralValue;
}

/** A catalogue function. Strict: null when any argument is null, and then not evaluated. */
export interface CallExpr extends Base {
  readonly node: 'call';
  /** The overload's id in the catalogue, such as `add.int64`. */
  readonly fn: string;
  readonly args: readonly Expr[];
}

/** Three-valued, evaluated from left to right, stopping at the first false (and) or true (or). */
export interface LogicExpr extends Base {
  readonly node: 'and' | 'or';
  readonly args: readonly Expr[];
}

export interface NotExpr extends Base {
  readonly node: 'not';
  readonly arg: Expr;
}

/** Never null itself. */
export interface IsNullExpr extends Base {
  readonly node: 'isNull';
  readonly arg: Expr;
}

/** The first branch whose condition is true (not null); `otherwise` if none. Only the branch taken is evaluated. */
export interface CaseExpr extends Base {
  readonly node: 'case';
  readonly branches: readonly { readonly when: Expr; readonly then: Expr }[];
  readonly otherwise: Expr;
}

/** Evaluates `value` once, then `body`, in which `{ node: 'var', id }` stands for it. Ids are unique in an expression. */
export interface LetExpr extends Base {
  readonly node: 'let';
  readonly id: number;
  readonly value: Expr;
  readonly body: Expr;
}

export interface VarExpr extends Base {
  readonly node: 'var';
  readonly id: number;
}

export type Expr =
  | ColumnExpr
  | LiteralExpr
  | CallExpr
  | LogicExpr
  | NotExpr
  | IsNullExpr
  | CaseExpr
  | LetExpr
  | VarExpr;

/**
 * What can go wrong while a row is evaluated. A cell reports the index in this list; the code that users see is
 * `expression.` and the name in kebab-case.
 */
export const EVALUATION_ERRORS = [
  'none',
  'divisionByZero',
  'outOfRange',
  'invalidText',
  'invalidArgument',
  'tooLong',
  'overflow',
  'underflow',
  'timeNull',
] as const;
export type EvaluationError = (typeof EVALUATION_ERRORS)[number];
