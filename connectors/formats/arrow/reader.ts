/**
 * Reads Arrow files and streams, a record batch at a time: frame, decompress, check, then cut into batches of ours. apache-arrow is loaded
 * only for columns of types that have no name of ours.
 */
import type * as arrow from 'apache-arrow';
import type { Batch } from '../../../engine/batch/batch.ts';
import { assembleBatch, type ForeignLoader as LoadForeign } from '../../../engine/batch/ipc-columns.ts';
import { type DictionaryMessage, type RecordBatchMessage, readMessage } from '../../../engine/batch/ipc-message.ts';
import type { Schema } from '../../../engine/batch/types.ts';
import { CloudskinError } from '../../../engine/errors.ts';
import { Cutter } from '../columnar/cutter.ts';
import { matchColumns } from '../columnar/match.ts';
import type { FormatReader, Input, ReadRequest } from '../format.ts';
import { decompressBody, MAX_BODY } from './body.ts';
import { type FileSchema, fileSchema } from './file-schema.ts';
import { corrupt, type Messages, openMessages, type RawMessage } from './messages.ts';

/** apache-arrow and what uses it, for files that need it. */
interface Foreign {
  readonly library: typeof import('apache-arrow');
  readonly loaders: typeof import('./foreign.ts');
}

export async function openArrowReader(input: Input, request: ReadRequest): Promise<FormatReader> {
  const messages = await guard(input.name, () => openMessages(input, request.signal));
  if (request.signal.aborted) return ended(messages);
  const file = await guard(input.name, () => fileSchema(input.name, messages.schema));
  const foreign = await loadForeign(file.schema);
  const matches = matchColumns(input.name, file.schema, request);
  const cutter = new Cutter(input.name, request, matches, (batch, column) => foreignReader(foreign, batch, column));
  return new ArrowReader(input.name, messages, file, foreign, cutter);
}

/** The schema of a file or stream, as a guess: exact, since the file says it. */
export async function readArrowSchema(input: Input): Promise<Schema> {
  const messages = await guard(input.name, () => openMessages(input, new AbortController().signal));
  try {
    return (await guard(input.name, () => fileSchema(input.name, messages.schema))).schema;
  } finally {
    await messages.close();
  }
}

async function loadForeign(schema: Schema): Promise<Foreign | undefined> {
  if (schema.fields.every((field) => field.type.kind !== 'foreign')) return undefined;
  return { library: await import('apache-arrow'), loaders: await import('./foreign.ts') };
}

function foreignReader(foreign: Foreign | undefined, batch: Batch, column: number): (row: number) => unknown {
  const data = batch.foreign?.get(column) as arrow.Data | undefined;
  if (foreign === undefined || data === undefined) return () => null;
  const vector = new foreign.library.Vector([data]);
  return (row) => vector.get(row);
}

function ended(messages: Messages): FormatReader {
  return { next: async () => undefined, close: () => messages.close() };
}

/** What a damaged file makes fail, at whatever depth, is said as `source.corrupt` of that file. */
async function guard<T>(name: string, run: () => Promise<T> | T): Promise<T> {
  try {
    return await run();
  } catch (error) {
    if (!(error instanceof CloudskinError)) {
      if (error instanceof RangeError || error instanceof TypeError) throw corrupt(name, error.message, error);
      throw error;
    }
    if (/^(batch\.malformed|lz4\.corrupt|zstd\.corrupt)$/.test(error.code)) throw corrupt(name, error.message, error);
    throw error;
  }
}

class ArrowReader implements FormatReader {
  readonly #name: string;
  readonly #messages: Messages;
  readonly #file: FileSchema;
  readonly #foreign: Foreign | undefined;
  readonly #cutter: Cutter;
  readonly #dictionaries: Map<number, arrow.Vector> = new Map();
  #count = 0;

  constructor(name: string, messages: Messages, file: FileSchema, foreign: Foreign | undefined, cutter: Cutter) {
    this.#name = name;
    this.#messages = messages;
    this.#file = file;
    this.#foreign = foreign;
    this.#cutter = cutter;
  }

  async next(): Promise<Batch | undefined> {
    for (;;) {
      const batch = this.#cutter.next();
      if (batch !== undefined) return batch;
      const raw = await guard(this.#name, () => this.#messages.next(this.#foreign !== undefined));
      if (raw === undefined) return undefined;
      const loaded = await guard(`${this.#name}, message ${++this.#count},`, () => this.#load(raw));
      if (loaded !== undefined) this.#cutter.load(loaded);
    }
  }

  close(): Promise<void> {
    return this.#messages.close();
  }

  /** The batch of a record batch message; a dictionary's is kept for those that follow. */
  #load({ metadata, body }: RawMessage): Batch | undefined {
    const message = readMessage(metadata);
    if (message.kind === 'schema') throw corrupt(this.#name, 'a second schema');
    const batch = message.kind === 'dictionary' ? message.batch : message;
    if (batch.rows > MAX_BODY) throw corrupt(this.#name, `${batch.rows} rows in one batch`);
    const plain =
      batch.codec === undefined ? { buffers: batch.buffers, body } : decompressBody(batch, body, batch.codec);
    if (message.kind === 'dictionary') {
      this.#keepDictionary(message, plain);
      return undefined;
    }
    const { rows, nodes } = batch;
    return assembleBatch(this.#file.schema, { rows, nodes, ...plain }, true, this.#loader(batch, plain));
  }

  #loader(
    message: RecordBatchMessage,
    plain: Pick<RawMessage, 'body'> & { readonly buffers: Float64Array },
  ): LoadForeign {
    const { rows } = message;
    const loader = this.#loaderOf(message, plain);
    return (field, cursor) => {
      if (field.type.kind !== 'foreign' || loader === undefined) throw corrupt(this.#name, 'a column without a type');
      return loader.load(field.name, field.type.arrow as arrow.DataType, cursor, rows);
    };
  }

  #loaderOf(message: RecordBatchMessage, plain: { readonly buffers: Float64Array; readonly body: Uint8Array }) {
    if (this.#foreign === undefined) return undefined;
    const { nodes, version, variadic } = message;
    return new this.#foreign.loaders.ForeignLoader({
      nodes,
      version,
      variadic,
      ...plain,
      dictionaries: this.#dictionaries,
    });
  }

  #keepDictionary(
    message: DictionaryMessage,
    plain: { readonly buffers: Float64Array; readonly body: Uint8Array },
  ): void {
    const type = this.#file.dictionaries.get(message.id);
    const loader = this.#loaderOf(message.batch, plain);
    if (type === undefined || loader === undefined || this.#foreign === undefined) {
      throw corrupt(this.#name, `dictionary ${message.id}, which no column uses`);
    }
    const data = loader.load(`dictionary ${message.id}`, type, { node: 0, buffer: 0 }, message.batch.rows);
    const added = new this.#foreign.library.Vector([data]);
    const before = message.delta ? this.#dictionaries.get(message.id) : undefined;
    this.#dictionaries.set(message.id, before === undefined ? added : before.concat(added));
  }
}
