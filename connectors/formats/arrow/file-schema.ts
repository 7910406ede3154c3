/** The schema of an Arrow file: read by our own hands where all types have names of ours, through apache-arrow where not. */
import type * as arrow from 'apache-arrow';
import type { FlatTable } from '../../../engine/batch/flatbuffer.ts';
import { readSchema } from '../../../engine/batch/ipc-schema.ts';
import type { Schema } from '../../../engine/batch/types.ts';
import { CloudskinError, userError } from '../../../engine/errors.ts';

export interface FileSchema {
  readonly schema: Schema;
  /** Dictionary number -> type of its values; empty where no column is foreign. */
  readonly dictionaries: ReadonlyMap<number, arrow.DataType>;
}

/** Arrow's type numbers that apache-arrow does not know. */
const UNREADABLE: ReadonlyMap<number, string> = new Map([
  [22, 'run_end_encoded'],
  [25, 'list_view'],
  [26, 'large_list_view'],
]);
const MAX_DEPTH = 64;

/** Throws `source.corrupt`, `batch.big-endian`, and `source.unsupported-type` naming column and type. */
export async function fileSchema(name: string, table: FlatTable): Promise<FileSchema> {
  try {
    return { schema: readSchema(table), dictionaries: new Map() };
  } catch (error) {
    if (!(error instanceof CloudskinError) || error.code !== 'batch.foreign-column') throw error;
  }
  for (const field of table.tables(1)) refuseUnreadable(name, field, field.string(0) ?? '', 0);
  const { arrowSchema } = await import('./flat-types.ts');
  const { fromArrowSchema } = await import('../../../engine/batch/arrow-types.ts');
  const schema = arrowSchema(table);
  return { schema: fromArrowSchema(schema), dictionaries: schema.dictionaries };
}

function refuseUnreadable(name: string, field: FlatTable, column: string, depth: number): void {
  const number = field.u8(2, 0);
  const type = UNREADABLE.get(number) ?? (number > 26 ? `number ${number}` : undefined);
  if (type !== undefined || depth > MAX_DEPTH) {
    throw userError(
      'source.unsupported-type',
      `${name}: column ${column} is of Arrow type ${type}, which cannot be read`,
      {
        hint: 'write it as another type',
      },
    );
  }
  for (const child of field.tables(5)) refuseUnreadable(name, child, column, depth + 1);
}
