import { execFileSync } from 'node:child_process';
import { chmod, mkdir, readdir, readFile, stat, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gunzipSync, zstdDecompressSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Value } from '../../engine/batch/types.ts';
import type { SinkContext } from '../../engine/graph/connector.ts';
import {
  bench,
  filesBelow,
  openSink,
  readAll,
  sinkContext,
  sourceContext,
  temporaryDirectory,
  writeAll,
} from '../../test/kit/connectors.ts';
import { schemaOf } from '../../test/kit/formats.ts';
import { build } from '../../test/kit/tables.ts';
import { partsOfName } from '../formats/formats.ts';
import { writeError } from './errors.ts';
import { file } from './file.ts';
import { fileSinkOptions } from './options.ts';

const schema = schemaOf({ a: 'utf8' });
let place: Awaited<ReturnType<typeof temporaryDirectory>>;
beforeEach(async () => {
  place = await temporaryDirectory();
});
afterEach(() => place.remove());

const at = (name: string): string => join(place.path, name);

function open(options: unknown, more: Partial<SinkContext> = {}) {
  return openSink(file, options, schema, sinkContext(bench(place.path), more));
}

const batch = (...values: Value[]) =>
  build(
    schema,
    values.map((value) => [value]),
  );
/** About 1 MiB, so that it goes to the disk at once. */
const large = (): ReturnType<typeof batch> => batch('x'.repeat(600_000), 'y'.repeat(600_000));

function write(options: unknown, values: readonly Value[], more: Partial<SinkContext> = {}) {
  return writeAll(file, options, schema, [batch(...values)], sinkContext(bench(place.path), more));
}

describe('a bounded run', () => {
  it('shows nothing under the name of the file before it is whole', async () => {
    const sink = await open({ path: 'a.csv' });
    await sink.write(large());
    await sink.flush?.();
    const names = await filesBelow(place.path);
    expect(names).toHaveLength(1);
    expect(names[0]).toMatch(/^\.a\.csv\.partial-/);
    expect(await sink.close()).toEqual({ rows: 2, wrote: ['a.csv'] });
    expect(await filesBelow(place.path)).toEqual(['a.csv']);
  });

  it('leaves the file of an earlier run as it was until its own is whole, then replaces it', async () => {
    await writeFile(at('a.csv'), 'old');
    const aborted = await open({ path: 'a.csv' });
    await aborted.write(large());
    await aborted.abort();
    expect(await readFile(at('a.csv'), 'utf8')).toBe('old');
    await write({ path: 'a.csv' }, ['new']);
    expect(await readFile(at('a.csv'), 'utf8')).toBe('a\nnew\n');
  });

  it('refuses to replace a file where it must not, before and at its end', async () => {
    const sink = await open({ path: 'a.csv', overwrite: false });
    await writeFile(at('a.csv'), 'meanwhile');
    await expect(open({ path: 'a.csv', overwrite: false })).rejects.toMatchObject({
      code: 'sink.exists',
      domain: 'user',
    });
    await expect(sink.close()).rejects.toMatchObject({ code: 'sink.exists' });
    expect(await filesBelow(place.path)).toEqual(['a.csv']);
    expect(await readFile(at('a.csv'), 'utf8')).toBe('meanwhile');
  });

  it('writes where a link points to, and keeps the link', async () => {
    await mkdir(at('real'));
    await writeFile(at('real/a.csv'), 'old');
    await symlink(at('real/a.csv'), at('a.csv'));
    await write({ path: 'a.csv' }, ['new']);
    expect(await readFile(at('real/a.csv'), 'utf8')).toBe('a\nnew\n');
    expect(await readdir(at('real'))).toEqual(['a.csv']);
  });

  it('makes missing directories, unless told not to', async () => {
    await write({ path: 'x/y/a.csv' }, ['1']);
    expect(await filesBelow(place.path)).toEqual(['x/y/a.csv']);
    await expect(open({ path: 'z/a.csv', mkdir: false })).rejects.toMatchObject({
      code: 'sink.no-directory',
      domain: 'user',
    });
  });

  it.each([
    ['gz', gunzipSync],
    ['zst', zstdDecompressSync],
  ])('compresses to .%s as one member', async (extension, unpack) => {
    const sink = await open({ path: `a.csv.${extension}` });
    for (let i = 0; i < 5; i++) await sink.write(large());
    await sink.close();
    const text = unpack(await readFile(at(`a.csv.${extension}`))).toString();
    expect(text.split('\n')).toHaveLength(12);
  });

  it('writes to standard output as text, and binary formats not into text', async () => {
    const setup = bench(place.path);
    const report = await writeAll(file, { path: '-', format: 'csv' }, schema, [batch('é', 'b')], sinkContext(setup));
    expect(setup.printed.join('')).toBe('a\né\nb\n');
    expect(report).toEqual({ rows: 2, wrote: [] });
  });
});

