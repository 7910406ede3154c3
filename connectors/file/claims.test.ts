import { mkdir, mkdtemp, realpath, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { claimsOf, readsClaim } from './claims.ts';
import type { FileSinkOptions, FileSourceOptions } from './options.ts';

let directory = '';

beforeEach(async () => {
  directory = await realpath(await mkdtemp(join(tmpdir(), 'claims-')));
  await mkdir(join(directory, 'data'));
  await writeFile(join(directory, 'data', 'a.csv'), '');
  await symlink(join(directory, 'data'), join(directory, 'link'));
  await symlink(join(directory, 'data', 'a.csv'), join(directory, 'alias.csv'));
});

afterEach(() => rm(directory, { recursive: true, force: true }));

const sink = (path: string, more: object = {}): FileSinkOptions => ({ path, ...more }) as FileSinkOptions;
const source = (path: string): FileSourceOptions => ({ path }) as FileSourceOptions;

async function identityOf(path: string): Promise<string | undefined> {
  const [claim] = await claimsOf(sink(path), directory);
  return claim?.identity;
}

/** Whether a source of `read` takes in what a sink of `written` writes. */
async function reads(read: string, written: string): Promise<boolean> {
  const [claim] = await claimsOf(sink(written), directory);
  return claim !== undefined && (await readsClaim(source(read), directory, claim));
}

describe('what a file sink claims', () => {
  it('is one file, however it is named', async () => {
    const file = join(directory, 'data', 'a.csv');
    for (const path of ['data/a.csv', './data/../data/a.csv', file, 'link/a.csv', 'alias.csv']) {
      expect([path, await identityOf(path)]).toEqual([path, file]);
    }
  });

  it('is known of a file that is not there yet, in directories that are not there either', async () => {
    expect(await identityOf('link/new/b.csv')).toBe(join(directory, 'data', 'new', 'b.csv'));
  });

  it('is nothing of a device, which nobody replaces', async () => {
    expect(await claimsOf(sink('/dev/null'), directory)).toEqual([]);
  });

  it('is standard output, which lines of one format share', async () => {
    const claims = async (options: FileSinkOptions): Promise<unknown> =>
      (await claimsOf(options, directory))[0]?.sharedAs;
    expect(await claims(sink('-', { format: 'ndjson' }))).toBe(await claims(sink('-', { format: 'ndjson' })));
    expect(await claims(sink('-', { format: 'ndjson' }))).not.toBe(
      await claims(sink('-', { format: 'ndjson', compression: 'gzip' })),
    );
    expect(await claims(sink('-', { format: 'arrow' }))).toBeUndefined();
  });
});

describe('a file source reads what a sink writes', () => {
  it('by its name, by another one, and not where the two only look alike', async () => {
    expect(await reads('data/a.csv', 'link/a.csv')).toBe(true);
    expect(await reads('alias.csv', 'data/a.csv')).toBe(true);
    expect(await reads('data/a.csv', 'a.csv')).toBe(false);
    expect(await reads('-', 'a.csv')).toBe(false);
  });

  it('in a directory, if it is of a format that is read there', async () => {
    expect(await reads('data', 'data/new.csv')).toBe(true);
    expect(await reads('link', 'data/new.csv')).toBe(true);
    expect(await reads('data', 'data/.hidden.csv')).toBe(false);
    expect(await reads('data', 'data/new.txt')).toBe(false);
    expect(await reads('data', 'data/deeper/new.csv')).toBe(false);
  });

  it('by a pattern, also what is not there yet', async () => {
    expect(await reads('data/*.csv', 'data/new.csv')).toBe(true);
    expect(await reads('link/*.csv', 'data/new.csv')).toBe(true);
    expect(await reads('*/a.csv', 'link/a.csv')).toBe(true);
    expect(await reads('data/*.csv', 'data/new.ndjson')).toBe(false);
  });
});
