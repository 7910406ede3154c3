import { describe, expect, it } from 'vitest';
import { readBytes, schemaOf, writeRows } from '../../../test/kit/formats.ts';
import { csv } from './csv.ts';

const readings = schemaOf({ machine: 'utf8', at: 'timestamp[ms]', t: 'float64' });

function read(text: string | Uint8Array, options: Record<string, unknown> = {}, schema = readings) {
  return readBytes(csv, text, { schema, options, name: 'readings.csv' });
}

describe('csv source', () => {
  it('matches columns by name, in any order, and leaves out what is not wanted', async () => {
    const { rows, bad } = await read('t,extra,machine,at\n1.5,x,a,2024-01-31T10:00:00.250Z\n');
    expect(rows).toEqual([['a', 1_706_695_200_250n, 1.5]]);
    expect(bad).toEqual([]);
  });

  it('takes a path as the name that a column has in the file', async () => {
    const schema = schemaOf({ celsius: 'float64' });
    const { rows } = await readBytes(csv, 'Temp (°C),x\n21.5,1\n', { schema, paths: { celsius: 'Temp (°C)' } });
    expect(rows).toEqual([[21.5]]);
  });

  it('reads unquoted empty fields as null and quoted ones as empty text, as PostgreSQL does', async () => {
    const { rows } = await read('machine,at,t\n,,\n"","",""\n');
    expect(rows).toEqual([
      [null, null, null],
      ['', null, null],
    ]);
  });

  it('keeps empty text where nullValues does not list it, and takes the texts listed as null', async () => {
    const { rows } = await read('machine,at,t\n,,NA\nNA,NA,1\n"NA",,2\n', { nullValues: ['NA'] });
    expect(rows).toEqual([
      ['', null, null],
      [null, null, 1],
      ['NA', null, 2],
    ]);
  });

  it('skips a byte order mark, takes CRLF, quotes, doubled quotes, line ends in quotes and a last line without an end', async () => {
    const { rows, bad } = await read('\ufeffmachine,at,t\r\n"a ""b"",\r\nc",2024-01-01,1\r\n"d",2024-01-02,2');
    expect(rows).toEqual([
      ['a "b",\r\nc', 1_704_067_200_000n, 1],
      ['d', 1_704_153_600_000n, 2],
    ]);
    expect(bad).toEqual([]);
  });

  it.each([
    [';', 'machine;at;t\na;2024-01-01;1\n'],
    ['\t', 'machine\tat\tt\na\t2024-01-01\t1\n'],
    ['|', 'machine|at|t\na|2024-01-01|1\n'],
    [', although others are in the header', 'machine,"a;b|c\td;e;f",at,t\na,x,2024-01-01,1\n'],
  ])('finds the delimiter %j by the header', async (_delimiter, text) => {
    expect((await read(text)).rows).toEqual([['a', 1_704_067_200_000n, 1]]);
  });

  it('leaves out lines before the header and blank lines, and still counts them', async () => {
    const schema = schemaOf({ a: 'int32', b: 'int32' });
    const { rows, bad } = await read('# made by x\n# y\na,b\n1,2\n\n\n3,x\n', { skipLines: 2 }, schema);
    expect(rows).toEqual([[1, 2]]);
    expect(bad.map((row) => row.position)).toEqual(['readings.csv:7']);
  });

  it('hands on bad rows as they come, though the input is one piece and none is good for long', async () => {
    const text = `machine,at,t\n"never closed\n${'x\n'.repeat(10_000)}a,2024-01-01,1\n`;
    const { rows, bad, batches } = await read(text);
    expect([rows.length, bad.length]).toEqual([1, 10_001]);
    expect(batches).toEqual([...Array.from({ length: 9 }, () => 0), 1]);
  });

  it('takes columns by position without a header', async () => {
    const schema = schemaOf({ a: 'int32', b: 'utf8' });
    expect((await read('1,x\n2,y\n', { header: false }, schema)).rows).toEqual([
      [1, 'x'],
      [2, 'y'],
    ]);
  });

  it('attaches the file and the line on which a record begins', async () => {
    const schema = schemaOf({ a: 'utf8', file: 'utf8', line: 'int64' });
    const { rows } = await readBytes(csv, 'a\nx\n"y\nz"\nw\n', { schema, attach: ['file', 'line'], name: 'd/a.csv' });
    expect(rows).toEqual([
      ['x', 'd/a.csv', 2n],
      ['y\nz', 'd/a.csv', 3n],
      ['w', 'd/a.csv', 5n],
    ]);
  });

  it('gives no rows and no error for an empty file, a header alone, and blank lines', async () => {
    for (const text of ['', '\n', 'machine,at,t', 'machine,at,t\n', 'machine,at,t\n\n\n']) {
      expect(await read(text)).toEqual({ rows: [], bad: [], batches: [] });
    }
  });

  it('cuts batches at 65,536 rows and at about 1 MiB', async () => {
    const schema = schemaOf({ a: 'int8' });
    const many = await read(`a\n${'1\n'.repeat(70_000)}`, {}, schema);
    expect(many.batches).toEqual([65_536, 4_464]);
    const large = await read(`a\n${`${'x'.repeat(1000)}\n`.repeat(2500)}`, {}, schemaOf({ a: 'utf8' }));
    expect(large.batches[0]).toBeGreaterThan(1000);
    expect(large.batches[0]).toBeLessThan(1100);
  });
});

