/**
 * Writes rows to a table by COPY.
 *
 * With checkpoints: rows are held until their checkpoint is complete, in the checkpoint itself, and then go into the table in one
 * transaction together with how many rows of this sink the table has by then. So whatever is committed again, after a lost
 * connection or a restart, adds only what is missing. Without: each batch is a transaction of its own.
 */
import { randomUUID } from 'node:crypto';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { Client } from 'pg';
import { from } from 'pg-copy-streams';
import type { Batch } from '../../engine/batch/batch.ts';
import type { Schema } from '../../engine/batch/types.ts';
import { externalError, userError } from '../../engine/errors.ts';
import type { Prepared, Sink, SinkContext, SinkReport } from '../../engine/graph/connector.ts';
import { reasonOf } from '../outside.ts';
import { Database } from './connect.ts';
import { copyText, withoutRows } from './copy-text.ts';
import type { PostgresSinkOptions } from './options.ts';
import { CREATE_POSITIONS, columnList, createTable, POSITIONS, quoteTable, upsert } from './statements.ts';

/** Bytes that gather before they are copied, where nothing is held for checkpoints. */
const COPY_BYTES = 1_048_576;
/** Bytes handed to the connection at a time. */
const PIECE = 262_144;

/** Of the rows that a checkpoint holds: the sink's rows `from` (inclusive) to `to` (exclusive), counted from its beginning. */
interface HeldState {
  readonly generation: string;
  readonly from: number;
  readonly to: number;
}

/** Rows as COPY text. */
interface Part {
  readonly bytes: Uint8Array;
  readonly rows: number;
}

export async function openPostgresSink(
  options: PostgresSinkOptions,
  schema: Schema,
  context: SinkContext,
): Promise<Sink> {
  const missing = options.key.find((name) => !schema.fields.some((field) => field.name === name));
  if (missing !== undefined) throw userError('postgres.key', `the rows have no column ${missing}, which \`key\` names`);
  const database = new Database(`sink ${context.name}`, options, context);
  const sink = new PostgresSink(options, schema, context, database);
  await sink.open().catch(async (error: unknown) => {
    await database.close();
    throw error;
  });
  return sink;
}

class PostgresSink implements Sink {
  readonly #options: PostgresSinkOptions;
  readonly #schema: Schema;
  readonly #context: SinkContext;
  readonly #database: Database;
  readonly #what: string;
  /** Not in the table yet: all since the last commit, or what has gathered. */
  #parts: Part[] = [];
  #bytes = 0;
  #generation: string = randomUUID();
  /** Rows that came, and how many of them are surely in the table. */
  #rows = 0;
  #committed = 0;
  #skipped = 0;

  constructor(options: PostgresSinkOptions, schema: Schema, context: SinkContext, database: Database) {
    this.#options = options;
    this.#schema = schema;
    this.#context = context;
    this.#database = database;
    this.#what = `sink ${context.name}`;
  }

  async open(): Promise<void> {
    await this.#database.run((client) => this.#lookAtTable(client));
    const { checkpointed, restored } = this.#context;
    if (!checkpointed) return;
    await this.#database.run((client) => client.query(CREATE_POSITIONS));
    if (restored === undefined) return;
    const { generation, to } = restored.prepared.state as unknown as HeldState;
    this.#generation = generation;
    this.#rows = to;
    await this.commit(restored.checkpoint, restored.prepared);
  }

