/**
 * Reads a table or a query, as csv that the database copies out. With a `key`, page by page in its order, so that reading can go on
 * behind any row; without, in one go.
 */
import type { Client } from 'pg';
import { to } from 'pg-copy-streams';
import type { Batch } from '../../engine/batch/batch.ts';
import { columnView, valueReader } from '../../engine/batch/reader.ts';
import type { Schema } from '../../engine/batch/types.ts';
import { userError } from '../../engine/errors.ts';
import type { ConnectorContext, Source, SourceContext, SourcePartition } from '../../engine/graph/connector.ts';
import type { Json } from '../../engine/json.ts';
import { csv } from '../formats/csv/csv.ts';
import type { FormatReader, Input } from '../formats/format.ts';
import { formatOptions } from '../formats/formats.ts';
import { valueText } from '../formats/text/values.ts';
import { pause } from '../outside.ts';
import { Database } from './connect.ts';
import type { PostgresSourceOptions } from './options.ts';
import { quoteName, quoteTable, quoteText, readExpression, typeOf } from './statements.ts';

const PAGE_ROWS = 65_536;

export async function openPostgresSource(
  options: PostgresSourceOptions,
  schema: Schema,
  context: SourceContext,
): Promise<Source> {
  const database = new Database(`source ${context.name}`, options, context);
  const key = options.key === undefined ? undefined : schema.fields.findIndex(({ name }) => name === options.key);
  if (key === -1) {
    throw userError(
      'postgres.key',
      `source ${context.name}: the schema has no column ${options.key}, which \`key\` names`,
    );
  }
  const table = new Table(options, schema, context, database, key);
  await table.open().catch(async (error: unknown) => {
    await database.close();
    throw error;
  });
  return { bounded: options.poll === undefined, partitions: [table], close: () => table.close() };
}

class Table implements SourcePartition {
  readonly name = '';
  readonly #options: PostgresSourceOptions;
  readonly #schema: Schema;
  readonly #context: SourceContext;
  readonly #database: Database;
  readonly #key: number | undefined;
  /** Of the last row handed out, as text. */
  #last: string | undefined;
  #reader: FormatReader | undefined;
  #rowsOfPage = 0;
  #ended = false;
  readonly position?: () => Json;

  constructor(
    options: PostgresSourceOptions,
    schema: Schema,
    context: SourceContext,
    database: Database,
    key: number | undefined,
  ) {
    this.#options = options;
    this.#schema = schema;
    this.#context = context;
    this.#database = database;
    this.#key = key;
    if (key === undefined) return;
    this.#last = (context.positions?.values().next().value as string | null | undefined) ?? undefined;
    this.position = () => this.#last ?? null;
  }