describe('csv values', () => {
  it('takes integers exactly, up to the ends of their ranges and not beyond', async () => {
    const schema = schemaOf({ a: 'int64', b: 'uint64', c: 'int8' });
    const { rows, bad } = await read(
      'a,b,c\n9223372036854775807,18446744073709551615,127\n-9223372036854775808,0,-128\n9223372036854775808,0,0\n0,18446744073709551616,0\n0,-1,0\n0,0,128\n9007199254740993,9007199254740993,+1\n',
      {},
      schema,
    );
    expect(rows).toEqual([
      [9_223_372_036_854_775_807n, 18_446_744_073_709_551_615n, 127],
      [-9_223_372_036_854_775_808n, 0n, -128],
      [9_007_199_254_740_993n, 9_007_199_254_740_993n, 1],
    ]);
    expect(bad.map((row) => row.position)).toEqual([4, 5, 6, 7].map((line) => `readings.csv:${line}`));
    expect(bad[0]).toEqual({
      code: 'csv.bad-value',
      message: 'column a: "9223372036854775808" is no int64',
      position: 'readings.csv:4',
      raw: '9223372036854775808,0,0',
    });
  });

  it.each(['1.0', '1e3', '0x10', '1 2', '--1', '+', '1,000', '١'])('refuses %j as an integer', async (text) => {
    const { rows, bad } = await read(`a\n"${text}"\n`, {}, schemaOf({ a: 'int64' }));
    expect([rows.length, bad.length]).toEqual([0, 1]);
  });

  it.each([
    ['0.1', 0.1],
    ['1e308', 1e308],
    ['-.5', -0.5],
    ['5.', 5],
    ['123456789012345678901234567890', 1.2345678901234568e29],
    ['0.30000000000000004', 0.30000000000000004],
    ['4.9e-324', 5e-324],
    ['NaN', Number.NaN],
    ['-Infinity', Number.NEGATIVE_INFINITY],
    [' 7.25 ', 7.25],
  ])('reads %j as the float %d', async (text, value) => {
    expect((await read(`a\n${text}\n`, {}, schemaOf({ a: 'float64' }))).rows).toEqual([[value]]);
  });

  it.each(['1.2.3', '1e', 'e5', '.', '0x1F', 'infinite', '1_000', '1,5', '--1', '1.5f', '1e400', '-1e309'])(
    'refuses %j as a float',
    async (text) => {
      const { rows, bad } = await read(`a\n"${text}"\n`, {}, schemaOf({ a: 'float64' }));
      expect([rows.length, bad.length]).toEqual([0, 1]);
    },
  );

  it('reads booleans in the words of PostgreSQL', async () => {
    const { rows, bad } = await read('a\ntrue\nF\nyes\nOFF\n1\n0\nmaybe\n', {}, schemaOf({ a: 'bool' }));
    expect(rows).toEqual([[true], [false], [true], [false], [true], [false]]);
    expect(bad).toHaveLength(1);
  });

  it.each([
    ['2024-02-29', '2024-02-29T00:00:00Z'],
    ['2024-02-29 23:59', '2024-02-29T23:59:00Z'],
    ['2024-02-29T23:59:58', '2024-02-29T23:59:58Z'],
    ['2024-02-29 23:59:58.123456', '2024-02-29T23:59:58.123Z'],
    ['2024-02-29T23:59:58.1Z', '2024-02-29T23:59:58.100Z'],
    ['2024-02-29T23:59:58+02', '2024-02-29T21:59:58Z'],
    ['2024-02-29T23:59:58-0530', '2024-03-01T05:29:58Z'],
    ['1969-12-31T23:59:59.999Z', '1969-12-31T23:59:59.999Z'],
    ['0001-01-01', '0001-01-01T00:00:00Z'],
    ['1709251198123', '2024-02-29T23:59:58.123Z'],
  ])('reads %j as a time', async (text, iso) => {
    const { rows, bad } = await read(`a\n"${text}"\n`, {}, schemaOf({ a: 'timestamp[ms]' }));
    expect(bad).toEqual([]);
    expect(rows).toEqual([[BigInt(Date.parse(iso))]]);
  });

  it.each([
    '2023-02-29',
    '2024-13-01',
    '2024-00-10',
    '2024-1-1',
    '2024-01-01T24:00',
    '2024-01-01T10:60',
    '2024-01-01T10:00:60',
    '2024-01-01T10:00:00.',
    '2024-01-01T10:00:00.1234567890',
    '2024-01-01T10',
    '2024-01-01T10:00 UTC',
    '2024-01-01T10:00:00+25:00',
    '01/02/2024',
    'today',
    '1709251198.5',
  ])('refuses %j as a time', async (text) => {
    const { rows, bad } = await read(`a\n"${text}"\n`, {}, schemaOf({ a: 'timestamp[ms]' }));
    expect([rows.length, bad.length]).toEqual([0, 1]);
  });

  it('reads a time without an offset by the clock of its timezone, across the change to summer time', async () => {
    const schema = schemaOf({ a: 'timestamp[s, Europe/Madrid]' });
    const { rows } = await read('a\n2024-03-31 01:59:59\n2024-03-31 03:00:00\n2024-01-01T00:00:00Z\n', {}, schema);
    expect(rows).toEqual(
      ['2024-03-31T00:59:59Z', '2024-03-31T01:00:00Z', '2024-01-01T00:00:00Z'].map((iso) => [
        BigInt(Date.parse(iso) / 1000),
      ]),
    );
  });
});

