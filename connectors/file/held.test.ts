/** File sinks of runs with checkpoints: whatever is killed when, the output is there once. */

import { readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Schema, Value } from '../../engine/batch/types.ts';
import { defined } from '../../engine/defined.ts';
import type { Prepared, RestoredSink, Sink } from '../../engine/graph/connector.ts';
import {
  bench,
  filesBelow,
  openSink,
  readAll,
  sinkContext,
  sourceContext,
  temporaryDirectory,
} from '../../test/kit/connectors.ts';
import { build } from '../../test/kit/tables.ts';
import { file } from './file.ts';

const SCHEMA: Schema = {
  fields: [
    { name: 'id', type: { kind: 'int64' }, nullable: true },
    { name: 'text', type: { kind: 'utf8' }, nullable: true },
  ],
};

/** What happens to a run: rows come, a checkpoint is taken, and the process is killed before or after it is complete, or committed; or it is
 * frozen, replaced, and goes on for a moment, as does one that was frozen while it opened the sink. */
type Event = { readonly rows: number } | 'checkpoint' | 'lost' | 'uncommitted' | 'crash' | 'fail' | 'frozen';

interface Run {
  readonly directory: string;
  readonly options: unknown;
  readonly bounded: boolean;
}

const row = (id: number): Value[] => [BigInt(id), id % 10 === 0 ? null : `row "${id}"`];

function open(
  { directory, options, bounded }: Run,
  restored: RestoredSink | undefined,
  epoch = 1,
  schema = SCHEMA,
): Promise<Sink> {
  const more = {
    bounded,
    checkpointed: true,
    identity: 'shop/app/out/0',
    epoch,
    ...defined({ restored }),
  };
  return openSink(file, options, schema, sinkContext(bench(directory), more));
}

/** Runs to the end through all events as a source that replays would; how many rows were written in all. */
async function live(run: Run, events: readonly Event[]): Promise<number> {
  let epoch = 1;
  let sink = await open(run, undefined, epoch);
  let next = 0;
  let checkpoint = 0;
  let complete: { readonly restored: RestoredSink; readonly next: number } | undefined;
  const prepare = async (last: boolean): Promise<Prepared> => {
    checkpoint += 1;
    const prepared = await sink.prepare?.(checkpoint, last);
    if (prepared === undefined) throw new Error('the sink is transactional');
    return JSON.parse(JSON.stringify(prepared)) as Prepared;
  };
  /** As a kill does: what the files hold then stays, whatever the sink would have cleaned up. */
  const kill = async (): Promise<void> => {
    const names = await filesBelow(run.directory);
    const held = await Promise.all(names.map((name) => readFile(join(run.directory, name))));
    await sink.abort();
    for (const [index, name] of names.entries()) await writeFile(join(run.directory, name), held[index] ?? '');
  };
  const goOn = async (): Promise<void> => {
    next = complete?.next ?? 0;
    // with the same epoch, as a run in one process may, or a higher one
    epoch += next % 2;
    sink = await open(run, complete?.restored, epoch);
  };
  const write = async (into: Sink, first: number, count: number): Promise<void> => {
    const rows = Array.from({ length: count }, (_, i) => row(first + i));
    await into.write(build(SCHEMA, rows));
  };
  const replace = async (): Promise<void> => {
    const frozen = sink;
    const { restored } = complete ?? {};
    epoch += 2;
    next = complete?.next ?? 0;
    sink = await open(run, restored, epoch);
    await write(sink, next, 9);
    next += 9;
    await sink.flush?.();
    const opening = await open(run, restored, epoch - 1);
    for (const old of [frozen, opening]) {
      await write(old, 1_000_000, 30);
      await old.flush?.();
      await old.abort();
    }
  };
  for (const event of events) {
    if (typeof event === 'object') {
      await write(sink, next, event.rows);
      next += event.rows;
      continue;
    }
    if (event === 'frozen') {
      await replace();
      continue;
    }
    if (event === 'fail') await sink.abort();
    if (event === 'crash') await kill();
    if (event === 'crash' || event === 'fail') await goOn();
    else {
      const prepared = await prepare(false);
      if (event !== 'lost') complete = { restored: { checkpoint, prepared }, next };
      if (event === 'checkpoint') await sink.commit?.(checkpoint, prepared);
      if (event !== 'uncommitted') continue;
      await kill();
      await goOn();
    }
  }
  const prepared = await prepare(true);
  complete = { restored: { checkpoint, prepared }, next };
  if (events.length % 2 === 1) {
    await kill();
    await goOn();
  }
  await sink.commit?.(checkpoint, prepared);
  if (events.length % 3 === 1) {
    await kill();
    await goOn();
  }
  expect((await sink.close()).rows).toBe(next);
  return next;
}

