/** For tests: formats read from bytes in memory and written to them, in pieces of any size. */

import type { Format, Input } from '../../connectors/formats/format.ts';
import { formatOptions } from '../../connectors/formats/formats.ts';
import type { Batch } from '../../engine/batch/batch.ts';
import { parseType, type Schema, type Value } from '../../engine/batch/types.ts';
import type { BadRow } from '../../engine/graph/connector.ts';
import { build, rowsOf } from './tables.ts';

/** `{ machine: 'utf8', t: 'float64' }` as a schema of nullable columns. */
export function schemaOf(columns: Readonly<Record<string, string>>): Schema {
  const fields = Object.entries(columns).map(([name, text]) => {
    const type = parseType(text);
    if (type === undefined) throw new Error(`no type ${text}`);
    return { name, type, nullable: true };
  });
  return { fields };
}

export function inputOf(bytes: Uint8Array, pieceSize: number = 65_536, name: string = 'data.txt'): Input {
  return {
    name,
    live: false,
    stream: () => pieces(bytes, pieceSize),
    random: { byteLength: bytes.length, read: async (start, end) => bytes.slice(start, end) },
  };
}

async function* pieces(bytes: Uint8Array, size: number): AsyncGenerator<Uint8Array, undefined> {
  // One buffer for all pieces, as a file's input does it: a reader that keeps a piece too long sees it change.
  const shared = new Uint8Array(size);
  for (let at = 0; at < bytes.length; at += size) {
    const piece = bytes.subarray(at, at + size);
    shared.fill(0);
    shared.set(piece);
    yield shared.subarray(0, piece.length);
  }
}

export interface ReadSetup {
  readonly schema: Schema;
  readonly options?: Readonly<Record<string, unknown>>;
  readonly paths?: Readonly<Record<string, string>>;
  readonly attach?: readonly string[];
  readonly pieceSize?: number;
  readonly name?: string;
}

export interface ReadResult {
  readonly rows: Value[][];
  readonly bad: BadRow[];
  /** Rows of each batch. */
  readonly batches: number[];
}

export async function readBytes(format: Format, data: Uint8Array | string, setup: ReadSetup): Promise<ReadResult> {
  const bytes = typeof data === 'string' ? Buffer.from(data) : data;
  const bad: BadRow[] = [];
  const request = {
    schema: setup.schema,
    paths: new Map(Object.entries(setup.paths ?? {})),
    attach: setup.attach ?? [],
    reject: (row: BadRow) => void bad.push(row),
    signal: new AbortController().signal,
  };
  const options = formatOptions(format.readOptions, setup.options ?? {});
  const reader = await format.openReader(inputOf(bytes, setup.pieceSize, setup.name), request, options);
  const rows: Value[][] = [];
  const batches: number[] = [];
  try {
    for (let batch = await reader.next(); batch !== undefined; batch = await reader.next()) {
      for (const row of rowsOf(batch)) rows.push(row);
      batches.push(batch.rows);
    }
  } finally {
    await reader.close();
  }
  return { rows, bad, batches };
}

/** What the format writes for the rows, in batches of `batchRows`. */
export async function writeRows(
  format: Format,
  schema: Schema,
  rows: readonly (readonly Value[])[],
  options: Readonly<Record<string, unknown>> = {},
  batchRows: number = 7,
): Promise<Buffer> {
  const batches: Batch[] = [];
  for (let at = 0; at < rows.length; at += batchRows) batches.push(build(schema, rows.slice(at, at + batchRows)));
  return writeBatches(format, schema, batches, options);
}

export async function writeBatches(
  format: Format,
  schema: Schema,
  batches: readonly Batch[],
  options: Readonly<Record<string, unknown>> = {},
): Promise<Buffer> {
  const written: Buffer[] = [];
  const writer = await format.openWriter(schema, formatOptions(format.writeOptions, options), (bytes) => {
    written.push(Buffer.from(bytes));
  });
  for (const batch of batches) writer.write(batch);
  writer.finish();
  return Buffer.concat(written);
}
