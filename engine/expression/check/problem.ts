/** What is wrong with an expression: findings of the parser and the checker, with their place in the expression's text. */
import type { Span } from '../ir.ts';

export type ExpressionCode =
  | 'expression.syntax'
  | 'expression.too-large'
  | 'expression.unsupported'
  | 'expression.not-deterministic'
  | 'expression.unknown-column'
  | 'expression.ambiguous-column'
  | 'expression.unsupported-column'
  | 'expression.unknown-function'
  | 'expression.unknown-type'
  | 'expression.wrong-arguments'
  | 'expression.type-mismatch'
  | 'expression.bad-literal'
  | 'expression.misplaced-aggregate'
  | 'expression.not-an-aggregate';

export interface ExpressionProblem {
  readonly code: ExpressionCode;
  /** One sentence without a final full stop. */
  readonly message: string;
  /** In UTF-16 units of the expression's text. */
  readonly span: Span;
  readonly hint?: string;
}
