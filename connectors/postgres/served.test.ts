/** The postgres connector keeps the contract of connectors of servers. */
import { randomUUID } from 'node:crypto';
import pg from 'pg';
import type { Value } from '../../engine/batch/types.ts';
import type { Refusal, ServedWorld } from '../../test/contract/served-connector.ts';
import { servedSink } from '../../test/contract/served-sink.ts';
import { servedSource } from '../../test/contract/served-source.ts';
import { type PostgresServer, postgresPrograms, startPostgres } from '../../test/kit/postgres-server.ts';
import { Relay } from '../../test/kit/relay.ts';
import { postgres as connector } from './postgres.ts';

class PostgresWorld implements ServedWorld {
  readonly relay: Relay;
  readonly #server: PostgresServer;

  private constructor(server: PostgresServer, relay: Relay) {
    this.#server = server;
    this.relay = relay;
  }

  static async start(): Promise<PostgresWorld> {
    const server = await startPostgres();
    return new PostgresWorld(server, await Relay.start(Number(new URL(server.url).port)));
  }

  /** Through what `cut` cuts. */
  get url(): string {
    return `postgres://postgres@127.0.0.1:${this.relay.port}/postgres`;
  }

  cut(): void {
    this.relay.cut();
  }

  heal(): void {
    this.relay.heal();
  }

  kill(): Promise<void> {
    return this.#server.kill();
  }

  start(): Promise<void> {
    return this.#server.start();
  }

  async stop(): Promise<void> {
    await this.relay.close();
    await this.#server.stop();
  }

  /** Past the relay; gives the first column, as numbers. */
  async query(text: string, values: unknown[] = []): Promise<number[]> {
    const client = new pg.Client({ connectionString: this.#server.url });
    await client.connect();
    try {
      const { rows } = await client.query({ text, values, rowMode: 'array' });
      return rows.map(([value]: unknown[]) => Number(value));
    } finally {
      await client.end();
    }
  }

  async table(): Promise<string> {
    const name = `t${randomUUID().replaceAll('-', '')}`;
    await this.query(`CREATE TABLE ${name} (id bigint PRIMARY KEY, text text, "order" bigserial)`);
    return name;
  }
}

const missing = postgresPrograms() === undefined ? 'PostgreSQL is not installed' : undefined;
const refusals = (more: object): Refusal[] => [
  {
    title: 'there is no database',
    options: () => ({ url: 'postgres://postgres@127.0.0.1:1/postgres', retryFor: '100ms', ...more }),
    code: 'postgres.unreachable',
  },
];

servedSource({
  title: 'postgres, a table with a key',
  connector,
  missing,
  start: () => PostgresWorld.start(),
  place: async (world: PostgresWorld) => {
    const table = await world.table();
    const publish = async (rows: readonly (readonly Value[])[]): Promise<void> => {
      const ids = rows.map(([id]) => String(id));
      await world.query(`INSERT INTO ${table} (id, text) SELECT unnest($1::bigint[]), $2`, [ids, rows[0]?.[1]]);
    };
    return { options: { url: world.url, table, key: 'id', poll: '20ms' }, publish };
  },
  passed: (world) => world.relay.passed,
  bound: 32_000_000,
  exceptions: {
    'is sent again what was not acknowledged, and nothing that was': 'its position says where it goes on',
    'poison between good messages is named, and they come': 'columns of a table have types',
  },
  refusals: refusals({ table: 't', key: 'id' }),
});

for (const mode of ['append', 'upsert']) {
  servedSink({
    title: `postgres, ${mode}`,
    connector,
    missing,
    start: () => PostgresWorld.start(),
    place: async (world: PostgresWorld) => {
      const table = await world.table();
      return {
        options: { url: world.url, table, mode, key: mode === 'upsert' ? ['id'] : [] },
        // an upsert takes the rows of a transaction by their keys
        collected: () => world.query(`SELECT id FROM ${table} ORDER BY ${mode === 'upsert' ? 'id' : '"order"'}`),
      };
    },
    little: { options: { maxHeld: '1MB' }, code: 'postgres.too-much-held' },
    exceptions: {},
    refusals: refusals({ table: 't' }),
  });
}
