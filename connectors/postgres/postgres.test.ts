/** The postgres connector against a real server: all types there and back, exactly once whatever breaks off, upserts, pages. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Schema, Value } from '../../engine/batch/types.ts';
import type { Prepared, RestoredSink, Sink } from '../../engine/graph/connector.ts';
import { run } from '../../index.ts';
import {
  bench,
  drain,
  openSink,
  openSource,
  readAll,
  sinkContext,
  sourceContext,
  temporaryDirectory,
} from '../../test/kit/connectors.ts';
import { schemaOf } from '../../test/kit/formats.ts';
import { type PostgresServer, postgresPrograms, startPostgres } from '../../test/kit/postgres-server.ts';
import { build, rowsOf } from '../../test/kit/tables.ts';
import { postgres } from './postgres.ts';

const SCHEMA = schemaOf({ id: 'int64', text: 'utf8' });
const row = (id: number): Value[] => [BigInt(id), id % 7 === 0 ? null : `row\t"${id}"\\N\n`];
const rows = (from: number, to: number): Value[][] => Array.from({ length: to - from }, (_, i) => row(from + i));

let server: PostgresServer;
let tables = 0;
const available = postgresPrograms() !== undefined;

describe.skipIf(!available)(`postgres${available ? '' : ' (skipped: PostgreSQL is not installed)'}`, () => {
  beforeAll(async () => {
    server = await startPostgres();
  });
  afterAll(() => server?.stop());

  const fresh = (): string => `t${++tables}`;
  const open = (options: object, more: object = {}, schema: Schema = SCHEMA): Promise<Sink> => {
    return openSink(postgres, { url: server.url, create: true, ...options }, schema, sinkContext(bench('/'), more));
  };
  const read = (options: object, schema: Schema = SCHEMA): Promise<Value[][]> => {
    return readAll(postgres, { url: server.url, ...options }, schema, sourceContext(bench('/')));
  };
  const sorted = (found: Value[][]): Value[][] => found.toSorted((a, b) => Number(a[0]) - Number(b[0]));

  it('writes every type and reads it back, null and hostile values included', async () => {
    const schema = schemaOf({
      a: 'bool',
      b: 'int16',
      c: 'int64',
      d: 'float64',
      e: 'float32',
      f: 'utf8',
      g: 'binary',
      h: 'date32',
      i: 'timestamp[us]',
      j: 'timestamp[ms, UTC]',
      k: 'duration[ms]',
    });
    const values: Value[][] = [
      [
        true,
        -3,
        2n ** 62n,
        0.1,
        1.5,
        "tab\tquote'\\ line\nend",
        Uint8Array.of(0, 255, 92),
        19_000,
        1_700_000_000_123_456n,
        -5n,
        -1500n,
      ],
      [false, 7, -1n, Number.NaN, -0, '', Uint8Array.of(), -1, 0n, 1_700_000_000_000n, 12_345n],
      [null, null, null, null, null, null, null, null, null, null, null],
      [true, 0, 0n, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, '\\N', Uint8Array.of(1), 0, 1n, 1n, 0n],
    ];
    const table = fresh();
    const sink = await open({ table }, {}, schema);
    await sink.write(build(schema, values));
    expect(await sink.close()).toEqual({ rows: 4, wrote: [table] });
    expect(await read({ table }, schema)).toEqual(values);
    const spec = postgres.source;
    const inferred = await spec?.infer?.(spec.options.parse({ url: server.url, table }), sourceContext(bench('/')));
    expect(inferred?.fields.map(({ type }) => type.kind)).toEqual(schema.fields.map(({ type }) => type.kind));
  });

  it('with checkpoints adds every row once, whatever breaks off', async () => {
    type Event = number | 'checkpoint' | 'lost' | 'uncommitted' | 'twice' | 'crash';
    const story = fc.array(
      fc.oneof(fc.integer({ min: 1, max: 30 }), fc.constantFrom('checkpoint', 'lost', 'uncommitted', 'twice', 'crash')),
      { maxLength: 10 },
    ) as fc.Arbitrary<Event[]>;
    const live = async (table: string, events: readonly Event[]): Promise<number> => {
      const context = { checkpointed: true, identity: table };
      let sink = await open({ table }, context);
      let next = 0;
      let id = 0;
      let complete: { restored: RestoredSink; next: number } | undefined;
      const again = async (): Promise<void> => {
        await sink.abort();
        next = complete?.next ?? 0;
        sink = await open({ table }, complete === undefined ? context : { ...context, restored: complete.restored });
      };
      for (const event of events) {
        if (typeof event === 'number') {
          await sink.write(build(SCHEMA, rows(next, next + event)));
          next += event;
        } else if (event === 'crash') await again();
        else {
          id += 1;
          const prepared = (await sink.prepare?.(id, false)) as Prepared;
          if (event === 'lost') continue;
          complete = { restored: { checkpoint: id, prepared }, next };
          if (event === 'uncommitted') await again();
          else await sink.commit?.(id, prepared);
          if (event === 'twice') await sink.commit?.(id, prepared);
        }
      }
      await sink.close();
      return next;
    };
    const property = fc.asyncProperty(story, async (events) => {
      const table = fresh();
      const count = await live(table, events);
      expect(sorted(await read({ table }))).toEqual(rows(0, count));
    });
    await fc.assert(property, { numRuns: 25 });
  });

  it('starts afresh under the same name and adds its rows again', async () => {
    const table = fresh();
    for (let time = 0; time < 2; time++) {
      const sink = await open({ table }, { checkpointed: true, identity: table });
      await sink.write(build(SCHEMA, rows(0, 3)));
      await sink.close();
    }
    expect((await read({ table })).length).toBe(6);
  });

  it('upserts: of rows with the same key the last one stays', async () => {
    const table = fresh();
    const sink = await open({ table, mode: 'upsert', key: ['id'] });
    await sink.write(
      build(SCHEMA, [
        [1n, 'a'],
        [2n, 'b'],
        [1n, 'c'],
      ]),
    );
    await sink.flush?.();
    await sink.write(
      build(SCHEMA, [
        [2n, null],
        [3n, 'd'],
      ]),
    );
    await sink.close();
    expect(await read({ table, key: 'id' })).toEqual([
      [1n, 'c'],
      [2n, null],
      [3n, 'd'],
    ]);
  });

  it('leaves out the rows that the database refuses, and only those', async () => {
    const table = fresh();
    await server.query(`CREATE TABLE ${table} (id bigint CHECK (id % 10 <> 3), text text)`);
    const place = bench('/');
    const sink = await openSink(postgres, { url: server.url, table, onRowError: 'skip' }, SCHEMA, sinkContext(place));
    await sink.write(build(SCHEMA, rows(0, 50)));
    expect((await sink.close()).rows).toBe(45);
    expect((await read({ table })).map(([id]) => Number(id) % 10)).not.toContain(3);
    expect(place.printed.length).toBe(5);
    const strict = await openSink(postgres, { url: server.url, table }, SCHEMA, sinkContext(bench('/')));
    await strict.write(build(SCHEMA, rows(0, 5)));
    await expect(strict.close()).rejects.toMatchObject({ code: 'postgres.refused' });
    await strict.abort();
  });

  it('reads page by page by its key, and goes on behind any batch', async () => {
    const table = fresh();
    await server.query(
      `CREATE TABLE ${table} AS SELECT i::bigint AS id, 'r' || i AS text FROM generate_series(1, 140000) i`,
    );
    await server.query(`ALTER TABLE ${table} ADD PRIMARY KEY (id)`);
    const options = { url: server.url, table, key: 'id' };
    const source = await openSource(postgres, options, SCHEMA, sourceContext(bench('/')));
    const [partition] = source.partitions;
    let seen = 0;
    for (let batch = await partition?.next(); batch !== undefined; batch = await partition?.next()) {
      expect(rowsOf(batch)[0]?.[0]).toBe(BigInt(seen + 1));
      seen += batch.rows;
      const positions = new Map([['', partition?.position?.() ?? null]]);
      const rest = await openSource(postgres, options, SCHEMA, sourceContext(bench('/'), { positions }));
      const [first] = rest.partitions[0] === undefined ? [] : await drain(rest.partitions[0]);
      expect(first?.[0]).toBe(seen === 140_000 ? undefined : BigInt(seen + 1));
      await rest.close();
    }
    expect(seen).toBe(140_000);
    await source.close();
  });

  it('polls for rows with a greater key, and stops when it is told to', async () => {
    const table = fresh();
    await server.query(`CREATE TABLE ${table} (id bigint PRIMARY KEY, text text)`);
    const setup = bench('/');
    const source = await openSource(
      postgres,
      { url: server.url, table, key: 'id', poll: '20ms' },
      SCHEMA,
      sourceContext(setup),
    );
    const pending = source.partitions[0]?.next();
    await server.query(`INSERT INTO ${table} VALUES (1, 'one')`);
    expect(rowsOf((await pending) ?? build(SCHEMA, []))).toEqual([[1n, 'one']]);
    const last = source.partitions[0]?.next();
    setup.abort.abort();
    expect(await last).toBeUndefined();
    await source.close();
  });

  it('has an example that runs', async () => {
    await server.query('CREATE TABLE orders (id bigint PRIMARY KEY, product text, placed timestamp)');
    await server.query(
      "INSERT INTO orders SELECT i, 'p' || i % 3, timestamp '2024-01-01' + i * interval '1 minute' FROM generate_series(1, 300) i",
    );
    const spec = postgres.example.replace(', poll: 5s', '').replaceAll(/^(?=.)/gm, '  ');
    const place = await temporaryDirectory();
    const graph = join(place.path, 'graph.yaml');
    await writeFile(graph, `apiVersion: cloudskin.dev/v1\nkind: Dataflow\nmetadata: { name: test }\nspec:\n${spec}`);
    await run(graph, { parameters: { DATABASE_URL: server.url } });
    const totals = await read({ table: 'hourly_orders' }, schemaOf({ product: 'utf8', orders: 'int64' }));
    expect(totals.reduce((sum, [, orders]) => sum + Number(orders), 0)).toBe(300);
    await place.remove();
  });

  it('says what is wrong: no table, no unique key, no database, a NUL in a text', async () => {
    await expect(open({ table: 'none', create: false })).rejects.toMatchObject({ code: 'postgres.no-table' });
    const table = fresh();
    await server.query(`CREATE TABLE ${table} (id bigint, text text)`);
    await expect(read({ table, key: 'id' })).rejects.toMatchObject({ code: 'postgres.key-not-unique' });
    await expect(read({ table: 'none' })).rejects.toMatchObject({ code: 'postgres.refused' });
    const nowhere = { url: 'postgres://postgres@127.0.0.1:1/postgres', retryFor: '1ms', table };
    await expect(read(nowhere)).rejects.toMatchObject({ code: 'postgres.unreachable', retry: true });
    const sink = await open({ table });
    expect(() => sink.write(build(SCHEMA, [[1n, 'a\0b']]))).toThrow(/NUL/);
    await sink.abort();
  });
});
