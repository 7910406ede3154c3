import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { errorOf } from '../../../test/kit/guest-calls.ts';
import { guestComponent } from '../../../test/kit/guests.ts';
import { readComponent } from './component-binary.ts';
import { prepare, prepareComponent, STANDARD_OPERATORS } from './prepare.ts';
import { decodePrepared, encodePrepared } from './prepared.ts';

let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'cloudskin-prepare-'));
});
afterEach(() => rm(directory, { recursive: true }));

/** A component that no other test has prepared, so that the cache of this process does not answer. */
const unique = (name: string): Promise<Uint8Array> => guestComponent({ extra: `(data (i32.const 4096) "${name}")` });

describe('preparing', () => {
  test('is done once a process: the same bytes give the same object', async () => {
    const component = await unique('once');
    expect(await prepare(component)).toBe(await prepare(component.slice()));
  });

  test('leaves a file in the cache that is used without checking the component again', async () => {
    const component = await unique('cached');
    const cache = join(directory, 'deep', 'cache');
    const first = await prepare(component, { cache });
    const [file] = await readdir(cache);
    expect(file).toBe(`${first.digest}.cell`);
    expect(decodePrepared(await readFile(join(cache, file ?? '')), 'cached').digest).toBe(first.digest);
  });

  test('takes a damaged cached file for none and replaces it', async () => {
    const component = await unique('damaged');
    const cell = await prepareComponent(component, 'guest.wasm');
    const { digest } = decodePrepared(cell, 'guest.cell');
    const path = join(directory, `${digest}.cell`);
    await writeFile(path, cell.subarray(0, cell.length - 10));
    expect((await prepare(component, { cache: directory })).digest).toBe(digest);
    expect(new Uint8Array(await readFile(path))).toEqual(new Uint8Array(cell));
  });

  test('goes on without a cache that cannot be written', async () => {
    const blocked = join(directory, 'file');
    await writeFile(blocked, 'not a directory');
    expect((await prepare(await unique('blocked'), { cache: join(blocked, 'cache') })).modules.length).toBeGreaterThan(
      0,
    );
  });

  test('finds every standard operator by its name', async () => {
    for (const name of STANDARD_OPERATORS) expect((await prepare(name)).exports.has('process')).toBe(true);
  });

  test('refuses a path that is no file, and one that is too large to be a component', async () => {
    expect((await errorOf(() => prepare(directory))).code).toBe('component.unreadable');
    const large = join(directory, 'large.wasm');
    await writeFile(large, '');
    const { truncate } = await import('node:fs/promises');
    await truncate(large, 65 * 1024 * 1024);
    expect((await errorOf(() => prepare(large))).code).toBe('component.too-large');
  });
});

describe('a prepared file', () => {
  test('of another format is told from a damaged one', async () => {
    const component = await unique('format');
    const cell = Buffer.from(await prepareComponent(component, 'guest.wasm'));
    const at = cell.indexOf('"format":1');
    const text = Buffer.from(cell);
    text.write('"format":2', at);
    const { createHash } = await import('node:crypto');
    const content = text.subarray(0, text.length - 32);
    const file = Buffer.concat([content, createHash('sha256').update(content).digest()]);
    expect((await errorOf(() => prepare(file))).code).toBe('component.version');
    expect((await errorOf(() => prepare(text))).message).toMatch(/checksum/);
  });

  test('cannot ask for what an operator is not given, nor refer to what comes later', async () => {
    const parts = readComponent(await unique('forged'));
    const forged = (steps: typeof parts.steps): Uint8Array =>
      encodePrepared({ ...parts, steps }, 'a'.repeat(64), 'cloudskin:operator/operator@0.1.0');
    const host = { interface: 'wasi:filesystem/types', function: 'open' };
    const error = await errorOf(() =>
      prepare(forged([...parts.steps, { kind: 'bundle', exports: [['x', { host }]] }])),
    );
    expect(error.message).toMatch(/not given wasi:filesystem\/types#open/);
    const later = await errorOf(() => prepare(forged([{ kind: 'instantiate', module: 0, imports: [['x', 5]] }])));
    expect(later.message).toMatch(/refers to a later one/);
    const missing = await errorOf(() => prepare(forged([{ kind: 'instantiate', module: 9, imports: [] }])));
    expect(missing.message).toMatch(/missing module/);
  });
});
