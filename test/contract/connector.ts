/**
 * What every connector promises (engine/graph/connector.ts), as tests that its own test file calls with what is particular to it: how to
 * prepare data, which options, which rows.
 */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Schema, Value } from '../../engine/batch/types.ts';
import type { Connector } from '../../engine/graph/connector.ts';
import {
  bench,
  drain,
  filesBelow,
  openSink,
  openSource,
  readAll,
  sinkContext,
  sourceContext,
  temporaryDirectory,
} from '../kit/connectors.ts';
import { build } from '../kit/tables.ts';

export interface SourceCase {
  readonly title: string;
  readonly connector: Connector;
  readonly schema: Schema;
  /** Puts the data into the directory; what the options then are. */
  prepare(directory: string): Promise<unknown>;
  /** The rows that come; absent: any, but the same each time. */
  readonly rows?: readonly (readonly Value[])[];
  /** Prepares data of which some rows cannot be read; what the positions of those are. Absent where there is no such thing. */
  readonly bad?: { prepare(directory: string): Promise<unknown>; readonly positions: readonly string[] };
  /** Options of a source that waits for rows that do not come; absent where it never waits. */
  waiting?(directory: string): Promise<unknown>;
}

export interface SinkCase {
  readonly title: string;
  readonly connector: Connector;
  readonly schema: Schema;
  readonly rows: readonly (readonly Value[])[];
  readonly options: unknown;
  /** Files that a run which closes leaves in the directory. */
  readonly files: readonly string[];
  /** Files that a run which is aborted after all rows leaves: whole records of a sink that completes files as it goes; none unless given. */
  readonly keeps?: readonly string[];
  /** What is in there, or was printed, as rows; absent where it is for people. */
  read?(directory: string): Promise<Value[][]>;
}

/** A directory for each test; `path` is valid inside a test. */
function testDirectory(): { readonly path: string } {
  let place: Awaited<ReturnType<typeof temporaryDirectory>>;
  beforeEach(async () => {
    place = await temporaryDirectory();
  });
  afterEach(() => place.remove());
  return {
    get path() {
      return place.path;
    },
  };
}

export function sourceContract(subject: SourceCase): void {
  describe(`${subject.title}: the contract of sources`, () => {
    const place = testDirectory();
    readsAllRows(subject, place);
    endsEarly(subject, place);
    if (subject.bad !== undefined) rejectsBadRows(subject, subject.bad, place);
    if (subject.waiting !== undefined) stopsWaiting(subject, subject.waiting, place);
  });
}

function readsAllRows(subject: SourceCase, place: { readonly path: string }): void {
  const { connector, schema } = subject;

  it('reads all rows, then ends, and the same again when opened again', async () => {
    const options = await subject.prepare(place.path);
    const setup = bench(place.path);
    const first = await readAll(connector, options, schema, sourceContext(setup));
    const second = await readAll(connector, options, schema, sourceContext(setup));
    expect(second).toEqual(first);
    expect(first.length).toBeGreaterThan(0);
    if (subject.rows !== undefined) expect(first).toEqual(subject.rows);
    expect(setup.bad).toEqual([]);
  });

  it('gives batches of the schema it was asked for, none of them empty', async () => {
    const options = await subject.prepare(place.path);
    const source = await openSource(connector, options, schema, sourceContext(bench(place.path)));
    for (const partition of source.partitions) {
      for (let batch = await partition.next(); batch !== undefined; batch = await partition.next()) {
        expect(batch.schema.fields).toEqual(schema.fields);
        expect(batch.rows).toBeGreaterThan(0);
      }
    }
    await source.close();
  });
}

function endsEarly(subject: SourceCase, place: { readonly path: string }): void {
  const { connector, schema } = subject;

  it('can be closed before its end, and without a single call of next', async () => {
    const options = await subject.prepare(place.path);
    const untouched = await openSource(connector, options, schema, sourceContext(bench(place.path)));
    await untouched.close();
    const begun = await openSource(connector, options, schema, sourceContext(bench(place.path)));
    await begun.partitions[0]?.next();
    await begun.close();
  });

  it('ends soon once the signal aborts', async () => {
    const setup = bench(place.path);
    const source = await openSource(connector, await subject.prepare(place.path), schema, sourceContext(setup));
    setup.abort.abort();
    for (const partition of source.partitions) expect(await partition.next()).toBeUndefined();
    await source.close();
  });
}

