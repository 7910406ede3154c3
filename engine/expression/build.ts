/** Makes nodes of expressions, with their type and nullability. */
import type { DataType } from '../batch/types.ts';
import { catalogueFunction } from './catalogue.ts';
import type { CatalogueFunction } from './define.ts';
import type {
  CallExpr,
  CaseExpr,
  Expr,
  IsNullExpr,
  LiteralExpr,
  LiteralValue,
  LogicExpr,
  NotExpr,
  Span,
} from './ir.ts';

export const BOOL: DataType = { kind: 'bool' };
export const INT32: DataType = { kind: 'int32' };
export const INT64: DataType = { kind: 'int64' };
export const FLOAT32: DataType = { kind: 'float32' };
export const FLOAT64: DataType = { kind: 'float64' };
export const UTF8: DataType = { kind: 'utf8' };
export const DATE32: DataType = { kind: 'date32' };

export function literal(type: DataType, value: LiteralValue, span: Span): LiteralExpr {
  return { node: 'literal', value, type, nullable: value === null, span };
}

/** The unit and zone of a timestamp or duration result are those of the first such argument, as the catalogue says. */
function resultType(entry: CatalogueFunction, args: readonly Expr[]): DataType {
  const { result } = entry;
  if (result.kind !== 'timestamp' && result.kind !== 'duration') return result;
  for (const { type } of args) {
    if (type.kind === 'timestamp') return result.kind === 'timestamp' ? type : { kind: 'duration', unit: type.unit };
    if (type.kind === 'duration') return { kind: result.kind, unit: type.unit };
  }
  return result;
}

/** A call of a catalogue function. The arguments have its kinds already; `type` is given for casts to timestamps and durations. */
export function call(fn: string, args: readonly Expr[], span: Span, type?: DataType): CallExpr {
  const nullable = args.some((arg) => arg.nullable);
  return { node: 'call', fn, args, type: type ?? resultType(catalogueFunction(fn), args), nullable, span };
}

export function logic(node: 'and' | 'or', args: readonly Expr[], span: Span): LogicExpr {
  return { node, args, type: BOOL, nullable: args.some((arg) => arg.nullable), span };
}

export function not(arg: Expr, span: Span): NotExpr {
  return { node: 'not', arg, type: BOOL, nullable: arg.nullable, span };
}

export function isNull(arg: Expr, span: Span): IsNullExpr {
  return { node: 'isNull', arg, type: BOOL, nullable: false, span };
}

/** The branches and `otherwise` have one type already. */
export function conditional(branches: CaseExpr['branches'], otherwise: Expr, span: Span): CaseExpr {
  const nullable = otherwise.nullable || branches.some((branch) => branch.then.nullable);
  return { node: 'case', branches, otherwise, type: otherwise.type, nullable, span };
}
