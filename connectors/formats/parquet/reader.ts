/**
 * Reads parquet files a row group at a time: each wanted column's chunk is checked, decoded by hyparquet to physical values, and put
 * into Arrow's layout before the next, so that no more than one column is ever held as JavaScript values.
 */

import type { Compressors, FileMetaData } from 'hyparquet';
import { type Batch, LAYOUT_WORDS } from '../../../engine/batch/batch.ts';
import { BatchBuilder } from '../../../engine/batch/builder.ts';
import { decodeSchema } from '../../../engine/batch/ipc.ts';
import { validateText } from '../../../engine/batch/ipc-columns.ts';
import { assembleColumns } from '../../../engine/batch/reader.ts';
import type { Schema } from '../../../engine/batch/types.ts';
import { defined } from '../../../engine/defined.ts';
import { CloudskinError, messageOf, userError } from '../../../engine/errors.ts';
import { Cutter } from '../columnar/cutter.ts';
import { type Match, matchColumns } from '../columnar/match.ts';
import { collected } from '../columnar/random.ts';
import type { FormatReader, Input, RandomAccess, ReadRequest } from '../format.ts';
import { type ParquetColumn, parquetColumns, schemaOf } from './columns.ts';
import { checkPages, decompressors, malformed } from './pages.ts';
import { appendChunks } from './values.ts';

/** A row group of more rows is refused: its columns could not be held. Writers make groups of a hundred thousand to a million. */
const MAX_GROUP_ROWS = 33_554_432;
const MAX_CHUNK = 1_073_741_824;
/** The key under which Arrow's writers keep their schema. */
export const ARROW_SCHEMA_KEY = 'ARROW:schema';

function corrupt(name: string, why: string, cause?: unknown): Error {
  return userError('source.corrupt', `${name} is no complete parquet file: ${why}`, {
    hint: 'the file is truncated or damaged',
    ...defined({ cause }),
  });
}

/** Whatever fails in decoding is the file's fault, unless it says otherwise. */
async function guard<T>(name: string, run: () => Promise<T> | T): Promise<T> {
  try {
    return await run();
  } catch (error) {
    if (error instanceof CloudskinError && !/^(parquet|batch)\.(malformed|null|out-of-range|type)$/.test(error.code)) {
      throw error;
    }
    throw corrupt(name, messageOf(error), error);
  }
}

interface ParquetFile {
  readonly name: string;
  readonly random: RandomAccess;
  readonly metadata: FileMetaData;
  readonly columns: readonly ParquetColumn[];
  readonly schema: Schema;
}

async function openFile(input: Input, signal: AbortSignal): Promise<ParquetFile> {
  const { name } = input;
  const random = input.random ?? (await collected(input, signal));
  await checkMagic(name, random);
  const { parquetMetadataAsync, parquetSchema } = await import('hyparquet');
  return guard(name, async () => {
    const slice = async (start: number, end = random.byteLength): Promise<ArrayBuffer> =>
      exact(await random.read(start, end));
    const metadata = await parquetMetadataAsync({ byteLength: random.byteLength, slice }, { geoparquet: false });
    const stored = storedSchema(metadata);
    const plain = parquetColumns(parquetSchema(metadata), stored);
    const columns = plain.some(needsArrow) ? await withArrowTypes(plain) : plain;
    return { name, random, metadata, columns, schema: schemaOf(columns, stored) };
  });
}

function needsArrow({ field }: ParquetColumn): boolean {
  return field.type.kind === 'foreign' && field.type.arrow === undefined;
}

async function withArrowTypes(columns: readonly ParquetColumn[]): Promise<readonly ParquetColumn[]> {
  const { withArrowType } = await import('./foreign.ts');
  return columns.map((column) => ({ ...column, field: { ...column.field, type: withArrowType(column.field.type) } }));
}

function exact(bytes: Uint8Array): ArrayBuffer {
  const { buffer } = bytes;
  return buffer instanceof ArrayBuffer && buffer.byteLength === bytes.length ? buffer : new Uint8Array(bytes).buffer;
}

