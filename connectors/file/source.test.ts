import { appendFile, mkdir, rename, rm, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { constants, gzipSync, zstdCompressSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Batch } from '../../engine/batch/batch.ts';
import type { Value } from '../../engine/batch/types.ts';
import type { SourceContext, SourcePartition } from '../../engine/graph/connector.ts';
import { bench, drain, readAll, sourceContext, temporaryDirectory } from '../../test/kit/connectors.ts';
import { schemaOf } from '../../test/kit/formats.ts';
import { rowsOf } from '../../test/kit/tables.ts';
import { file } from './file.ts';
import { type FileSourceOptions, fileSourceOptions } from './options.ts';
import { openFileSource } from './source.ts';

const schema = schemaOf({ a: 'int64' });
let place: Awaited<ReturnType<typeof temporaryDirectory>>;
beforeEach(async () => {
  place = await temporaryDirectory();
});
afterEach(() => place.remove());

const at = (name: string): string => join(place.path, name);

async function put(files: Readonly<Record<string, string | Uint8Array>>): Promise<void> {
  for (const [name, content] of Object.entries(files)) {
    await mkdir(join(at(name), '..'), { recursive: true });
    await writeFile(at(name), content);
  }
}

async function read(options: unknown, more: Partial<SourceContext> = {}): Promise<Value[]> {
  return (await readAll(file, options, schema, sourceContext(bench(place.path), more))).map((row) => row[0] ?? null);
}

describe('which files', () => {
  beforeEach(() =>
    put({
      'd/b.csv': 'a\n2\n',
      'd/a.csv': 'a\n1\n',
      'd/c.ndjson': '{"a":3}\n',
      'd/.hidden.csv': 'a\n9\n',
      'd/notes.txt': 'x',
      'd/e/deep.csv': 'a\n4\n',
    }),
  );

  it('reads a glob in the order of names', async () => {
    expect(await read({ path: 'd/*.csv' })).toEqual([1n, 2n]);
    expect(await read({ path: 'd/**/*.csv' })).toEqual([1n, 2n, 4n]);
    expect(await read({ path: at('d/{b,a}.csv') })).toEqual([1n, 2n]);
  });

  it('reads the files of known formats in a directory, each by its own format', async () => {
    expect(await read({ path: 'd' })).toEqual([1n, 2n, 3n]);
  });

  it('takes a name with the characters of a glob as it is, where there is such a file', async () => {
    await put({ 'x[1].csv': 'a\n7\n' });
    expect(await read({ path: 'x[1].csv' })).toEqual([7n]);
  });

  it('opens a partition for each file where asked to, named like the file', async () => {
    const options = fileSourceOptions.parse({ path: 'd/*.csv', partition: 'file' });
    const source = await openFileSource(options, schema, sourceContext(bench(place.path)));
    expect(source.partitions.map((partition) => partition.name)).toEqual(['d/a.csv', 'd/b.csv']);
    const [first, second] = source.partitions as [SourcePartition, SourcePartition];
    expect(await drain(second)).toEqual([[2n]]);
    expect(await drain(first)).toEqual([[1n]]);
    await source.close();
  });

  it('refuses more than 1,000 partitions', async () => {
    const many = Object.fromEntries(Array.from({ length: 1001 }, (_, i) => [`many/${i}.csv`, 'a\n']));
    await put(many);
    await expect(read({ path: 'many', partition: 'file' })).rejects.toMatchObject({ code: 'source.too-many-files' });
    expect(await read({ path: 'many' })).toEqual([]);
  });

  it('attaches the file and line, by the names that the user knows', async () => {
    const wide = schemaOf({ a: 'int64', file: 'utf8', line: 'int64' });
    const context = sourceContext(bench(place.path), { attach: ['file', 'line'] });
    expect(await readAll(file, { path: 'd/*.{csv,ndjson}' }, wide, context)).toEqual([
      [1n, 'd/a.csv', 2n],
      [2n, 'd/b.csv', 2n],
      [3n, 'd/c.ndjson', 1n],
    ]);
  });

  it.each([
    ['d/a.cvs', { code: 'source.not-found', domain: 'user', hint: expect.stringContaining('did you mean "a.csv"?') }],
    ['nowhere/a.csv', { code: 'source.not-found', domain: 'user' }],
    ['d/*.json', { code: 'source.not-found', message: 'd/*.json matches no file' }],
    ['d/e/../../d/notes.txt', { code: 'file.unknown-format' }],
  ])('says what is wrong with %s', async (path, error) => {
    await expect(read({ path })).rejects.toMatchObject(error);
  });

  it('says what is wrong with an empty directory', async () => {
    await mkdir(at('empty'));
    await expect(read({ path: 'empty' })).rejects.toMatchObject({ code: 'source.not-found' });
  });
});

describe('options', () => {
  it.each([
    [{ path: 'a.csv', delimiter: ',,' }, 'delimiter'],
    [{ path: 'a.csv', delimeter: ',' }, ''],
    [{ path: 'a.ndjson', delimiter: ';' }, 'delimiter'],
    [{ path: 'a.csv', records: 'x' }, 'records'],
    [{ path: 'a.txt', format: 'cvs' }, 'format'],
    [{ path: 'a.csv', maxRowBytes: '16 MB' }, 'maxRowBytes'],
    [{ path: '' }, 'path'],
    [{}, 'path'],
  ])('refuses %j', (options, path) => {
    const result = fileSourceOptions.safeParse(options);
    expect(result.error?.issues.map((issue) => issue.path.join('.'))).toEqual([path]);
  });

  it('takes the format and the compression by option over the name', async () => {
    await put({ 'data.txt': 'a\n1\n', 'data.csv': '{"a":2}\n', 'packed.csv': gzipSync('a\n3\n') });
    expect(await read({ path: 'data.txt', format: 'csv' })).toEqual([1n]);
    expect(await read({ path: 'data.csv', format: 'ndjson' })).toEqual([2n]);
    expect(await read({ path: 'packed.csv', compression: 'gzip' })).toEqual([3n]);
    await expect(read({ path: 'packed.csv' })).rejects.toMatchObject({ code: 'source.wrong-format' });
  });
});

describe('compressed files', () => {
  const text = `a\n${Array.from({ length: 50_000 }, (_, i) => `${i}\n`).join('')}`;

  it('reads files of several members or frames', async () => {
    await put({
      'a.csv.gz': Buffer.concat([gzipSync('a\n1\n'), gzipSync('2\n')]),
      'a.csv.zst': Buffer.concat([zstdCompressSync('a\n1\n'), zstdCompressSync('2\n')]),
      'many.csv.zst': Buffer.concat(
        ['a\n', ...Array.from({ length: 300 }, (_, i) => `${i}\n`)].map((line) => zstdCompressSync(line)),
      ),
    });
    expect(await read({ path: 'many.csv.zst' })).toHaveLength(300);
    expect(await read({ path: 'a.csv.gz' })).toEqual([1n, 2n]);
    expect(await read({ path: 'a.csv.zst' })).toEqual([1n, 2n]);
  });

  it.each([
    ['gz', gzipSync(text)],
    ['zst', zstdCompressSync(text, { params: { [constants.ZSTD_c_checksumFlag]: 1 } })],
  ])('refuses a .%s file that is truncated, damaged or no such file', async (extension, whole) => {
    const name = `a.csv.${extension}`;
    const damaged = Buffer.from(whole);
    damaged.fill(0xa5, whole.length >> 1, (whole.length >> 1) + 64);
    const cuts = [0, 1, 5, 12, whole.length >> 1, whole.length - 5, whole.length - 1].map((size) =>
      whole.subarray(0, size),
    );
    for (const content of [...cuts, damaged, Buffer.from(text)]) {
      await put({ [name]: content });
      await expect(read({ path: name })).rejects.toMatchObject({ code: 'source.corrupt', domain: 'user' });
    }
  });
});

describe('standard input', () => {
  it('cannot be guessed', async () => {
    const options = file.source?.options.parse({ path: '-', format: 'csv' });
    const guess = file.source?.infer?.(options, sourceContext(bench(place.path)));
    await expect(guess).rejects.toMatchObject({ code: 'source.no-schema' });
  });

  it('needs a format', () => {
    expect(fileSourceOptions.safeParse({ path: '-' }).error?.issues[0]).toMatchObject({ path: ['path'] });
  });
});

describe('a followed file', () => {
  const timing = { poll: 20, gone: 100 };

  async function follow(options: object = {}): Promise<{
    partition: SourcePartition;
    rows(count: number): Promise<Value[]>;
    stop(): Promise<void>;
  }> {
    const setup = bench(place.path);
    const parsed: FileSourceOptions = fileSourceOptions.parse({ path: 'a.csv', follow: true, ...options });
    const source = await openFileSource(parsed, schema, sourceContext(setup), timing);
    expect(source.bounded).toBe(false);
    const partition = source.partitions[0] as SourcePartition;
    return {
      partition,
      async rows(count) {
        const rows: Value[] = [];
        while (rows.length < count) {
          const batch: Batch | undefined = await partition.next();
          if (batch === undefined) break;
          rows.push(...rowsOf(batch).map((row) => row[0] ?? null));
        }
        return rows;
      },
      async stop() {
        setup.abort.abort();
        await source.close();
      },
    };
  }

  it('gives rows as they come, and half a line only once it is whole', async () => {
    await put({ 'a.csv': 'a\n1\n' });
    const tail = await follow();
    expect(await tail.rows(1)).toEqual([1n]);
    await appendFile(at('a.csv'), '2\n3');
    expect(await tail.rows(1)).toEqual([2n]);
    await appendFile(at('a.csv'), '3\n');
    expect(await tail.rows(1)).toEqual([33n]);
    await tail.stop();
  });

  it('waits for the header of an empty file', async () => {
    await put({ 'a.csv': '' });
    const tail = await follow();
    const rows = tail.rows(1);
    await appendFile(at('a.csv'), 'a\n');
    await appendFile(at('a.csv'), '5\n');
    expect(await rows).toEqual([5n]);
    await tail.stop();
  });

  it('reads a rotated file to its end, then the new one from its header on', async () => {
    await put({ 'a.csv': 'a\n1\n' });
    const tail = await follow();
    expect(await tail.rows(1)).toEqual([1n]);
    await rename(at('a.csv'), at('a.csv.1'));
    await appendFile(at('a.csv.1'), '2\n3');
    await put({ 'a.csv': 'a\n4\n' });
    expect(await tail.rows(3)).toEqual([2n, 3n, 4n]);
    await tail.stop();
  });

  it('fails when the file is cut short, since rows may be lost', async () => {
    await put({ 'a.csv': 'a\n1\n2\n' });
    const tail = await follow();
    expect(await tail.rows(2)).toEqual([1n, 2n]);
    await truncate(at('a.csv'), 2);
    await expect(tail.rows(1)).rejects.toMatchObject({ code: 'source.file-truncated', domain: 'external' });
    await tail.stop();
  });

  it('fails when the file is removed and does not come back, all of it read', async () => {
    await put({ 'a.csv': 'a\n1\n' });
    const tail = await follow();
    expect(await tail.rows(1)).toEqual([1n]);
    await appendFile(at('a.csv'), '2\n');
    await rm(at('a.csv'));
    expect(await tail.rows(1)).toEqual([2n]);
    await expect(tail.rows(1)).rejects.toMatchObject({ code: 'source.file-removed', retry: true });
    await tail.stop();
  });

  it('goes on when the file is back in time', async () => {
    await put({ 'a.csv': 'a\n1\n' });
    const tail = await follow();
    expect(await tail.rows(1)).toEqual([1n]);
    await rm(at('a.csv'));
    const rows = tail.rows(1);
    await new Promise((resolve) => setTimeout(resolve, timing.poll * 2));
    await put({ 'a.csv': 'a\n2\n' });
    expect(await rows).toEqual([2n]);
    await tail.stop();
  });

  it.each([
    [{ path: 'a.csv.gz' }, 'it is compressed'],
    [{ path: 'a.json' }, 'not appended to'],
    [{ path: '*.csv' }, 'partition: file'],
    [{ path: '-', format: 'csv' }, 'standard input'],
  ])('refuses to follow %j', async (options, message) => {
    await put({ 'a.csv': 'a\n', 'b.csv': 'a\n', 'a.csv.gz': gzipSync('a\n'), 'a.json': '[]' });
    await expect(follow(options)).rejects.toMatchObject({
      code: 'source.cannot-follow',
      message: expect.stringContaining(message),
    });
  });
});
