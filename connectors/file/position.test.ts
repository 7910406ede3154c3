/** Reading that goes on from a position gives the rows, and the bad rows, that would have followed. */
import { appendFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Schema, Value } from '../../engine/batch/types.ts';
import type { BadRow } from '../../engine/graph/connector.ts';
import type { Json } from '../../engine/json.ts';
import {
  bench,
  drain,
  openSource,
  sinkContext,
  sourceContext,
  temporaryDirectory,
  writeAll,
} from '../../test/kit/connectors.ts';
import { build, rowsOf } from '../../test/kit/tables.ts';
import { file } from './file.ts';

const SCHEMA: Schema = {
  fields: [
    { name: 'id', type: { kind: 'int64' }, nullable: true },
    { name: 'text', type: { kind: 'utf8' }, nullable: true },
  ],
};
const ROWS = 150_000;

interface Step {
  readonly position: Json;
  /** Good rows and bad rows up to there. */
  readonly rows: number;
  readonly bad: number;
}

let place: Awaited<ReturnType<typeof temporaryDirectory>>;
beforeEach(async () => {
  place = await temporaryDirectory();
});
afterEach(() => place.remove());

/** Every seventh thousandth record is bad; some of them with a line end inside quotes. */
function csvText(rows: number): string {
  const lines = ['id,text'];
  for (let i = 0; i < rows; i++) {
    if (i % 7001 === 3) lines.push(`not a number,${i}`);
    lines.push(i % 100 === 5 ? `${i},"first\nsecond ${i}"` : `${i},row ${i}`);
  }
  lines.push('bad,last');
  return `${lines.join('\n')}\n`;
}

function ndjsonText(rows: number): string {
  const lines: string[] = [];
  for (let i = 0; i < rows; i++) {
    if (i % 7001 === 3) lines.push(`{"id": ${i}`);
    lines.push(JSON.stringify({ id: i, text: `row ${i}` }));
  }
  return lines.join('\n');
}

async function readWhole(options: unknown): Promise<{ rows: Value[][]; bad: BadRow[]; steps: Step[] }> {
  const setup = bench(place.path);
  const source = await openSource(file, options, SCHEMA, sourceContext(setup));
  const [partition] = source.partitions;
  if (partition?.position === undefined) throw new Error('a file has positions');
  const rows: Value[][] = [];
  const steps: Step[] = [];
  for (let batch = await partition.next(); batch !== undefined; batch = await partition.next()) {
    for (const row of rowsOf(batch)) rows.push(row);
    const position = JSON.parse(JSON.stringify(partition.position())) as Json;
    steps.push({ position, rows: rows.length, bad: setup.bad.length });
  }
  await source.close();
  return { rows, bad: setup.bad, steps };
}

async function goOn(options: unknown, position: Json): Promise<{ rows: Value[][]; bad: BadRow[] }> {
  const setup = bench(place.path);
  const context = sourceContext(setup, { positions: new Map([['', position]]) });
  const source = await openSource(file, options, SCHEMA, context);
  const rows: Value[][] = [];
  for (const partition of source.partitions) rows.push(...(await drain(partition)));
  await source.close();
  return { rows, bad: setup.bad };
}

async function expectToGoOn(options: unknown, least: number): Promise<void> {
  const whole = await readWhole(options);
  expect(whole.steps.length).toBeGreaterThanOrEqual(least);
  for (const step of whole.steps) {
    const rest = await goOn(options, step.position);
    expect(rest.rows.length).toBe(whole.rows.length - step.rows);
    expect(rest.rows.slice(0, 3)).toEqual(whole.rows.slice(step.rows, step.rows + 3));
    expect(rest.rows.at(-1)).toEqual(step.rows === whole.rows.length ? undefined : whole.rows.at(-1));
    expect(rest.bad).toEqual(whole.bad.slice(step.bad));
  }
}

describe('a file read on from a position', () => {
  it.each([
    ['csv', (text: string) => text, csvText],
    ['csv.gz', (text: string) => gzipSync(text), csvText],
    ['ndjson', (text: string) => text, ndjsonText],
  ])('of %s gives the rest of rows and bad rows', async (extension, pack, text) => {
    await writeFile(join(place.path, `in.${extension}`), pack(text(ROWS)));
    await expectToGoOn({ path: `in.${extension}` }, 3);
  });

  it.each(['json', 'parquet', 'arrow', 'arrow-stream', 'ndjson.zst'])('of %s does so, too', async (extension) => {
    const rows = Array.from({ length: 70_000 }, (_, i): Value[] => [BigInt(i), i % 10 === 0 ? null : `row ${i}`]);
    const format = extension === 'arrow-stream' ? { format: 'arrow-stream' } : {};
    const options = { path: `in.${extension === 'arrow-stream' ? 'arrows' : extension}`, ...format };
    const batches = [build(SCHEMA, rows.slice(0, 30_000)), build(SCHEMA, rows.slice(30_000))];
    await writeAll(file, options, SCHEMA, batches, sinkContext(bench(place.path)));
    await expectToGoOn(options, 2);
  });

  it('of a file with nothing but bad rows has positions all the same', async () => {
    await writeFile(join(place.path, 'in.csv'), `id,text\n${'x,y\n'.repeat(5000)}`);
    const whole = await readWhole({ path: 'in.csv' });
    expect(whole.rows).toEqual([]);
    const first = whole.steps[0];
    expect(first?.bad).toBeGreaterThan(0);
    expect((await goOn({ path: 'in.csv' }, first?.position ?? null)).bad).toEqual(whole.bad.slice(first?.bad));
  });

  it('of many files goes on in the one where it stood, and reads what came meanwhile behind it', async () => {
    for (const name of ['a', 'b', 'c'])
      await writeFile(join(place.path, `${name}.csv`), `id,text\n1,${name}\n2,${name}\n`);
    await expectToGoOn({ path: '*.csv' }, 3);
    const { steps } = await readWhole({ path: '*.csv' });
    await writeFile(join(place.path, 'd.csv'), 'id,text\n9,new\n');
    const rest = await goOn({ path: '*.csv' }, steps[1]?.position ?? null);
    expect(rest.rows.map(([, text]) => text)).toEqual(['c', 'c', 'new']);
  });
});

describe('a file that is not what it was', () => {
  const text = 'id,text\n1,one\n2,two\n';

  it('may have grown', async () => {
    const path = join(place.path, 'in.csv');
    await writeFile(path, text);
    const { steps } = await readWhole({ path: 'in.csv' });
    await appendFile(path, '3,three\n');
    expect((await goOn({ path: 'in.csv' }, steps.at(-1)?.position ?? null)).rows).toEqual([[3n, 'three']]);
  });

  it('is refused when another took its name, when it was cut, and when it is gone', async () => {
    const path = join(place.path, 'in.csv');
    await writeFile(path, text);
    const { steps } = await readWhole({ path: 'in.csv' });
    const position = steps.at(-1)?.position ?? null;
    await writeFile(path, 'id,text\n7,seven\n8,eight\n9,nine\n');
    await expect(goOn({ path: 'in.csv' }, position)).rejects.toMatchObject({ code: 'source.changed' });
    await writeFile(path, 'id,text\n');
    await expect(goOn({ path: 'in.csv' }, position)).rejects.toMatchObject({ code: 'source.changed' });
    await rename(path, join(place.path, 'other.csv'));
    await expect(goOn({ path: 'in.csv' }, position)).rejects.toMatchObject({ code: 'source.not-found' });
    await expect(goOn({ path: '*.csv' }, position)).rejects.toMatchObject({ code: 'source.position-lost' });
    await rm(join(place.path, 'other.csv'));
  });
});