function rejectsBadRows(
  { connector, schema }: SourceCase,
  bad: NonNullable<SourceCase['bad']>,
  place: { readonly path: string },
): void {
  it('reports each bad row with its position, and reads those around it', async () => {
    const setup = bench(place.path);
    const rows = await readAll(connector, await bad.prepare(place.path), schema, sourceContext(setup));
    expect(setup.bad.map((row) => row.position)).toEqual(bad.positions);
    expect(rows.length).toBeGreaterThan(0);
    for (const row of setup.bad) {
      expect(row.code).toMatch(/^[a-z]+(\.[a-z0-9-]+)+$/);
      expect(row.message.length).toBeGreaterThan(5);
      expect(row.raw.length).toBeLessThanOrEqual(1024);
    }
  });

  it('stops with the error that rejecting a row throws', async () => {
    const reject = (): never => {
      throw new Error('no bad rows here');
    };
    const context = sourceContext(bench(place.path), { reject });
    const reading = readAll(connector, await bad.prepare(place.path), schema, context);
    await expect(reading).rejects.toThrow('no bad rows here');
  });
}

function stopsWaiting(
  { connector, schema }: SourceCase,
  waiting: NonNullable<SourceCase['waiting']>,
  place: { readonly path: string },
): void {
  it('ends a pending call of next once the signal aborts', async () => {
    const setup = bench(place.path);
    const source = await openSource(connector, await waiting(place.path), schema, sourceContext(setup));
    const pending = Promise.all(source.partitions.map(drain));
    setTimeout(() => setup.abort.abort(), 30);
    await pending;
    await source.close();
  });
}

export function sinkContract(subject: SinkCase): void {
  describe(`${subject.title}: the contract of sinks`, () => {
    const { connector, schema, rows, options } = subject;
    const place = testDirectory();

    it('writes all rows, reports how many and where, and leaves nothing else behind', async () => {
      const sink = await openSink(connector, options, schema, sinkContext(bench(place.path)));
      for (const row of rows) await sink.write(build(schema, [row]));
      await sink.flush?.();
      const report = await sink.close();
      expect(report.rows).toBe(rows.length);
      expect(report.wrote.filter((name) => name !== 'stdout')).toEqual(subject.files);
      expect(await filesBelow(place.path)).toEqual(subject.files);
      if (subject.read !== undefined) expect(await subject.read(place.path)).toEqual(rows);
    });

    it('takes what it needs of a batch before write returns', async () => {
      const setup = bench(place.path);
      const sink = await openSink(connector, options, schema, sinkContext(setup));
      for (const row of rows) {
        const batch = build(schema, [row]);
        const written = sink.write(batch);
        batch.body.fill(0xee);
        await written;
      }
      await sink.close();
      if (subject.read !== undefined) expect(await subject.read(place.path)).toEqual(rows);
      else expect(setup.printed.join('')).not.toContain('\u{fffd}');
    });

    it('leaves nothing half-written behind when it is aborted, with rows or without', async () => {
      for (const count of [0, rows.length]) {
        const sink = await openSink(connector, options, schema, sinkContext(bench(place.path)));
        for (const row of rows.slice(0, count)) await sink.write(build(schema, [row]));
        await sink.flush?.();
        await sink.abort();
        expect(await filesBelow(place.path)).toEqual(count === 0 ? [] : (subject.keeps ?? []));
        if (count > 0 && subject.keeps !== undefined && subject.read !== undefined) {
          expect(await subject.read(place.path)).toEqual(rows);
        }
      }
    });

    it('closes without a row', async () => {
      const sink = await openSink(connector, options, schema, sinkContext(bench(place.path)));
      expect((await sink.close()).rows).toBe(0);
      expect((await filesBelow(place.path)).every((name) => !name.includes('partial'))).toBe(true);
    });
  });
}
