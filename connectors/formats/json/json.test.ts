import { describe, expect, it } from 'vitest';
import { readBytes, schemaOf, writeRows } from '../../../test/kit/formats.ts';
import { json } from './json.ts';
import { ndjson } from './ndjson.ts';

const readings = schemaOf({ machine: 'utf8', t: 'float64' });
const name = 'r.json';

describe('ndjson source', () => {
  it('reads one object a line, missing keys as null, blank lines left out, the last line with or without an end', async () => {
    const { rows, bad } = await readBytes(
      ndjson,
      '{"machine":"a","t":1}\r\n\n{"t":2,"x":[1]}\n{"machine":"c","t":null}',
      { schema: readings },
    );
    expect(rows).toEqual([
      ['a', 1],
      [null, 2],
      ['c', null],
    ]);
    expect(bad).toEqual([]);
  });

  it('follows paths into nested objects and arrays', async () => {
    const schema = schemaOf({ mag: 'float64', lon: 'float64', dotted: 'int32', whole: 'utf8' });
    const paths = { mag: 'properties.mag', lon: 'geometry.coordinates[0]', dotted: '["a.b"].c', whole: 'geometry' };
    const text = '{"properties":{"mag":4.5},"geometry":{"coordinates":[-118,34]},"a.b":{"c":7}}\n{"properties":null}\n';
    expect((await readBytes(ndjson, text, { schema, paths })).rows).toEqual([
      [4.5, -118, 7, '{"coordinates":[-118,34]}'],
      [null, null, null, null],
    ]);
  });

  it('takes a value that is nested deeper than the stack holds for a bad one, and reads on', async () => {
    const schema = schemaOf({ whole: 'utf8', n: 'int64' });
    const deep = `${'['.repeat(20_000)}${']'.repeat(20_000)}`;
    const text = `{"whole":${deep},"n":1}\n{"n":9007199254740993,"whole":${deep}}\n{"whole":[1],"n":3}\n`;
    const { rows, bad } = await readBytes(ndjson, text, { schema });
    expect(rows).toEqual([['[1]', 3n]]);
    expect(bad.map(({ code }) => code)).toEqual(['json.bad-value', 'json.bad-value']);
  });

  it('never takes what an object inherits for a value', async () => {
    const schema = schemaOf({ constructor: 'utf8', toString: 'utf8' });
    expect((await readBytes(ndjson, '{"a":1}\n{"constructor":"x"}\n', { schema })).rows).toEqual([
      [null, null],
      ['x', null],
    ]);
  });

  it('keeps all digits of integers beyond 2^53, also in text columns', async () => {
    const schema = schemaOf({ i: 'int64', u: 'uint64', s: 'utf8', at: 'timestamp[ns]' });
    const text =
      '{"i":-9223372036854775808,"u":18446744073709551615,"s":12345678901234567890,"at":1706695200000000001}\n';
    expect((await readBytes(ndjson, text, { schema })).rows).toEqual([
      [-9_223_372_036_854_775_808n, 18_446_744_073_709_551_615n, '12345678901234567890', 1_706_695_200_000_000_001n],
    ]);
  });

  it('rejects what a column cannot hold, by line, and keeps the rest', async () => {
    const schema = schemaOf({ i: 'int8', b: 'bool', at: 'timestamp[ms]' });
    const text = [
      '{"i":1,"b":true,"at":"2024-01-01"}',
      '{"i":128}',
      '{"i":1.5}',
      '{"i":9223372036854775808}',
      '{"b":1}',
      '{"at":"soon"}',
      '{"i":{"x":1}}',
      '[1]',
      '7',
      '{"i":1',
      '{"i":2}',
    ].join('\n');
    const { rows, bad } = await readBytes(ndjson, text, { schema, name });
    expect(rows.map((row) => row[0])).toEqual([1, 2]);
    expect(bad.map(({ code, position }) => `${position} ${code}`)).toEqual([
      'r.json:2 json.bad-value',
      'r.json:3 json.bad-value',
      'r.json:4 json.bad-value',
      'r.json:5 json.bad-value',
      'r.json:6 json.bad-value',
      'r.json:7 json.bad-value',
      'r.json:8 json.not-an-object',
      'r.json:9 json.not-an-object',
      'r.json:10 json.bad-syntax',
    ]);
    expect(bad[0]?.message).toBe('column i: 128 is no int8');
  });

  it('rejects numbers beyond a float64 and half surrogates instead of changing them', async () => {
    const schema = schemaOf({ f: 'float64', s: 'utf8' });
    const { rows, bad } = await readBytes(ndjson, '{"f":1e999}\n{"s":"\\ud800"}\n{"s":"\\u00e9"}\n', { schema });
    expect(rows).toEqual([[null, 'é']]);
    expect(bad).toHaveLength(2);
  });

  it('rejects invalid UTF-8 and lines beyond maxRowBytes, and goes on behind them', async () => {
    const bytes = Buffer.concat([
      Buffer.from('{"machine":"'),
      Buffer.from([0xc3, 0x28]),
      Buffer.from(`"}\n{"machine":"${'x'.repeat(5000)}"}\n{"machine":"b"}\n`),
    ]);
    for (const pieceSize of [1, 100, 65_536]) {
      const { rows, bad } = await readBytes(ndjson, bytes, {
        schema: readings,
        options: { maxRowBytes: 1000 },
        pieceSize,
        name,
      });
      expect(rows).toEqual([['b', null]]);
      expect(bad.map(({ code, position }) => `${position} ${code}`)).toEqual([
        'r.json:1 text.invalid-utf8',
        'r.json:2 text.row-too-long',
      ]);
    }
  });

  it('reads fields of 10 MB and 10,000 columns', async () => {
    const large = await readBytes(ndjson, `{"machine":"${'x'.repeat(10_000_000)}"}\n`, { schema: readings });
    expect(String(large.rows[0]?.[0])).toHaveLength(10_000_000);
    const names = Array.from({ length: 10_000 }, (_, i) => `c${i}`);
    const wide = `${JSON.stringify(Object.fromEntries(names.map((key, i) => [key, i])))}\n`;
    const schema = schemaOf(Object.fromEntries(names.map((key) => [key, 'int32'])));
    expect((await readBytes(ndjson, wide.repeat(5), { schema })).rows[4]?.[9_999]).toBe(9_999);
  });

  it('refuses a path that is none', async () => {
    await expect(readBytes(ndjson, '{}', { schema: readings, paths: { t: 'a..b' } })).rejects.toMatchObject({
      code: 'json.bad-path',
    });
  });
});

