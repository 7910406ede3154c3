/** How far the rows of a data file are out of order, measured on its head, so that a graph made for it loses none. */
import { dirname } from 'node:path';
import { file } from '../../connectors/file/file.ts';
import type { InferredFile } from '../../connectors/infer.ts';
import { valueReader } from '../../engine/batch/reader.ts';
import { UNITS_PER_SECOND } from '../../engine/batch/types.ts';
import type { SourceContext } from '../../engine/graph/connector.ts';
import { realPorts } from '../../engine/ports.ts';

/** Rows that are looked at. */
const ROWS = 200_000;
const MICROSECONDS = 1_000_000n;

/** Microseconds by which a row lies behind the greatest time before it, at most; undefined where the data has no time. */
export async function measureDisorder(path: string, inferred: InferredFile): Promise<bigint | undefined> {
  const { schema, options, paths, time } = inferred;
  const column = schema.fields.findIndex((field) => field.name === time);
  const type = schema.fields[column]?.type;
  if (file.source === undefined || type?.kind !== 'timestamp') return undefined;
  const stop = new AbortController();
  const context: SourceContext = {
    name: 'data',
    directory: dirname(path),
    signal: stop.signal,
    ports: realPorts,
    paths,
    attach: [],
    reject: () => undefined, // bad rows are told when the graph runs
  };
  const source = await file.source.open(file.source.options.parse({ ...options, path }), schema, context);
  let greatest: bigint | undefined;
  let disorder = 0n;
  let rows = 0;
  try {
    for (const partition of source.partitions) {
      for (let batch = await partition.next(); batch !== undefined && rows < ROWS; batch = await partition.next()) {
        const read = valueReader(batch, column);
        for (let row = 0; row < batch.rows; row++) {
          const at = read(row);
          if (typeof at !== 'bigint') continue;
          if (greatest === undefined || at > greatest) greatest = at;
          else if (greatest - at > disorder) disorder = greatest - at;
        }
        rows += batch.rows;
      }
    }
  } finally {
    stop.abort();
    await source.close();
  }
  const units = UNITS_PER_SECOND[type.unit];
  return (disorder * MICROSECONDS + units - 1n) / units;
}