const events = fc.array(
  fc.oneof(
    { weight: 4, arbitrary: fc.integer({ min: 1, max: 40 }).map((rows): Event => ({ rows })) },
    { weight: 3, arbitrary: fc.constantFrom<Event>('checkpoint', 'lost', 'uncommitted', 'crash', 'fail', 'frozen') },
  ),
  { maxLength: 14 },
);

async function written(directory: string, path: string): Promise<Value[][]> {
  return readAll(file, { path }, SCHEMA, sourceContext(bench(directory)));
}

describe('a file sink of a run with checkpoints', () => {
  it.each(['csv', 'ndjson', 'csv.gz', 'ndjson.zst', 'json', 'parquet', 'arrow', 'parquet.gz'])(
    'of a bounded run to %s shows every row once, whenever it is killed',
    async (extension) => {
      const property = fc.asyncProperty(events, async (story) => {
        const place = await temporaryDirectory();
        const path = `out.${extension}`;
        const rows = await live({ directory: place.path, options: { path }, bounded: true }, story);
        expect(await filesBelow(place.path)).toEqual([path]);
        expect(rows === 0 ? [] : await written(place.path, path)).toEqual(
          Array.from({ length: rows }, (_, id) => row(id)),
        );
        await place.remove();
      });
      await fc.assert(property, { numRuns: 25 });
    },
  );

  it.each(['csv', 'ndjson.gz', 'parquet'])(
    'that rolls %s files shows every row once and in order',
    async (extension) => {
      const property = fc.asyncProperty(events, fc.boolean(), async (story, bounded) => {
        const place = await temporaryDirectory();
        const options = { path: `out.${extension}`, roll: { size: '400B', every: '1h' } };
        const rows = await live({ directory: place.path, options, bounded }, story);
        expect((await readdir(place.path)).filter((name) => name.startsWith('.'))).toEqual([]);
        const found = rows === 0 ? [] : await written(place.path, '*');
        expect(found).toEqual(Array.from({ length: rows }, (_, id) => row(id)));
        await place.remove();
      });
      await fc.assert(property, { numRuns: 25 });
    },
  );

  it('shows nothing of a checkpoint that is not complete', async () => {
    const place = await temporaryDirectory();
    const run: Run = { directory: place.path, options: { path: 'out.csv', roll: { size: '10B' } }, bounded: false };
    const sink = await open(run, undefined);
    await sink.write(build(SCHEMA, [row(1), row(2)]));
    const prepared = await sink.prepare?.(1, false);
    expect((await readdir(place.path)).filter((name) => !name.startsWith('.'))).toEqual([]);
    await sink.commit?.(1, prepared ?? { state: null });
    expect((await readdir(place.path)).filter((name) => !name.startsWith('.'))).toEqual(['out-00001.csv']);
    await sink.abort();
    await place.remove();
  });

  it('numbers files without a gap however often a run goes on, and keeps to their size', async () => {
    const place = await temporaryDirectory();
    const options = { path: 'out.csv', roll: { size: '2kB' } };
    const run: Run = { directory: place.path, options, bounded: false };
    let restored: RestoredSink | undefined;
    for (let checkpoint = 1; checkpoint <= 4; checkpoint++) {
      const sink = await open(run, restored);
      await sink.write(
        build(
          SCHEMA,
          Array.from({ length: 600 }, (_, id) => row(id)),
        ),
      );
      const prepared = (await sink.prepare?.(checkpoint, checkpoint % 2 === 0)) ?? { state: null };
      await sink.commit?.(checkpoint, prepared);
      restored = { checkpoint, prepared };
      await sink.abort();
    }
    const names = (await readdir(place.path)).filter((name) => !name.startsWith('.')).toSorted();
    expect(names.length).toBeGreaterThan(4);
    expect(names).toEqual(names.map((_, at) => `out-${String(at + 1).padStart(5, '0')}.csv`));
    for (const name of names) expect((await stat(join(place.path, name))).size).toBeLessThan(2_300);
    await place.remove();
  });

  it.each([
    [true, 'out.csv', {}],
    [true, 'out.parquet', {}],
    [false, 'out.csv', { roll: { size: '10B' } }],
    [false, 'out.csv', { roll: { size: '1MB' } }],
  ])('leaves nothing behind that nobody will go on from (bounded: %s, %s, %o)', async (bounded, path, more) => {
    const place = await temporaryDirectory();
    const run: Run = { directory: place.path, options: { path, ...more }, bounded };
    const sink = await open(run, undefined);
    await sink.write(build(SCHEMA, [row(1), row(2)]));
    const prepared = (await sink.prepare?.(1, false)) ?? { state: null };
    await sink.write(build(SCHEMA, [row(3)]));
    await sink.abort();
    expect(await readdir(place.path)).not.toEqual([]);
    const again = await open(run, { checkpoint: 1, prepared });
    const shown = (await readdir(place.path)).filter((name) => !name.startsWith('.'));
    await again.abort(true);
    expect(await readdir(place.path)).toEqual(shown);
    await place.remove();
  });

  it('leaves the numbers alone that another run has taken meanwhile', async () => {
    const place = await temporaryDirectory();
    const run: Run = { directory: place.path, options: { path: 'out.csv', roll: { size: '10B' } }, bounded: false };
    const sink = await open(run, undefined);
    await sink.write(build(SCHEMA, [row(1)]));
    await writeFile(join(place.path, 'out-00001.csv'), 'not ours');
    const report = await sink.close();
    expect(report.wrote).toEqual(['out-00003.csv']);
    expect((await stat(join(place.path, 'out-00001.csv'))).size).toBe(8);
    await place.remove();
  });

  describe('goes on from a checkpoint of rows of other columns', () => {
    const OTHER: Schema = { fields: [...SCHEMA.fields, { name: 'more', type: { kind: 'utf8' }, nullable: true }] };

    async function goesOn(run: Run): Promise<Sink> {
      const sink = await open(run, undefined);
      await sink.write(build(SCHEMA, [row(1)]));
      const prepared = (await sink.prepare?.(1, false)) ?? { state: null };
      await sink.write(build(SCHEMA, [row(2)]));
      await sink.abort();
      return open(run, { checkpoint: 1, prepared }, 2, OTHER);
    }

    it.each(['out.csv', 'out.parquet', 'out.arrow', 'out.json'])(
      'not in one file with a header: %s is refused, with both',
      async (path) => {
        const place = await temporaryDirectory();
        const opening = goesOn({ directory: place.path, options: { path }, bounded: true });
        const both = /with the columns id( int64)?, text.* of the columns id( int64)?, text.*, more/;
        await expect(opening).rejects.toMatchObject({
          code: 'sink.other-columns',
          message: expect.stringMatching(both),
        });
        await place.remove();
      },
    );

    it('where its records name their columns', async () => {
      const place = await temporaryDirectory();
      const sink = await goesOn({ directory: place.path, options: { path: 'out.ndjson' }, bounded: true });
      await sink.write(build(OTHER, [[3n, 'c', 'd']]));
      await sink.close();
      const lines = (await readFile(join(place.path, 'out.ndjson'), 'utf8')).trimEnd().split('\n');
      expect(lines.map((line) => Object.keys(JSON.parse(line) as object))).toEqual([
        ['id', 'text'],
        ['id', 'text', 'more'],
      ]);
      await place.remove();
    });

    it('in the next of its numbered files', async () => {
      const place = await temporaryDirectory();
      const sink = await goesOn({ directory: place.path, options: { path: 'out.csv' }, bounded: false });
      await sink.write(build(OTHER, [[3n, 'c', 'd']]));
      const report = await sink.close();
      expect(report).toEqual({ rows: 2, wrote: ['out-00001.csv', 'out-00002.csv'] });
      expect(await readFile(join(place.path, 'out-00001.csv'), 'utf8')).toMatch(/^id,text\n1,.*\n$/);
      expect(await readFile(join(place.path, 'out-00002.csv'), 'utf8')).toBe('id,text,more\n3,c,d\n');
      await place.remove();
    });
  });

  it('says so when what it wrote before is gone', async () => {
    const place = await temporaryDirectory();
    const run: Run = { directory: place.path, options: { path: 'out.csv' }, bounded: true };
    const restored = { checkpoint: 3, prepared: { state: { bytes: 100, rows: 5, last: false } } };
    await expect(open(run, restored)).rejects.toMatchObject({ code: 'sink.output-lost' });
    await place.remove();
  });

  it('refuses to replace a file with overwrite: false, yet knows its own', async () => {
    const place = await temporaryDirectory();
    const run: Run = { directory: place.path, options: { path: 'out.csv', overwrite: false }, bounded: true };
    const sink = await open(run, undefined);
    await sink.write(build(SCHEMA, [row(1)]));
    const prepared = (await sink.prepare?.(1, true)) ?? { state: null };
    await sink.commit?.(1, prepared);
    const again = await open(run, { checkpoint: 1, prepared });
    expect((await again.close()).rows).toBe(1);
    await expect(open(run, undefined)).rejects.toMatchObject({ code: 'sink.exists' });
    await place.remove();
  });
});

it('says at once that a directory cannot be made where none can be', async () => {
  for (const checkpointed of [false, true]) {
    const context = sinkContext(bench('/'), { checkpointed });
    const opened = openSink(file, { path: '/proc/nope/deeper/x.csv' }, SCHEMA, context);
    await expect(opened).rejects.toMatchObject({ code: expect.stringMatching(/^sink\./) });
  }
});
