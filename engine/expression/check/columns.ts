/**
 * Column references. An unquoted name is taken as it is written, since the names of a schema are case-sensitive; where no column is
 * spelled so, as SQL takes it: in lower case.
 */
import type { ColumnRef } from 'libpg-query';
import { type DataType, formatType } from '../../batch/types.ts';
import { BOOL, FLOAT32, FLOAT64, INT32, INT64, UTF8 } from '../build.ts';
import type { Expr, Span } from '../ir.ts';
import { type Context, type ScopeColumn, unwrap } from './context.ts';
import { nearest } from './nearest.ts';

/** What a column's type reads as; undefined where expressions cannot compute with it. */
export function valueType(type: DataType): DataType | undefined {
  switch (type.kind) {
    case 'bool':
      return BOOL;
    case 'int8':
    case 'int16':
    case 'int32':
    case 'uint8':
    case 'uint16':
      return INT32;
    case 'int64':
    case 'uint32':
    case 'uint64':
      return INT64;
    case 'float32':
      return FLOAT32;
    case 'float64':
      return FLOAT64;
    case 'utf8':
      return UTF8;
    case 'binary':
    case 'date32':
    case 'timestamp':
    case 'duration':
      return type;
    default:
      return undefined;
  }
}

interface Name {
  /** As it is written. */
  readonly exact: string;
  /** As SQL reads it. */
  readonly folded: string;
}

export function checkColumn(context: Context, { fields = [], location }: ColumnRef): Expr | undefined {
  const index = context.source.tokenIndex(location);
  const parts = fields.map((field) => unwrap(field));
  const last = context.source.tokens[index + 2 * (parts.length - 1)];
  const first = context.source.token(location);
  const span: Span = { start: first.start, end: last?.end ?? first.end };
  if (parts.some((part) => part.kind !== 'String')) {
    return context.problem('expression.unsupported', '* stands for all columns, and here is room for one', span);
  }
  const names = parts.map((part, at): Name => {
    const folded = (part.body as { sval?: string }).sval ?? '';
    const written = context.source.tokens[index + 2 * at]?.text ?? folded;
    return { exact: written.startsWith('"') || /^u&/i.test(written) ? folded : written, folded };
  });
  const [one, two] = names;
  if (one === undefined || names.length > 2) {
    return context.problem('expression.unsupported', 'a column is written as name or input.name', span);
  }
  return two === undefined ? find(context, undefined, one, span) : find(context, one, two, span);
}

function find(context: Context, alias: Name | undefined, name: Name, span: Span): Expr | undefined {
  const { columns } = context.scope;
  const exact = columns.filter((column) => column.name === name.exact && hasAlias(column, alias));
  const found =
    exact.length > 0 ? exact : columns.filter((column) => column.name === name.folded && hasAlias(column, alias));
  // beside inputs with aliases, one that is of none of them is meant where no input is said
  const own = alias === undefined ? found.find((each) => each.alias === undefined) : undefined;
  const column = own ?? found[0];
  if (column === undefined) return unknown(context, alias, name, span);
  if (own === undefined && found.length > 1) return ambiguous(context, found, name, span);
  const type = valueType(column.type);
  if (type === undefined) {
    const message = `column ${column.name} is ${formatType(column.type)}, which expressions cannot compute with`;
    return context.problem('expression.unsupported-column', message, span);
  }
  return { node: 'column', index: column.index, name: column.name, type, nullable: column.nullable, span };
}

function hasAlias(column: ScopeColumn, alias: Name | undefined): boolean {
  return alias === undefined || column.alias === alias.exact || column.alias === alias.folded;
}

function ambiguous(context: Context, found: readonly ScopeColumn[], name: Name, span: Span): undefined {
  const inputs = found.map((column) => `${column.alias ?? ''}.${column.name}`);
  const message = `several inputs have a column ${name.exact}`;
  return context.problem('expression.ambiguous-column', message, span, `write ${inputs.join(' or ')}`);
}

function unknown(context: Context, alias: Name | undefined, name: Name, span: Span): undefined {
  const { columns } = context.scope;
  const own = alias === undefined ? columns : columns.filter((column) => hasAlias(column, alias));
  const aliases = new Set(columns.flatMap((column) => column.alias ?? []));
  if (alias !== undefined && own.length === 0) {
    const close = nearest(alias.exact, aliases);
    const hint = aliases.size === 0 ? 'write the column without an input' : `the inputs are ${[...aliases].join(', ')}`;
    return context.problem(
      'expression.unknown-column',
      `there is no input ${alias.exact}`,
      span,
      close === undefined ? hint : `did you mean ${close}?`,
    );
  }
  const message = `there is no column ${name.exact}`;
  return context.problem('expression.unknown-column', message, span, columnHint(context, own, name, span));
}

function columnHint(context: Context, columns: readonly ScopeColumn[], name: Name, span: Span): string | undefined {
  const names = columns.map((column) => column.name);
  const close = nearest(name.exact, names);
  if (close !== undefined) return `did you mean ${/^[a-z_][a-z0-9_]*$/i.test(close) ? close : `"${close}"`}?`;
  if (context.source.text.charAt(span.start) === '"') return `text is written in single quotes: '${name.exact}'`;
  if (names.length === 0) return undefined;
  const shown = names.slice(0, 12).join(', ');
  return `the columns are ${shown}${names.length > 12 ? ` and ${names.length - 12} more` : ''}`;
}