describe('bad csv', () => {
  it('refuses a file that lacks a column, naming those it has and the nearest', async () => {
    await expect(read('machin,at,t\n')).rejects.toMatchObject({
      code: 'csv.missing-column',
      domain: 'user',
      message: 'readings.csv has no column "machine"; its header names "machin", "at", "t"',
      hint: 'did you mean "machin"?',
    });
  });

  it('hints at the delimiter that splits the header, where another was given', async () => {
    await expect(read('machine;at;t\n', { delimiter: ',' })).rejects.toMatchObject({ hint: 'set `delimiter: ";"`' });
  });

  it('refuses a header that names a wanted column twice', async () => {
    await expect(read('t,machine,at,t\n')).rejects.toMatchObject({ code: 'csv.duplicate-column' });
  });

  it.each([
    ['gzip', [0x1f, 0x8b, 8, 0], 'set `compression: gzip`, or name the file `.gz`'],
    ['parquet', [...Buffer.from('PAR1....')], 'set `format: parquet`'],
    ['UTF-16', [0xff, 0xfe, 0x61, 0], 'convert it to UTF-8'],
  ])('says so when the file is %s', async (_what, bytes, hint) => {
    await expect(read(Buffer.from(bytes))).rejects.toMatchObject({ code: 'source.wrong-format', hint });
  });

  it('rejects ragged rows by line, and keeps those around them', async () => {
    const { rows, bad } = await read('machine,at,t\na,2024-01-01,1\nb,2024-01-01\nc,2024-01-01,3,4\nd,2024-01-01,5\n');
    expect(rows.map((row) => row[0])).toEqual(['a', 'd']);
    expect(bad).toEqual([
      {
        code: 'csv.ragged-row',
        message: '2 fields where 3 are expected',
        position: 'readings.csv:3',
        raw: 'b,2024-01-01',
      },
      {
        code: 'csv.ragged-row',
        message: '4 fields where 3 are expected',
        position: 'readings.csv:4',
        raw: 'c,2024-01-01,3,4',
      },
    ]);
  });

  it('loses one row to text behind a closing quote', async () => {
    const { rows, bad } = await read('machine,at,t\n"a"b,2024-01-01,1\nc,2024-01-01,2\n');
    expect(rows.map((row) => row[0])).toEqual(['c']);
    expect(bad).toMatchObject([{ code: 'csv.bad-quote', position: 'readings.csv:2', raw: '"a"b,2024-01-01,1' }]);
  });

  it('loses one row to a quote that is never closed, not the rest of the file', async () => {
    const { rows, bad } = await read('machine,at,t\na,2024-01-01,1\n"b,2024-01-01,2\nc,2024-01-01,3\nd,2024-01-01,4');
    expect(rows.map((row) => row[0])).toEqual(['a', 'c', 'd']);
    expect(bad).toMatchObject([{ code: 'csv.bad-quote', position: 'readings.csv:3', raw: '"b,2024-01-01,2' }]);
  });

  it('reads quotes inside a field as they are, and all quotes where there are none by option', async () => {
    expect((await read('machine,at,t\n5" pipe,2024-01-01,1\n')).rows[0]?.[0]).toBe('5" pipe');
    expect((await read('machine,at,t\n"a,2024-01-01,1\n', { quote: '' })).rows[0]?.[0]).toBe('"a');
  });

  it('rejects invalid UTF-8 with the byte where it begins, and only that row', async () => {
    const bytes = Buffer.from('machine,at,t\nä,2024-01-01,1\nb?,2024-01-01,2\nü,2024-01-01,3\n');
    bytes[bytes.indexOf('?')] = 0xff;
    for (const pieceSize of [1, 5, 65_536]) {
      const { rows, bad } = await readBytes(csv, bytes, { schema: readings, pieceSize, name: 'readings.csv' });
      expect(rows.map((row) => row[0])).toEqual(['ä', 'ü']);
      expect(bad).toMatchObject([
        { code: 'text.invalid-utf8', message: 'byte 2 of the record is no valid UTF-8', position: 'readings.csv:3' },
      ]);
    }
  });

  it('keeps NUL bytes in text and refuses them in numbers', async () => {
    const { rows, bad } = await read('machine,at,t\na\0b,2024-01-01,1\nc,2024-01-01,1\u00002\n');
    expect(rows.map((row) => row[0])).toEqual(['a\0b']);
    expect(bad).toHaveLength(1);
  });

  it('takes blanks around a number for padding, and no other control character', async () => {
    const schema = schemaOf({ a: 'int32', b: 'utf8' });
    const { rows, bad } = await read('a,b\n 7\t,x\n  ,y\n\0,z\n', {}, schema);
    expect(rows).toEqual([
      [7, 'x'],
      [null, 'y'],
    ]);
    expect(bad.map(({ position }) => position)).toEqual(['readings.csv:4']);
  });

  it('reads fields of 10 MB', async () => {
    const large = 'x'.repeat(10_000_000);
    const { rows } = await read(`machine,at,t\n${large},2024-01-01,1\n"${large}",2024-01-01,2\n`);
    expect(rows.map((row) => [String(row[0]).length, row[2]])).toEqual([
      [10_000_000, 1],
      [10_000_000, 2],
    ]);
  });

  it.each([1000, 65_536])(
    'rejects a longer record than maxRowBytes and goes on, in pieces of %i',
    async (pieceSize) => {
      const text = `machine,at,t\n${'x'.repeat(300_000)},2024-01-01,1\nb,2024-01-01,2\n"${'y\n'.repeat(100_000)}`;
      const { rows, bad } = await readBytes(csv, text, {
        schema: readings,
        options: { maxRowBytes: 100_000 },
        pieceSize,
        name: 'readings.csv',
      });
      expect(rows.map((row) => row[0])).toEqual(['b']);
      expect(bad[0]).toMatchObject({ code: 'text.row-too-long', position: 'readings.csv:2' });
      expect(bad[0]?.raw).toHaveLength(1024);
      expect(bad[1]).toMatchObject({ code: 'csv.bad-quote', position: 'readings.csv:4' });
      expect(bad.at(-1)?.position).toBe('readings.csv:100003');
    },
  );

  it('reads 10,000 columns', async () => {
    const names = Array.from({ length: 10_000 }, (_, i) => `c${i}`);
    const schema = schemaOf(Object.fromEntries(names.map((name) => [name, 'int32'])));
    const row = names.map((_, i) => i).join(',');
    const { rows } = await read(`${names.join(',')}\n${`${row}\n`.repeat(20)}`, {}, schema);
    expect(rows).toHaveLength(20);
    expect(rows[19]?.[9_999]).toBe(9_999);
  });
});

