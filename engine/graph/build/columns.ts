/** Columns between operators: types that cells cannot take, and columns that are carried as they are. */
import { CELL_KINDS, type DataType, type Field, formatType, type Schema } from '../../batch/types.ts';
import type { Place } from '../../errors.ts';
import type { ProjectStep } from '../plan.ts';
import type { Path } from '../tree.ts';
import type { Build } from './context.ts';

/** Reports, by name, the first column of `schema` whose type no cell takes; true where there is none. */
export function checkCellColumns(schema: Schema, operator: string, path: Path, build: Build): boolean {
  const refused = schema.fields.filter(({ type }) => !CELL_KINDS.has(type.kind));
  const [first] = refused;
  if (first === undefined) return true;
  const others = refused.length > 1 ? `, and ${refused.length - 1} more of such types` : '';
  const type = formatType(first.type);
  const message = `"${operator}" would carry the column "${first.name}", whose type ${type} cells do not take${others}`;
  build.atKey(
    path,
    'graph.column-type',
    message,
    'name the other columns in select, or connect source and sink directly',
  );
  return false;
}

/** A column handed on, with the type it reads as in an expression. */
export function carriedColumn(field: Field, index: number, place: Place): ProjectStep['columns'][number] {
  const { name, nullable } = field;
  const span = { start: 0, end: name.length };
  return { name, text: name, expr: { node: 'column', index, name, type: readAs(field.type), nullable, span }, place };
}

/** The schema after every column has been carried through an operator. */
export function widened(schema: Schema): Schema {
  return { ...schema, fields: schema.fields.map((field) => ({ ...field, type: readAs(field.type) })) };
}

/** As `engine/expression/ir.ts` says: narrow integers read as int32, unsigned 32 and 64 bits as int64. */
function readAs(type: DataType): DataType {
  switch (type.kind) {
    case 'int8':
    case 'int16':
    case 'uint8':
    case 'uint16':
      return { kind: 'int32' };
    case 'uint32':
    case 'uint64':
      return { kind: 'int64' };
    default:
      return type;
  }
}