  async open(): Promise<void> {
    const { table, key } = this.#options;
    await this.#database.run(async (client) => {
      await client.query(`SELECT ${this.#columns()} FROM ${from(this.#options)} LIMIT 0`);
      if (table !== undefined && key !== undefined) await checkUnique(client, table, key, this.#context.name);
    });
  }

  async next(): Promise<Batch | undefined> {
    const { signal } = this.#context;
    while (!signal.aborted && !this.#ended) {
      const batch = await this.#unlessStopped(this.#database.run((client) => this.#read(client)));
      if (signal.aborted) return undefined;
      if (batch === undefined) await this.#pageEnded();
      else return this.#handOut(batch);
    }
    return undefined;
  }

  async close(): Promise<void> {
    await this.#reader?.close();
    await this.#database.close();
  }

  /** Undefined as soon as the signal aborts: a database that is away, or hangs, is not waited for. */
  async #unlessStopped<T>(work: Promise<T>): Promise<T | undefined> {
    const { signal } = this.#context;
    const stopped = Promise.withResolvers<undefined>();
    const stop = (): void => stopped.resolve(undefined);
    signal.addEventListener('abort', stop);
    try {
      return await Promise.race([work, stopped.promise]);
    } catch (error) {
      if (signal.aborted) return undefined;
      throw error;
    } finally {
      signal.removeEventListener('abort', stop);
    }
  }

  /** The next batch of the page under way; where that breaks off, the page is asked for again behind the last row. */
  async #read(client: Client): Promise<Batch | undefined> {
    try {
      this.#reader ??= await this.#openPage(client);
      return await this.#reader.next();
    } catch (error) {
      const reader = this.#reader;
      this.#reader = undefined;
      await reader?.close().catch(() => undefined);
      throw this.#key === undefined && this.#rowsOfPage > 0 ? cutOff(this.#context.name, error) : error;
    }
  }

  #handOut(batch: Batch): Batch {
    this.#rowsOfPage += batch.rows;
    if (this.#key !== undefined) this.#last = keyText(batch, this.#key) ?? this.#last;
    return batch;
  }

  async #pageEnded(): Promise<void> {
    const full = this.#rowsOfPage >= PAGE_ROWS;
    await this.#reader?.close();
    this.#reader = undefined;
    this.#rowsOfPage = 0;
    const { poll } = this.#options;
    if (this.#key !== undefined && full) return;
    if (poll === undefined) this.#ended = true;
    else await pause(Number(poll / 1000n), this.#context);
  }

  async #openPage(client: Client): Promise<FormatReader> {
    const { signal, paths, attach, reject } = this.#context;
    this.#rowsOfPage = 0;
    const stream = client.query(to(`COPY (${this.#page()}) TO STDOUT (FORMAT csv, HEADER)`));
    const pieces = stream[Symbol.asyncIterator]() as AsyncIterator<Uint8Array, undefined>;
    const input: Input = {
      name: this.#options.table ?? 'query',
      live: false,
      stream: () => ({
        async next() {
          const piece = await pieces.next();
          return piece.done === true ? { done: true, value: undefined } : { done: false, value: piece.value };
        },
        async return() {
          stream.destroy();
          return { done: true, value: undefined };
        },
      }),
    };
    return csv.openReader(
      input,
      { schema: this.#schema, paths, attach, reject, signal },
      formatOptions(csv.readOptions, { nullValues: [''] }) as Parameters<typeof csv.openReader>[2],
    );
  }

  #page(): string {
    const select = `SELECT ${this.#columns()} FROM ${from(this.#options)}`;
    const { key } = this.#options;
    if (key === undefined) return select;
    const behind = this.#last === undefined ? 'IS NOT NULL' : `> ${quoteText(this.#last)}`;
    // Ordered inside: outside, the columns are their texts.
    const rows = `SELECT * FROM ${from(this.#options)} WHERE ${quoteName(key)} ${behind} ORDER BY ${quoteName(key)} LIMIT ${PAGE_ROWS}`;
    return `SELECT ${this.#columns()} FROM (${rows}) AS page`;
  }

  #columns(): string {
    return this.#schema.fields.map((field) => readExpression(field)).join(', ');
  }
}

function from({ table, query }: PostgresSourceOptions): string {
  return table === undefined ? `(${query}) AS source` : quoteTable(table);
}

function keyText(batch: Batch, key: number): string | undefined {
  if (batch.rows === 0) return undefined;
  const row = batch.rows - 1;
  const view = columnView(batch, key);
  if (view.type.kind !== 'utf8') return valueText(view)(row);
  return String(valueReader(batch, key)(row));
}

/** Rows with the same key could be split between two pages. */
async function checkUnique(client: Client, table: string, key: string, source: string): Promise<void> {
  const found = await client.query(
    `SELECT 1 FROM pg_index i JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[0]
     WHERE i.indrelid = to_regclass($1) AND i.indisunique AND i.indnkeyatts = 1 AND a.attname = $2`,
    [quoteTable(table), key],
  );
  if (found.rows.length > 0) return;
  throw userError('postgres.key-not-unique', `source ${source}: column ${key} of ${table} has no unique index`, {
    hint: 'name a column as `key` that has one, such as the primary key',
  });
}

function cutOff(source: string, cause: unknown): Error {
  return userError('postgres.cut-off', `source ${source}: the connection was lost in the middle of the rows`, {
    hint: 'give it a `key`, so that reading can go on where it stood',
    cause,
  });
}

/** The columns of the table or query. */
export async function inferPostgres(options: PostgresSourceOptions, context: ConnectorContext): Promise<Schema> {
  const database = new Database('the schema', options, context);
  try {
    const { fields } = await database.run((client) => client.query(`SELECT * FROM ${from(options)} LIMIT 0`));
    return { fields: fields.map(({ name, dataTypeID }) => ({ name, type: typeOf(dataTypeID), nullable: true })) };
  } finally {
    await database.close();
  }
}