describe('csv sink', () => {
  it('quotes only what must be, and tells null from an empty text', async () => {
    const schema = schemaOf({ 'a,b': 'utf8', c: 'float64' });
    const bytes = await writeRows(csv, schema, [
      ['plain', 1.5],
      ['a "q"', -0],
      ['', null],
      [null, Number.NaN],
      ['l1\nl2', Number.NEGATIVE_INFINITY],
    ]);
    expect(bytes.toString()).toBe('"a,b",c\nplain,1.5\n"a ""q""",-0\n"",\n,NaN\n"l1\nl2",-inf\n');
  });

  it('writes times in ISO 8601, with Z where the type has a timezone, and dates', async () => {
    const schema = schemaOf({ a: 'timestamp[ms]', b: 'timestamp[ns, Europe/Madrid]', c: 'date32', d: 'duration[s]' });
    const bytes = await writeRows(csv, schema, [[1_706_695_200_000n, -1n, -1, 90n]]);
    expect(bytes.toString()).toBe('a,b,c,d\n2024-01-31T10:00:00,1969-12-31T23:59:59.999999999Z,1969-12-31,90\n');
  });

  it('writes a header for no rows', async () => {
    expect((await writeRows(csv, readings, [])).toString()).toBe('machine,at,t\n');
  });

  it('refuses types that text cannot hold, by column', async () => {
    const schema = {
      fields: [{ name: 'l', type: { kind: 'foreign', text: 'list<int32>', arrow: null }, nullable: true }],
    } as const;
    await expect(writeRows(csv, schema, [])).rejects.toMatchObject({ code: 'format.unsupported-type' });
  });
});
