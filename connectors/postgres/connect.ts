/** One connection to a database, and trying again while it cannot be reached. */

import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import type { Duplex } from 'node:stream';
import pg from 'pg';
import { defined } from '../../engine/defined.ts';
import { CloudskinError, externalError, systemCode, userError } from '../../engine/errors.ts';
import type { ConnectorContext } from '../../engine/graph/connector.ts';
import { isTlsRefusal, isUnknownHost, reasonOf, serverName } from '../outside.ts';
import { type Outside, persist } from '../persist.ts';
import type { PostgresConnection } from './options.ts';

/** Milliseconds that connecting may take. */
const CONNECT_TIMEOUT = 5_000;

/** One connection, made when it is first needed and again after it was lost. */
export class Database {
  readonly #what: string;
  readonly #options: PostgresConnection;
  readonly #directory: string;
  readonly #context: Outside;
  readonly #server: string;
  /** Errors of names may pass where the host was reached before. */
  #reached = false;
  #client: pg.Client | undefined;
  #closed = false;

  /** `what` for messages: `sink totals`. */
  constructor(what: string, options: PostgresConnection, context: ConnectorContext) {
    this.#what = what;
    this.#options = options;
    this.#directory = context.directory;
    this.#context = context;
    this.#server = serverName('postgres', options.url, '5432');
  }

  /** Runs `work` until it succeeds, as long as what fails is the connection. Throws `postgres.refused`, `postgres.unreachable`. */
  async run<T>(work: (client: pg.Client) => Promise<T>): Promise<T> {
    const persistence = {
      retryFor: this.#options.retryFor,
      server: this.#server,
      context: this.#context,
      retryAfter: (error: unknown): undefined | false => (this.#mayPass(error) ? undefined : false),
      giveUp: (error: unknown, why: 'hopeless' | 'too-long'): Error => {
        if (why === 'hopeless' && !isUnknownHost(error)) return named(this.#what, error);
        return unreachable(this.#what, this.#server, error);
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

  #mayPass(error: unknown): boolean {
    return !this.#closed && isPassing(error) && (this.#reached || !isUnknownHost(error));
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
    this.#reached = true;
    return client;
  }

  async #newClient(): Promise<pg.Client> {
    const { url, tls, ca: path } = this.#options;
    const ca = path === undefined ? undefined : await readCertificates(resolve(this.#directory, path), path);
    const ssl = tls === 'off' ? false : { rejectUnauthorized: tls === 'verify', ...defined({ ca }) };
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
  if (isTlsRefusal(error)) return false;
  const code = systemCode(error);
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
  return /^(CONNECTION_|ERR_STREAM_PREMATURE_CLOSE|ERR_STREAM_DESTROYED|CONNECT_TIMEOUT|ECONN|EPIPE|ETIMEDOUT|EHOSTUNREACH|ENETUNREACH|ENOTFOUND|EAI_AGAIN|ENOENT)/.test(
    code,
  );
}

/** What the database said, with its code and where it points. */
function named(what: string, error: unknown): Error {
  if (error instanceof CloudskinError) return error;
  const { detail, where, hint } = (typeof error === 'object' ? error : {}) as Record<string, string | undefined>;
  const more = [detail, where?.split('\n')[0]].filter((part) => part !== undefined && part !== '').join('; ');
  const message = `${what}: the database refuses (${systemCode(error)}): ${reasonOf(error)}${more === '' ? '' : ` (${more})`}`;
  return externalError('postgres.refused', message, { cause: error, ...defined({ hint }) });
}

function unreachable(what: string, server: string, error: unknown): Error {
  return externalError('postgres.unreachable', `${what}: ${server} cannot be reached: ${reasonOf(error)}`, {
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
