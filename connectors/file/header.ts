/** What the rows of one file have in common, whoever wrote them: who goes on with a file has to go on with its header. */
import { formatType, type Schema } from '../../engine/batch/types.ts';
import type { FormatName } from '../formats/format.ts';

/** Of csv the names of its columns, of arrow, parquet and json (which are held as arrow) their types, too; undefined for ndjson, whose records name their own. */
export function headerOf(format: FormatName, { fields }: Schema): string | undefined {
  if (format === 'ndjson') return undefined;
  return fields.map(({ name, type }) => (format === 'csv' ? name : `${name} ${formatType(type)}`)).join(', ');
}