async function checkMagic(name: string, random: RandomAccess): Promise<void> {
  const head = Buffer.from(await random.read(0, Math.min(4, random.byteLength))).toString('latin1');
  if (head === 'PARE') throw userError('source.encrypted', `${name} is encrypted, which cannot be read`);
  if (head !== 'PAR1' && random.byteLength >= 4) {
    throw userError('source.wrong-format', `${name} is not a parquet file`, { hint: 'set `format` to what it is' });
  }
  if (random.byteLength < 12) throw corrupt(name, 'it ends within its header');
}

/** The schema that an Arrow writer kept beside parquet's; a hint only, so that what cannot be read of it is left aside. */
function storedSchema({ key_value_metadata }: FileMetaData): Schema | undefined {
  const value = key_value_metadata?.find(({ key }) => key === ARROW_SCHEMA_KEY)?.value;
  if (value === undefined) return undefined;
  try {
    return decodeSchema(new Uint8Array(Buffer.from(value, 'base64')), 'name');
  } catch {
    return undefined;
  }
}

/** The file's schema, for `infer`. Throws `source.unsupported-type` naming every column that cannot be read. */
export async function readParquetSchema(input: Input): Promise<Schema> {
  const { name, columns, schema } = await openFile(input, new AbortController().signal);
  const unreadable = columns.filter((column) => column.unreadable !== undefined);
  if (unreadable.length > 0) throw unsupported(name, unreadable);
  return schema;
}

function unsupported(name: string, columns: readonly ParquetColumn[]): Error {
  const all = columns.map(({ field, unreadable }) => `${field.name} (${unreadable})`).join(', ');
  return userError(
    'source.unsupported-type',
    `${name}: column${columns.length > 1 ? 's' : ''} ${all} cannot be read from parquet`,
    {
      hint: 'give the source a `schema` that leaves them out',
    },
  );
}

export async function openParquetReader(input: Input, request: ReadRequest): Promise<FormatReader> {
  const file = await openFile(input, request.signal).catch((error: unknown) => {
    // An input that was stopped ends early, which is no fault of the file.
    if (request.signal.aborted) return undefined;
    throw error;
  });
  if (file === undefined) return { next: async () => undefined, close: async () => undefined };
  const matches = matchColumns(input.name, file.schema, request);
  const needed = [...new Set(matches.map(({ source }) => source))].map(
    (source) => file.columns[source] as ParquetColumn,
  );
  const unreadable = needed.filter((column) => column.unreadable !== undefined);
  if (unreadable.length > 0) throw unsupported(input.name, unreadable);
  return new ParquetReader(file, needed, await decompressors(), await cutterFor(file, request, matches, needed));
}

/** Reads decimals and times, where a column of them is wanted as another type. */
async function cutterFor(
  file: ParquetFile,
  request: ReadRequest,
  matches: readonly Match[],
  needed: readonly ParquetColumn[],
): Promise<Cutter> {
  const moved = matches.map((match) => ({
    ...match,
    source: needed.indexOf(file.columns[match.source] as ParquetColumn),
  }));
  const library = needed.some(({ field }) => field.type.kind === 'foreign') ? await import('apache-arrow') : undefined;
  return new Cutter(file.name, request, moved, (batch, column) => {
    const data = batch.foreign?.get(column);
    if (library === undefined || !library.isArrowData(data)) return () => null;
    const vector = new library.Vector([data]);
    return (row) => vector.get(row);
  });
}

class ParquetReader implements FormatReader {
  readonly #file: ParquetFile;
  readonly #needed: readonly ParquetColumn[];
  readonly #compressors: Compressors;
  readonly #cutter: Cutter;
  readonly #schema: Schema;
  readonly #builder: BatchBuilder;
  #turn = 0;

  constructor(file: ParquetFile, needed: readonly ParquetColumn[], compressors: Compressors, cutter: Cutter) {
    this.#file = file;
    this.#needed = needed;
    this.#compressors = compressors;
    this.#cutter = cutter;
    this.#schema = { fields: needed.map(({ field }) => field) };
    this.#builder = new BatchBuilder({ fields: this.#schema.fields.filter(({ type }) => type.kind !== 'foreign') });
  }

  async next(): Promise<Batch | undefined> {
    for (;;) {
      const batch = this.#cutter.next();
      if (batch !== undefined) return batch;
      const group = this.#file.metadata.row_groups[this.#turn++];
      if (group === undefined) return undefined;
      this.#cutter.load(await guard(`${this.#file.name}, row group ${this.#turn},`, () => this.#load(group)));
    }
  }