  write(batch: Batch): void | Promise<void> {
    const bytes = copyText(batch);
    this.#parts.push({ bytes, rows: batch.rows });
    this.#bytes += bytes.length;
    this.#rows += batch.rows;
    if (!this.#context.checkpointed) return this.#bytes >= COPY_BYTES ? this.flush() : undefined;
    if (this.#bytes <= this.#options.maxHeld) return;
    const message = `${this.#what} holds more than ${this.#options.maxHeld} bytes for the next checkpoint`;
    throw externalError('postgres.too-much-held', message, {
      hint: 'take checkpoints more often, or raise `maxHeld`',
    });
  }

  async flush(): Promise<void> {
    if (this.#context.checkpointed || this.#parts.length === 0) return;
    const parts = this.#parts;
    this.#parts = [];
    this.#bytes = 0;
    await this.#database.transact((client) => this.#insert(client, parts));
  }

  async prepare(): Promise<Prepared> {
    const state: HeldState = { generation: this.#generation, from: this.#committed, to: this.#rows };
    return { state: { ...state }, frozen: this.#parts.map(({ bytes }) => bytes) };
  }

  async commit(_checkpoint: number, prepared: Prepared): Promise<void> {
    const { generation, from: first, to } = prepared.state as unknown as HeldState;
    if (to > first) {
      const bytes = Buffer.concat(prepared.frozen ?? []);
      await this.#database.transact((client) =>
        this.#commitOnce(client, generation, { bytes, rows: to - first }, first),
      );
    }
    this.#forget(to);
  }

  async close(): Promise<SinkReport> {
    try {
      if (this.#context.checkpointed) await this.commit(0, await this.prepare());
      else await this.flush();
    } finally {
      await this.#database.close();
    }
    return { rows: this.#rows - this.#skipped, wrote: [this.#options.table] };
  }

  async abort(): Promise<void> {
    await this.#database.close();
  }

  /** Rows up to number `to` are in the table and need not be held. */
  #forget(to: number): void {
    while (this.#committed < to) {
      const part = this.#parts.shift();
      if (part === undefined) break;
      this.#bytes -= part.bytes.length;
      this.#committed += part.rows;
    }
    this.#committed = Math.max(this.#committed, to);
  }

  async #lookAtTable(client: Client): Promise<void> {
    const { table, create, mode, key } = this.#options;
    const found = await client.query('SELECT to_regclass($1)::text AS name', [quoteTable(table)]);
    if (found.rows[0]?.name === null) {
      const statement = createTable(table, this.#schema, mode === 'upsert' ? key : []);
      if (!create) {
        const hint = `set \`create: true\`, or make it: ${statement}`;
        throw userError('postgres.no-table', `${this.#what}: the database has no table ${table}`, { hint });
      }
      await client.query(statement.replace('CREATE TABLE', 'CREATE TABLE IF NOT EXISTS'));
    }
    // Columns that the table lacks are said now, not with the first row.
    await client.query(`SELECT ${columnList(this.#schema)} FROM ${quoteTable(table)} LIMIT 0`);
  }

  async #commitOnce(client: Client, generation: string, part: Part, first: number): Promise<void> {
    const sink = this.#context.identity ?? this.#context.name;
    await client.query(
      `INSERT INTO ${POSITIONS} (sink, generation, rows) VALUES ($1, $2, 0) ON CONFLICT (sink) DO NOTHING`,
      [sink, generation],
    );
    const found = await client.query(`SELECT generation, rows FROM ${POSITIONS} WHERE sink = $1 FOR UPDATE`, [sink]);
    const there = found.rows[0]?.generation === generation ? Number(found.rows[0].rows) : 0;
    const end = first + part.rows;
    const missing = Math.min(part.rows, end - there);
    if (missing > 0) {
      const bytes = withoutRows(part.bytes, part.rows - missing);
      await this.#insert(client, [{ bytes, rows: missing }]);
    }
    await client.query(`UPDATE ${POSITIONS} SET generation = $2, rows = $3, changed = now() WHERE sink = $1`, [
      sink,
      generation,
      Math.max(there, end),
    ]);
  }

  /** All of the rows, or, where rows that are refused may be left out, all others. */
  async #insert(client: Client, parts: readonly Part[]): Promise<void> {
    if (this.#options.onRowError === 'fail') return this.#copy(client, parts);
    await this.#copyOthers(client, merge(parts));
  }

  /** Halves what is refused until the refused row stands alone. */
  async #copyOthers(client: Client, part: Part): Promise<void> {
    const refused = await this.#tryCopy(client, part);
    if (refused === undefined) return;
    if (part.rows > 1) {
      for (const half of halves(part)) await this.#copyOthers(client, half);
      return;
    }
    this.#skipped += 1;
    const text = Buffer.from(part.bytes).toString('utf8', 0, 200).trimEnd();
    await this.#context.stdout(`${this.#what} leaves out a row that the database refuses: ${refused}: ${text}\n`);
  }

  /** Why the database refuses the rows; undefined where it took them. */
  async #tryCopy(client: Client, part: Part): Promise<string | undefined> {
    try {
      await client.query('SAVEPOINT attempt');
      await this.#copy(client, [part]);
      await client.query('RELEASE SAVEPOINT attempt');
      return undefined;
    } catch (error) {
      const code = typeof error === 'object' && error !== null && 'code' in error ? String(error.code) : '';
      // 22: data exception, 23: integrity constraint violation.
      if (!/^2[23]/.test(code)) throw error;
      await client.query('ROLLBACK TO SAVEPOINT attempt');
      return reasonOf(error);
    }
  }

  async #copy(client: Client, parts: readonly Part[]): Promise<void> {
    const { table, mode, key } = this.#options;
    const columns = columnList(this.#schema);
    if (mode === 'append') return feed(client, `COPY ${quoteTable(table)} (${columns}) FROM STDIN`, parts);
    await client.query(`CREATE TEMP TABLE IF NOT EXISTS cs_incoming ON COMMIT DROP AS
      SELECT ${columns} FROM ${quoteTable(table)} WITH NO DATA`);
    await client.query('ALTER TABLE cs_incoming ADD COLUMN IF NOT EXISTS cs_order bigserial');
    await client.query('TRUNCATE cs_incoming');
    await feed(client, `COPY cs_incoming (${columns}) FROM STDIN`, parts);
    await client.query(upsert(table, this.#schema, key));
  }
}

async function feed(client: Client, statement: string, parts: readonly Part[]): Promise<void> {
  await pipeline(Readable.from(pieces(parts)), client.query(from(statement)));
}

function* pieces(parts: readonly Part[]): Generator<Uint8Array> {
  for (const { bytes } of parts) {
    for (let at = 0; at < bytes.length; at += PIECE) yield bytes.subarray(at, at + PIECE);
  }
}

function merge(parts: readonly Part[]): Part {
  const rows = parts.reduce((sum, part) => sum + part.rows, 0);
  return { bytes: Buffer.concat(parts.map(({ bytes }) => bytes)), rows };
}

function halves({ bytes, rows }: Part): Part[] {
  const first = Math.floor(rows / 2);
  const rest = withoutRows(bytes, first);
  return [
    { bytes: bytes.subarray(0, bytes.length - rest.length), rows: first },
    { bytes: rest, rows: rows - first },
  ];
}