describe('a run that does not end', () => {
  const more = { bounded: false };

  it('completes a file at its size, and goes on with the next number', async () => {
    const sink = await open({ path: 'd/a.csv', roll: { size: '1MB' } }, more);
    for (let i = 0; i < 3; i++) await sink.write(large());
    expect((await filesBelow(at('d'))).filter((name) => !name.startsWith('.'))).toEqual([
      'a-00001.csv',
      'a-00002.csv',
      'a-00003.csv',
    ]);
    await sink.write(batch('last'));
    const report = await sink.close();
    expect(report).toEqual({ rows: 7, wrote: [1, 2, 3, 4].map((n) => `d/a-0000${n}.csv`) });
    expect(await readFile(at('d/a-00004.csv'), 'utf8')).toBe('a\nlast\n');
  });

  it('cuts a batch that is larger than a file may be, and exceeds the size by little', async () => {
    const sink = await open({ path: 'd/a.csv', roll: { size: '10kB' } }, more);
    const rows = Array.from({ length: 20_000 }, (_, i) => [String(i).padStart(9, '0')]);
    await sink.write(build(schema, rows));
    await sink.close();
    const names = await filesBelow(at('d'));
    const texts = await Promise.all(names.map((name) => readFile(at(`d/${name}`), 'utf8')));
    expect(names).toHaveLength(20);
    for (const text of texts) expect(text.length).toBeLessThanOrEqual(10_020);
    expect(texts.flatMap((text) => text.trimEnd().split('\n').slice(1))).toEqual(rows.flat());
  });

  it('completes a file at its age, although no row comes', async () => {
    const sink = await open({ path: 'a.csv', roll: { every: '50ms' } }, more);
    await sink.write(batch('1'));
    await expect.poll(() => filesBelow(place.path)).toEqual(['a-00001.csv']);
    await sink.write(batch('2'));
    await expect.poll(() => filesBelow(place.path)).toEqual(['a-00001.csv', 'a-00002.csv']);
    await sink.close();
    expect(await readFile(at('a-00002.csv'), 'utf8')).toBe('a\n2\n');
  });

  it('goes on after the numbers of earlier runs, and never replaces a file', async () => {
    await write({ path: 'a.ndjson' }, ['1'], more);
    await writeFile(at('a-00007.ndjson'), 'of another');
    const sink = await open({ path: 'a.ndjson' }, more);
    await sink.write(batch('2'));
    await writeFile(at('a-00008.ndjson'), 'of another');
    expect((await sink.close()).wrote).toEqual(['a-00009.ndjson']);
    expect(await readFile(at('a-00008.ndjson'), 'utf8')).toBe('of another');
  });

  it('rolls by default', async () => {
    const report = await write({ path: 'a.json.gz' }, ['1'], more);
    expect(report.wrote).toEqual(['a-00001.json.gz']);
  });

  it.each(['a.csv', 'a.ndjson.gz', 'a.json', 'a.parquet', 'a.arrow'])(
    'keeps every whole record when it is aborted: %s',
    async (path) => {
      const { stem, extension } = partsOfName(path);
      const sink = await open({ path, roll: { size: '1MB' } }, more);
      await sink.write(batch('first'));
      await sink.flush?.();
      await sink.write(batch('second'));
      await sink.abort();
      expect(await filesBelow(place.path)).toEqual([`${stem}-00001${extension}`]);
      const context = sourceContext(bench(place.path));
      expect(await readAll(file, { path: `${stem}-*` }, schema, context)).toEqual([['first'], ['second']]);
    },
  );

  it('keeps what a write under way is writing when it is aborted', async () => {
    const sink = await open({ path: 'a.csv' }, more);
    const writing = sink.write(large());
    await sink.abort();
    await writing;
    expect((await readFile(at('a-00001.csv'), 'utf8')).split('\n')).toHaveLength(4);
  });

  it('keeps every row that is written while a file is being completed', async () => {
    const sink = await open({ path: 'a.csv', roll: { every: '1ms' } }, more);
    for (let i = 0; i < 300; i++) {
      await sink.write(batch(String(i)));
      if (i % 10 === 0) await new Promise((resolve) => setTimeout(resolve, 1));
    }
    const report = await sink.close();
    expect(report.rows).toBe(300);
    const names = (await filesBelow(place.path)).toSorted();
    const texts = await Promise.all(names.map((name) => readFile(at(name), 'utf8')));
    const values = texts.flatMap((text) => text.trimEnd().split('\n').slice(1));
    expect(values).toEqual(Array.from({ length: 300 }, (_, i) => String(i)));
    expect(names.length).toBeGreaterThan(1);
  });
});

