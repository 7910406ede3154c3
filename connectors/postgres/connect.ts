/** One connection to a database, and trying again while it cannot be reached. */
import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import type { Duplex } from 'node:stream';
import pg from 'pg';
import { CloudskinError, externalError, userError } from '../../engine/errors.ts';
import { persist } from '../persist.ts';
import type { PostgresConnection } from './options.ts';

/** Milliseconds that connecting may take. */
const CONNECT_TIMEOUT = 5_000;

/** One connection, made when it is first needed and again after it was lost. */
export class Database {
  readonly #what: string;
  readonly #options: PostgresConnection;
  readonly #directory: string;
  readonly #signal: AbortSignal;
  #client: pg.Client | undefined;
  #closed = false;

  /** `what` for messages: `sink totals`; `directory`: what `ca` counts from. */
  constructor(what: string, options: PostgresConnection, directory: string, signal: AbortSignal) {
    this.#what = what;
    this.#options = options;
    this.#directory = directory;
    this.#signal = signal;
  }

  /** Runs `work` until it succeeds, as long as what fails is the connection. Throws `postgres.refused`, `postgres.unreachable`. */
  async run<T>(work: (client: pg.Client) => Promise<T>): Promise<T> {
    const persistence = {
      retryFor: this.#options.retryFor,
      signal: this.#signal,
      retryAfter: (error: unknown): undefined | false => (isPassing(error) && !this.#closed ? undefined : false),
      giveUp: (error: unknown, why: 'hopeless' | 'too-long'): Error => {
        return why === 'hopeless' ? named(this.#what, error) : unreachable(this.#what, error);
      },
    };
    return persist(persistence, async () => {
      try {
        return await work(await this.#connected());
      } catch (error) {
        await this.disconnect();
        throw error;
      }
    });
  }

  /** As `run`, in one transaction. */
  transact<T>(work: (client: pg.Client) => Promise<T>): Promise<T> {
    return this.run(async (client) => {
      await client.query('BEGIN');
      const result = await work(client);
      await client.query('COMMIT');
      return result;
    });
  }

  /** Breaks off whatever is under way; the next `run` connects again. */
  async disconnect(): Promise<void> {
    const client = this.#client;
    this.#client = undefined;
    if (client === undefined) return;
    // Ending politely would wait for a query that is under way.
    socketOf(client)?.destroy();
    await client.end().catch(() => undefined);
  }

  async close(): Promise<void> {
    this.#closed = true;
    await this.disconnect();
  }

  async #connected(): Promise<pg.Client> {
    if (this.#client !== undefined) return this.#client;
    const client = await this.#newClient();
    client.on('error', () => {
      if (this.#client === client) this.#client = undefined;
    });
    try {
      await client.connect();
      await client.query("SET datestyle = 'ISO'; SET timezone = 'UTC'; SET extra_float_digits = 3");
    } catch (error) {
      await client.end().catch(() => undefined);
      throw error;
    }
    if (this.#closed) {
      await client.end().catch(() => undefined);
      throw externalError('postgres.closed', `${this.#what} has stopped`);
    }
    this.#client = client;
    return client;
  }

  async #newClient(): Promise<pg.Client> {
    const { url, tls, ca: path } = this.#options;
    const ca = path === undefined ? undefined : await readCertificates(resolve(this.#directory, path), path);
    const ssl = tls === 'off' ? false : { rejectUnauthorized: tls === 'verify', ...(ca === undefined ? {} : { ca }) };
    const settings = { application_name: 'cloudskin', connectionTimeoutMillis: CONNECT_TIMEOUT, keepAlive: true };
    try {
      return new pg.Client({ connectionString: url, ssl, ...settings });
    } catch (error) {
      throw userError('postgres.url', `${this.#what}: the address of the database cannot be read: ${reasonOf(error)}`);
    }
  }
}

/** The socket below the protocol, which pg's types leave out. */
function socketOf(client: pg.Client): Duplex | undefined {
  return (client as unknown as { readonly connection?: { readonly stream?: Duplex } }).connection?.stream;
}

/** Errors of the connection or of the moment: the same work may succeed later. */
function isPassing(error: unknown): boolean {
  const code = codeOf(error);
  // pg says these without a code
  if (
    code === '' &&
    /^(Connection terminated|timeout expired|Client (has encountered a connection error|was closed))/.test(
      reasonOf(error),
    )
  ) {
    return true;
  }
  if (/^(08|53|57P0[1-3]|40001|40P01|55P03)/.test(code)) return true;
  return /^(CONNECTION_|ERR_STREAM_PREMATURE_CLOSE|ERR_STREAM_DESTROYED|CONNECT_TIMEOUT|ECONN|EPIPE|ERR_STREAM_(PREMATURE_CLOSE|DESTROYED)|ETIMEDOUT|EHOSTUNREACH|ENETUNREACH|ENOTFOUND|EAI_AGAIN|ENOENT)/.test(
    code,
  );
}

function codeOf(error: unknown): string {
  return typeof error === 'object' && error !== null && 'code' in error ? String(error.code) : '';
}

export function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** What the database said, with its code and where it points. */
function named(what: string, error: unknown): Error {
  if (error instanceof CloudskinError) return error;
  const { detail, where, hint } = (typeof error === 'object' ? error : {}) as Record<string, string | undefined>;
  const more = [detail, where?.split('\n')[0]].filter((part) => part !== undefined && part !== '').join('; ');
  const message = `${what}: the database refuses (${codeOf(error)}): ${reasonOf(error)}${more === '' ? '' : ` (${more})`}`;
  return externalError('postgres.refused', message, { cause: error, ...(hint === undefined ? {} : { hint }) });
}

function unreachable(what: string, error: unknown): Error {
  return externalError('postgres.unreachable', `${what}: the database cannot be reached: ${reasonOf(error)}`, {
    retry: true,
    cause: error,
    hint: 'is it running, and is `url` right? `retryFor` says how long to try',
  });
}

async function readCertificates(path: string, name: string): Promise<string> {
  return readFile(path, 'utf8').catch((error: unknown) => {
    throw userError('postgres.ca', `cannot read ${name}: ${reasonOf(error)}`);
  });
}