  async close(): Promise<void> {}

  async #load(group: FileMetaData['row_groups'][number]): Promise<Batch> {
    const rows = Number(group.num_rows);
    if (!(rows >= 0 && rows <= MAX_GROUP_ROWS)) throw malformed(`${rows} rows; at most ${MAX_GROUP_ROWS} can be held`);
    const foreign = new Map<number, unknown>();
    let plain = 0;
    for (const [index, column] of this.#needed.entries()) {
      const chunks = await guard(`${this.#file.name}, column ${column.field.name},`, () =>
        this.#decode(group, column, rows),
      );
      if (column.field.type.kind === 'foreign') {
        const { foreignData } = await import('./foreign.ts');
        foreign.set(index, foreignData(column.field.type, chunks, rows));
        continue;
      }
      const target = this.#builder.columns[plain++];
      if (target !== undefined) appendChunks(column, chunks, rows, target);
    }
    this.#builder.endRows(rows);
    return this.#joined(this.#builder.finish(), foreign, rows);
  }

  /** Plain and foreign columns in the order of the schema. */
  #joined(built: Batch, foreign: ReadonlyMap<number, unknown>, rows: number): Batch {
    validateText(built);
    if (foreign.size === 0) return { ...built, schema: this.#schema };
    const layout = new Int32Array(this.#schema.fields.length * LAYOUT_WORDS);
    const holder: Batch = { schema: this.#schema, rows, body: new Uint8Array(0), layout, foreign };
    let plain = 0;
    const sources = this.#schema.fields.map((_, index) =>
      foreign.has(index)
        ? [{ batch: holder, column: index, from: 0, to: rows }]
        : [{ batch: built, column: plain++, from: 0, to: rows }],
    );
    return assembleColumns(this.#schema, rows, sources);
  }

  async #decode(
    group: FileMetaData['row_groups'][number],
    column: ParquetColumn,
    rows: number,
  ): Promise<readonly ArrayLike<unknown>[]> {
    const chunk = group.columns[column.leaf];
    const data = chunk?.meta_data;
    if (chunk === undefined || data === undefined) throw malformed('a column chunk is missing');
    if (chunk.crypto_metadata !== undefined)
      throw userError('source.encrypted', `column ${column.field.name} is encrypted`);
    if (chunk.file_path !== undefined) throw malformed('a column chunk in another file');
    if (Number(data.num_values) !== rows) throw malformed(`${data.num_values} values where ${rows} are due`);
    if (data.type !== column.element.type) throw malformed(`a column chunk of ${data.type}`);
    if (rows === 0) return [];
    const bytes = await this.#read(data);
    checkPages(bytes, rows);
    const { readColumn } = await import('hyparquet/src/column.js');
    const decoder = {
      pathInSchema: data.path_in_schema,
      type: data.type,
      element: column.path[1]?.element ?? column.element,
      schemaPath: [...column.path],
      codec: data.codec,
      compressors: this.#compressors,
      parsers: PHYSICAL,
      utf8: false,
    };
    const reader = { view: new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength), offset: 0 };
    return readColumn(reader, { groupStart: 0, selectStart: 0, selectEnd: rows, groupRows: rows }, decoder).data;
  }

  #read(data: NonNullable<FileMetaData['row_groups'][number]['columns'][number]['meta_data']>): Promise<Uint8Array> {
    const dictionary = Number(data.dictionary_page_offset ?? 0);
    const first = Number(data.data_page_offset);
    const start = dictionary > 0 && dictionary < first ? dictionary : first;
    const length = Number(data.total_compressed_size);
    if (!(start >= 4 && length > 0 && length <= MAX_CHUNK && start + length <= this.#file.random.byteLength)) {
      throw malformed(`a column chunk at ${start} of ${length} bytes`);
    }
    return this.#file.random.read(start, start + length);
  }
}

const same = <T>(value: T): T => value;
/** Leaves physical values as they are; INT96 alone arrives as nanoseconds. */
const PHYSICAL = {
  timestampFromMilliseconds: same,
  timestampFromMicroseconds: same,
  timestampFromNanoseconds: same,
  dateFromDays: same,
  stringFromBytes: same,
  jsonFromBytes: same,
  geometryFromBytes: same,
  geographyFromBytes: same,
  uuidFromBytes: same,
};
