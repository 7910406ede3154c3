/** Types that no text format holds. */
import type { Schema } from '../../../engine/batch/types.ts';
import { userError } from '../../../engine/errors.ts';

/** Throws `format.unsupported-type`, naming the column, where the schema has an Arrow type that text cannot carry. */
export function refuseForeign(schema: Schema, format: string): void {
  for (const { name, type } of schema.fields) {
    if (type.kind !== 'foreign') continue;
    throw userError('format.unsupported-type', `column ${name} is of type ${type.text}, which ${format} cannot hold`, {
      hint: 'leave it out with `select`, or use arrow or parquet',
    });
  }
}