describe('json source', () => {
  const records = '[{"machine":"a","t":1},\n {"machine":"b","t":2}\n]\n';

  it.each([1, 3, 65_536])('reads the elements of an array, in pieces of %i', async (pieceSize) => {
    const { rows, bad } = await readBytes(json, records, { schema: readings, pieceSize });
    expect(rows).toEqual([
      ['a', 1],
      ['b', 2],
    ]);
    expect(bad).toEqual([]);
  });

  it.each([1, 3, 65_536])(
    'finds the records at a path, whatever lies around them, in pieces of %i',
    async (pieceSize) => {
      const text = `{"type":"x","meta":{"items":[1,{"a":"]}"}],"n":-1.5e3,"q":"\\"}"},"data":{"n":null,"items":${records}},"after":[[]]}`;
      const { rows } = await readBytes(json, text, { schema: readings, options: { records: 'data.items' }, pieceSize });
      expect(rows.map((row) => row[0])).toEqual(['a', 'b']);
    },
  );

  it('reads an empty array and an empty file as no rows', async () => {
    for (const text of ['[]', ' [ ] ', '']) {
      expect((await readBytes(json, text, { schema: readings })).rows).toEqual([]);
    }
  });

  it('attaches the line on which a record begins', async () => {
    const schema = schemaOf({ machine: 'utf8', line: 'int64' });
    const { rows } = await readBytes(json, '[\n{"machine":"a"},{"machine":\n"b"},\n\n{"machine":"c"}]', {
      schema,
      attach: ['line'],
      pieceSize: 4,
    });
    expect(rows.map((row) => row[1])).toEqual([2n, 2n, 5n]);
  });

  it('rejects a broken record and goes on with the next', async () => {
    const text = '[{"machine":"a"},\n{"machine":],\n{"machine":"b","t":"x"},\n3,\n{"machine":"c"}]';
    const { rows, bad } = await readBytes(json, text, { schema: readings, name });
    expect(rows.map((row) => row[0])).toEqual(['a', 'c']);
    expect(bad.map(({ code, position }) => `${position} ${code}`)).toEqual([
      'r.json:2 json.bad-syntax',
      'r.json:3 json.bad-value',
      'r.json:4 json.not-an-object',
    ]);
  });

  it.each([
    ['a truncated record', '[{"machine":"a"},{"machi', 'source.corrupt'],
    ['a truncated array', '[{"machine":"a"}', 'source.corrupt'],
    ['a truncated array behind a comma', '[{"machine":"a"},', 'source.corrupt'],
    ['a missing comma', '[{"machine":"a"} {"machine":"b"}]', 'json.malformed'],
    ['a comma too many', '[{"machine":"a"},]', 'json.malformed'],
    ['something behind the end', '[{"machine":"a"}] x', 'json.malformed'],
    ['a second document', '[]\n[]', 'json.malformed'],
    ['an object at the top', '{"machine":"a"}', 'json.no-records'],
    ['a text at the top', '"a"', 'json.no-records'],
    ['no JSON', 'hello', 'json.no-records'],
  ])('refuses %s', async (_what, text, code) => {
    for (const pieceSize of [1, 65_536]) {
      await expect(readBytes(json, text, { schema: readings, pieceSize })).rejects.toMatchObject({ code });
    }
  });

  it.each([
    ['{"a":1,"b":[]}', 'json.no-records'],
    ['{"items":{}}', 'json.no-records'],
    ['{"items":[{"machine":"a"}]', 'source.corrupt'],
    ['{"items":[{"machine":"a"}]}]', 'json.malformed'],
    ['{"a" 1}', 'json.malformed'],
    ['{"a":', 'source.corrupt'],
    ['{a:1}', 'json.malformed'],
  ])('refuses %s with a path to its records', async (text, code) => {
    await expect(readBytes(json, text, { schema: readings, options: { records: 'items' } })).rejects.toMatchObject({
      code,
    });
  });
});

describe('json sinks', () => {
  const schema = schemaOf({ 'a"b': 'utf8', f: 'float64', i: 'int64', at: 'timestamp[ms]', raw: 'binary', yes: 'bool' });
  const row = ['"\\\n\u0001é', Number.NaN, 9_007_199_254_740_993n, 0n, Uint8Array.of(1, 2), true];

  it('write valid JSON with all digits, and what JSON lacks as text', async () => {
    const text = (await writeRows(ndjson, schema, [row, [null, 1.5, null, null, null, null]])).toString();
    const lines = text.trimEnd().split('\n');
    expect(lines[0]).toBe(
      '{"a\\"b":"\\"\\\\\\n\\u0001é","f":"NaN","i":9007199254740993,"at":"1970-01-01T00:00:00","raw":"AQI=","yes":true}',
    );
    expect(JSON.parse(lines[1] ?? '')).toEqual({ 'a"b': null, f: 1.5, i: null, at: null, raw: null, yes: null });
  });

  it('write an array that JSON.parse reads, empty where there are no rows', async () => {
    expect(JSON.parse((await writeRows(json, schema, [])).toString())).toEqual([]);
    expect(JSON.parse((await writeRows(json, schema, [row, row, row])).toString())).toHaveLength(3);
  });
});
