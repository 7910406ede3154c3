/**
 * What a source given in code may yield, and how it becomes batches: apache-arrow record batches and tables, columns by name, or
 * rows as objects. apache-arrow is loaded only when one of its objects comes.
 */
import type { RecordBatch, Table } from 'apache-arrow';
import { type Batch, MAX_BATCH_ROWS } from '../../batch/batch.ts';
import { BatchBuilder } from '../../batch/builder.ts';
import { selectColumns } from '../../batch/reader.ts';
import { type DataType, formatType, type Schema, sameType, UNITS_PER_SECOND, type Value } from '../../batch/types.ts';
import { CloudskinError, userError } from '../../errors.ts';
import type { SourceContext } from '../../graph/connector.ts';

/** A value of a row in code: what `Value` says of its column's type, a `Date` for times, a number for a 64-bit integer. */
export type CodeValue = Value | Date | undefined;

/** One delivery of a source in code. Columns that are missing are null; names that the schema does not have are errors. */
export type Chunk =
  | RecordBatch
  | Table
  | Readonly<Record<string, ArrayLike<CodeValue>>>
  | readonly Readonly<Record<string, CodeValue>>[];

/** Characters of a bad row that are kept. */
const RAW = 1_024;

/** Whose rows they are, and what takes those that do not fit. */
export type ChunkContext = Pick<SourceContext, 'name' | 'reject'>;

/** Turns the chunks of one source into batches of its schema. */
export class ChunkReader {
  readonly #schema: Schema;
  readonly #context: ChunkContext;
  readonly #builder: BatchBuilder;
  readonly #columns: ReadonlyMap<string, number>;
  #chunks = 0;

  constructor(schema: Schema, context: ChunkContext) {
    this.#schema = schema;
    this.#context = context;
    this.#builder = new BatchBuilder(schema);
    this.#columns = new Map(schema.fields.map(({ name }, index) => [name, index]));
  }

  /** The batches of a chunk; rows with values that do not fit are rejected one by one. */
  async *read(chunk: Chunk): AsyncGenerator<Batch> {
    this.#chunks += 1;
    if (isTable(chunk)) {
      for (const record of chunk.batches) yield await this.#fromArrow(record);
    } else if (isRecordBatch(chunk)) yield await this.#fromArrow(chunk);
    else if (Array.isArray(chunk)) yield* this.#fromRows(chunk.length, rowReader(chunk, this.#columns));
    else if (typeof chunk === 'object' && chunk !== null) {
      const columns = chunk as Readonly<Record<string, ArrayLike<CodeValue>>>;
      yield* this.#fromRows(rowsOf(columns), this.#columnReader(columns));
    } else throw this.#misfit(`a chunk is ${typeof chunk}, not a record batch, columns or rows`);
  }

  async #fromArrow(record: RecordBatch): Promise<Batch> {
    const { fromRecordBatch } = await import('../../batch/arrow.ts');
    const batch = fromRecordBatch(record);
    const found = new Map(batch.schema.fields.map(({ name }, index) => [name, index]));
    const indices = this.#schema.fields.map(({ name, type }) => {
      const index = found.get(name);
      const given = batch.schema.fields[index ?? -1]?.type;
      if (index === undefined || given === undefined) throw this.#misfit(`a record batch has no column "${name}"`);
      if (sameType(given, type)) return index;
      throw this.#misfit(`column "${name}" is ${formatType(given)}, the graph says ${formatType(type)}`);
    });
    return selectColumns(batch, indices, this.#schema);
  }

  *#fromRows(rows: number, read: (row: number) => readonly CodeValue[]): Generator<Batch> {
    const { columns } = this.#builder;
    for (let row = 0; row < rows; row++) {
      let values: readonly CodeValue[] = [];
      try {
        values = read(row);
        for (const [index, column] of columns.entries()) column.append(toValue(values[index], column.type));
        this.#builder.endRow();
      } catch (error) {
        this.#builder.rollbackRow();
        this.#reject(row, values, error);
      }
      if (this.#builder.rows >= MAX_BATCH_ROWS) yield this.#builder.finish();
    }
    if (this.#builder.rows > 0) yield this.#builder.finish();
  }

  #columnReader(columns: Readonly<Record<string, ArrayLike<CodeValue>>>): (row: number) => CodeValue[] {
    for (const name of Object.keys(columns)) if (!this.#columns.has(name)) throw this.#unknown(name);
    const given = this.#schema.fields.map(({ name }) => columns[name]);
    return (row) => given.map((values) => values?.[row]);
  }

  #reject(row: number, values: readonly CodeValue[], error: unknown): void {
    if (!(error instanceof CloudskinError)) throw error;
    const position = `chunk ${this.#chunks}, row ${row + 1}`;
    const raw = values
      .map((value) => String(value))
      .join(', ')
      .slice(0, RAW);
    this.#context.reject({ code: error.code, message: error.message, position, raw });
  }

  #misfit(message: string): CloudskinError {
    return userError('source.misfit', `source ${this.#context.name}, chunk ${this.#chunks}: ${message}`);
  }

  #unknown(name: string): CloudskinError {
    return this.#misfit(`there is no column "${name}"; the schema has ${[...this.#columns.keys()].join(', ')}`);
  }
}

/** Reads rows of objects; a key that is no column is an error of its row. */
function rowReader(
  rows: readonly Readonly<Record<string, CodeValue>>[],
  columns: ReadonlyMap<string, number>,
): (row: number) => CodeValue[] {
  const names = [...columns.keys()];
  return (index) => {
    const row = rows[index] ?? {};
    for (const name of Object.keys(row)) {
      if (!columns.has(name)) throw userError('source.unknown-column', `there is no column "${name}"`);
    }
    return names.map((name) => row[name]);
  };
}

function toValue(value: CodeValue, type: DataType): Value {
  if (value === undefined) return null;
  if (!(value instanceof Date)) return value;
  const milliseconds = value.getTime();
  if (Number.isNaN(milliseconds)) throw userError('source.invalid-date', 'the date is invalid');
  if (type.kind === 'date32') return Math.floor(milliseconds / 86_400_000);
  if (type.kind !== 'timestamp') throw userError('source.misfit', `a Date does not fit ${formatType(type)}`);
  const units = UNITS_PER_SECOND[type.unit];
  return type.unit === 's' ? BigInt(Math.floor(milliseconds / 1000)) : BigInt(milliseconds) * (units / 1000n);
}

/** Rows of columns: as many as the longest has. */
function rowsOf(columns: Readonly<Record<string, ArrayLike<CodeValue>>>): number {
  return Object.values(columns).reduce((rows, values) => Math.max(rows, values.length), 0);
}

function isTable(chunk: Chunk): chunk is Table {
  return typeof chunk === 'object' && chunk !== null && 'batches' in chunk && Array.isArray(chunk.batches);
}

function isRecordBatch(chunk: Chunk): chunk is RecordBatch {
  return typeof chunk === 'object' && chunk !== null && 'numRows' in chunk && typeof chunk.numRows === 'number';
}
