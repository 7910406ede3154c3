/** What is guessed of files of text formats, and that a file reads with what was guessed. */
import { describe, expect, it } from 'vitest';
import { formatType } from '../../engine/batch/types.ts';
import { inputOf, readBytes } from '../../test/kit/formats.ts';
import { csv } from './csv/csv.ts';
import type { Format, Inferred } from './format.ts';
import { formatOptions } from './formats.ts';
import { json } from './json/json.ts';
import { ndjson } from './json/ndjson.ts';

function infer(format: Format, text: string): Promise<Inferred> {
  return format.infer(inputOf(Buffer.from(text)), formatOptions(format.readOptions, {}));
}

function types({ schema }: Inferred): Record<string, string> {
  return Object.fromEntries(schema.fields.map((field) => [field.name, formatType(field.type)]));
}

describe('csv', () => {
  it('guesses every type, and leaves what is mixed or empty as text', async () => {
    const text = [
      'i,f,b,at,zoned,us,day,zip,mixed,empty,big',
      '1,1.5,true,2024-01-01 10:00:00,2024-01-01T10:00:00Z,2024-01-01T10:00:00.123456,2024-01-01,01234,1,,9223372036854775808',
      ',2,false,,,,2024-01-02,56789,x,,1',
      '-3,1e3,,2024-01-01 11:00,2024-01-01T10:00:00+02:00,,,,,,',
    ].join('\n');
    expect(types(await infer(csv as Format, text))).toEqual({
      i: 'int64',
      f: 'float64',
      b: 'bool',
      at: 'timestamp[ms]',
      zoned: 'timestamp[ms, UTC]',
      us: 'timestamp[us]',
      day: 'timestamp[ms]',
      zip: 'utf8',
      mixed: 'utf8',
      empty: 'utf8',
      big: 'utf8',
    });
  });

  it.each([
    ['time', '1706695200', 'timestamp[s]'],
    ['created_at', '1706695200123', 'timestamp[ms]'],
    ['ts', '1706695200123456', 'timestamp[us]'],
    ['timestamp', '1706695200123456789', 'timestamp[ns]'],
    ['count', '1706695200123', 'int64'],
    ['time', '42', 'int64'],
  ])('takes numbers in a column "%s" like %s as %s', async (name, value, type) => {
    expect(types(await infer(csv as Format, `${name},x\n${value},1\n`))[name]).toBe(type);
  });

  it.each([
    ['a;b\n1;2,5\n3;4,5\n', { delimiter: ';' }],
    ['a\tb\n1\t2\n', { delimiter: '\t' }],
    ['a,b\n1,2\n', {}],
    ['a\n1\n', {}],
    ['"a|b","c|d|e"\n1,2\n', {}],
    ['1,2.5,x\n2,3.5,y\n', { header: false }],
  ])('finds the options of %j', async (text, options) => {
    const found = await infer(csv as Format, text);
    expect(found.options).toEqual(options);
    const { bad, rows } = await readBytes(csv as Format, text, { schema: found.schema, options: found.options });
    expect(bad).toEqual([]);
    expect(rows.length).toBeGreaterThan(0);
  });

  it('names columns without a name by their place', async () => {
    expect(Object.keys(types(await infer(csv as Format, '1,2\n3,4\n')))).toEqual(['column1', 'column2']);
  });

  it('refuses an empty file', async () => {
    await expect(infer(csv as Format, '')).rejects.toMatchObject({ code: 'source.empty', domain: 'user' });
  });

  it('looks past records with bad quotes, and says so where there are no others', async () => {
    expect(types(await infer(csv as Format, 'a,b\n1,"x"y\n2,z\n'))).toEqual({ a: 'int64', b: 'utf8' });
    const bad = infer(csv as Format, '1,{"a":"b"}\n2,{"a":"c"}\n'.replaceAll('{', '"{"'));
    await expect(bad).rejects.toMatchObject({ code: 'csv.bad-quote', domain: 'user' });
  });

  it('looks at a bounded head of a large file', async () => {
    const found = await infer(csv as Format, `a\n${'1\n'.repeat(2_000_000)}x\n`);
    expect(types(found)).toEqual({ a: 'int64' });
  });
});

describe('ndjson', () => {
  it('takes nested objects apart into columns with paths, and keeps texts that look like numbers as text', async () => {
    const found = await infer(
      ndjson as Format,
      '{"id":"007","p":{"mag":1,"at":"2024-01-01T00:00:00Z"},"q":{"mag":2.5},"tags":[1,2]}\n{"id":"8","p":{"mag":1.5},"extra":true}\n',
    );
    expect(types(found)).toEqual({
      id: 'utf8',
      mag: 'float64',
      at: 'timestamp[ms, UTC]',
      q_mag: 'float64',
      tags: 'utf8',
      extra: 'bool',
    });
    expect(Object.fromEntries(found.paths)).toEqual({ mag: 'p.mag', at: 'p.at', q_mag: 'q.mag' });
  });
});

describe('json', () => {
  it('finds the records inside a document', async () => {
    const text =
      '{"type":"FeatureCollection","bbox":[1,2],"meta":{"n":2},"features":[{"properties":{"time":1517966773840}},{}]}';
    const found = await infer(json as Format, text);
    expect(found.options).toEqual({ records: 'features' });
    expect(types(found)).toEqual({ time: 'timestamp[ms]' });
    const read = await readBytes(json as Format, text, {
      schema: found.schema,
      options: found.options,
      paths: Object.fromEntries(found.paths),
    });
    expect(read.rows).toEqual([[1_517_966_773_840n], [null]]);
  });

  it('says what is missing where there are no records', async () => {
    await expect(infer(json as Format, '{"a":1}')).rejects.toMatchObject({ code: 'json.no-records' });
    await expect(infer(json as Format, '[]')).rejects.toMatchObject({ code: 'source.empty' });
  });
});