describe('what can go wrong', () => {
  it('says that the disk is full, and leaves no file that looks whole', async () => {
    await expect(write({ path: '/dev/full', format: 'csv' }, ['1'])).rejects.toMatchObject({
      code: 'sink.disk-full',
      domain: 'external',
      retry: true,
    });
  });

  it('leaves nothing on a disk that fills up but whole records of a file under way', async (context) => {
    await mkdir(at('small'));
    try {
      execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=2m', 'tmpfs', at('small')], { stdio: 'ignore' });
    } catch {
      return context.skip('mounting a small file system takes root');
    }
    try {
      for (const options of [{ path: 'small/a.csv' }, { path: 'small/b.json', roll: {} }]) {
        const sink = await open(options);
        const writing = async (): Promise<void> => {
          for (let i = 0; i < 5; i++) await sink.write(large());
        };
        await expect(writing()).rejects.toMatchObject({ code: 'sink.disk-full' });
        await sink.abort();
        expect(await readdir(at('small'))).toEqual([]);
      }
      const sink = await open({ path: 'small/c.csv', roll: {} });
      const writing = async (): Promise<void> => {
        for (let i = 0; i < 5; i++) await sink.write(batch('x'.repeat(900_000)));
      };
      await expect(writing()).rejects.toMatchObject({ code: 'sink.disk-full' });
      await sink.abort();
      expect(await readdir(at('small'))).toEqual(['c-00001.csv']);
      const lines = (await readFile(at('small/c-00001.csv'), 'utf8')).split('\n');
      expect(lines.map((line) => line.length)).toEqual([1, 900_000, 900_000, 0]);
    } finally {
      execFileSync('umount', [at('small')]);
    }
  });

  it('says which path is not writable', async (context) => {
    if (process.getuid?.() === 0) return context.skip('root may write everywhere');
    await mkdir(at('locked'));
    await chmod(at('locked'), 0o500);
    await expect(open({ path: 'locked/a.csv' })).rejects.toMatchObject({
      code: 'sink.not-writable',
      domain: 'external',
    });
  });

  it.each([
    ['EACCES', 'sink.not-writable', 'external'],
    ['EROFS', 'sink.not-writable', 'external'],
    ['ENOSPC', 'sink.disk-full', 'external'],
    ['EDQUOT', 'sink.disk-full', 'external'],
    ['ENOENT', 'sink.no-directory', 'user'],
    ['EIO', 'sink.write-failed', 'external'],
    ['EPIPE', 'sink.closed', 'external'],
  ])('turns %s into %s', (code, expected, domain) => {
    const error = writeError(Object.assign(new Error('x'), { code }), 'a.csv');
    expect(error).toMatchObject({ code: expected, domain, message: expect.stringContaining('a.csv') });
  });

  it('refuses a directory as its file', async () => {
    await mkdir(at('a.csv'));
    await expect(open({ path: 'a.csv' })).rejects.toMatchObject({ code: 'sink.is-directory', domain: 'user' });
    expect((await stat(at('a.csv'))).isDirectory()).toBe(true);
  });

  it('refuses a path through a file', async () => {
    await writeFile(at('f'), '');
    await expect(open({ path: 'f/a.csv' })).rejects.toMatchObject({ domain: 'user' });
  });

  it.each(['a.xlsx', 'a', '-'])('refuses an unknown format, with the list: %s', (path) => {
    const issue = fileSinkOptions.safeParse({ path }).error?.issues[0];
    expect(issue).toMatchObject({ path: ['path'], params: { code: 'file.unknown-format' } });
    expect(issue?.message).toContain('.csv .tsv .ndjson');
  });

  it('takes an option that formats share with the values of the format at hand only', () => {
    const fits = (path: string, codec: string): boolean => fileSinkOptions.safeParse({ path, codec }).success;
    expect(['snappy', 'gzip', 'zstd', 'lz4'].map((codec) => fits('a.parquet', codec))).toEqual([
      true,
      true,
      true,
      false,
    ]);
    expect(['snappy', 'gzip', 'zstd', 'lz4'].map((codec) => fits('a.arrow', codec))).toEqual([
      false,
      false,
      true,
      true,
    ]);
  });

  it.each([
    [{ path: 'a.ndjson', delimiter: ';' }, 'delimiter'],
    [{ path: 'a.csv', roll: { size: 5 } }, 'roll.size'],
    [{ path: 'a.csv', roll: { every: '0s' } }, 'roll.every'],
    [{ path: 'a.csv', partition: 'file' }, ''],
  ])('refuses %j', (options, path) => {
    expect(fileSinkOptions.safeParse(options).error?.issues.map((issue) => issue.path.join('.'))).toEqual([path]);
  });
});
