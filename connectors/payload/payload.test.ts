/** Messages into batches and back: every form, hostile messages, positions in the middle. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Schema, Value } from '../../engine/batch/types.ts';
import type { BadRow } from '../../engine/graph/connector.ts';
import { bench, sourceContext } from '../../test/kit/connectors.ts';
import { build, rowsOf } from '../../test/kit/tables.ts';
import { openDecoder, type PayloadDecoder } from './decode.ts';
import { openEncoder } from './encode.ts';
import { openMessagePartition } from './partition.ts';
import { type PayloadName, type PayloadWrite, withPayloadRead, withPayloadWrite } from './payload.ts';

const SCHEMA: Schema = {
  fields: [
    { name: 'id', type: { kind: 'int64' }, nullable: true },
    { name: 'text', type: { kind: 'utf8' }, nullable: true },
    { name: 'x', type: { kind: 'float64' }, nullable: true },
  ],
};

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const text = (data: Uint8Array | undefined): string => new TextDecoder().decode(data);

interface Decoding {
  readonly decoder: PayloadDecoder;
  readonly bad: BadRow[];
}

async function decoding(
  format: PayloadName,
  schema = SCHEMA,
  attach: readonly string[] = [],
  given = {},
): Promise<Decoding> {
  const bad: BadRow[] = [];
  const request = { schema, paths: new Map(), attach, reject: (row: BadRow) => void bad.push(row), now: () => 1e12 };
  return { decoder: await openDecoder({ format, given }, request), bad };
}

async function decode(format: PayloadName, ...messages: string[]): Promise<{ rows: Value[][]; bad: BadRow[] }> {
  const { decoder, bad } = await decoding(format);
  for (const [index, message] of messages.entries()) {
    await decoder.add({ data: bytes(message), position: `m/${index}`, attached: [] });
  }
  return { rows: decoder.rows === 0 ? [] : rowsOf(decoder.take()), bad };
}

describe('messages of json', () => {
  it('are an object or an array of them, in one line or many', async () => {
    const { rows, bad } = await decode(
      'json',
      '{"id":1}',
      '[{"id":2},\n {"id":9007199254740993, "x": 1.5}]',
      '[]',
      '{\n"id":4}',
    );
    expect(rows.map(([id]) => id)).toEqual([1n, 2n, 9007199254740993n, 4n]);
    expect(bad).toEqual([]);
  });

  it('leave out what cannot be read and say where it was', async () => {
    const { rows, bad } = await decode(
      'json',
      '{"id":1}',
      'nonsense',
      '[{"id":2},{"id":"no"},3]',
      '[{"id":1},',
      '',
      '[1,]',
    );
    expect(rows.map(([id]) => id)).toEqual([1n, 2n]);
    expect(bad.map(({ position, code }) => `${position} ${code}`)).toEqual([
      'm/1 json.bad-syntax',
      'm/2[1] json.bad-value',
      'm/2[2] json.not-an-object',
      'm/3 json.bad-syntax',
      'm/4 json.bad-syntax',
      'm/5 json.bad-syntax',
    ]);
  });

  it('may begin with a byte order mark, as files may', async () => {
    for (const form of ['json', 'ndjson', 'senml'] as const) {
      const message = form === 'senml' ? '[{"n":"a","v":1}]' : '{"id":1}';
      const plain = await decode(form, message);
      expect(plain.rows, form).toHaveLength(1);
      expect(await decode(form, `\ufeff${message}`), form).toEqual(plain);
    }
    expect((await decode('json', '\ufeff[{"id":2}]')).rows).toHaveLength(1);
  });

  it('must be UTF-8', async () => {
    const { decoder, bad } = await decoding('json');
    await decoder.add({ data: Uint8Array.of(0x7b, 0xff, 0x7d), position: 'm/0', attached: [] });
    expect([decoder.rows, bad[0]?.code]).toEqual([0, 'text.invalid-utf8']);
  });

  it('never throw, whatever they hold', async () => {
    const forms: PayloadName[] = ['json', 'ndjson', 'csv', 'arrow', 'senml'];
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(...forms),
        fc.uint8Array({ maxLength: 60 }),
        fc.json(),
        async (form, raw, json) => {
          const { decoder } = await decoding(form);
          await decoder.add({ data: raw, position: 'm', attached: [] });
          await decoder.add({ data: bytes(json), position: 'm', attached: [] });
          await decoder.add({ data: bytes(`[${json}]`), position: 'm', attached: [] });
        },
      ),
      { numRuns: 150 },
    );
  });
});

describe('other forms', () => {
  it('ndjson: each line a row, a bad one named by its line', async () => {
    const { rows, bad } = await decode('ndjson', '{"id":1}\n\nx\n{"id":2}\n');
    expect(rows.map(([id]) => id)).toEqual([1n, 2n]);
    expect(bad.map(({ position }) => position)).toEqual(['m/0:3']);
  });

  it.each(['ndjson', 'csv'] as const)(
    '%s: of a message with a bad row every other byte some are told, and how many',
    async (format) => {
      const good = format === 'csv' ? 'id,text,x\n1,a,1\n' : '{"id":1}\n';
      const { rows, bad } = await decode(format, `${good}${'!\n'.repeat(30_000)}`, 'nonsense\n!');
      expect(rows).toHaveLength(1);
      expect(bad.length).toBeLessThanOrEqual(10_003);
      const more = bad.find(({ code }) => code === 'payload.more-bad-rows');
      expect([more?.position, more?.message]).toEqual(['m/0', expect.stringMatching(/^20000 more rows/)]);
      expect(bad.at(-1)?.position).toMatch(/^m\/1/);
    },
  );

  it('csv: a header in each message, unless there is none', async () => {
    expect((await decode('csv', 'text,id,x\n"a,b",1,\n', 'id,x,text\n2,,c')).rows).toEqual([
      [1n, 'a,b', null],
      [2n, 'c', null],
    ]);
    const { decoder } = await decoding('csv', SCHEMA, [], { header: false });
    await decoder.add({ data: bytes('7,x,1.5'), position: 'm', attached: [] });
    expect(rowsOf(decoder.take())).toEqual([[7n, 'x', 1.5]]);
  });

  it('attach what is known of a message to each of its rows', async () => {
    const schema = {
      fields: [...SCHEMA.fields, { name: 'sequence', type: { kind: 'int64' }, nullable: false }],
    } as Schema;
    for (const [form, message] of [
      ['ndjson', '{"id":1}\n{"id":2}'],
      ['csv', 'id,text,x\n1,,\n2,,\n'],
    ] as const) {
      const { decoder } = await decoding(form, schema, ['sequence']);
      await decoder.add({ data: bytes(message), position: 'm', attached: [17] });
      await decoder.add({ data: bytes(message), position: 'm', attached: [18] });
      expect(rowsOf(decoder.take()).map((row) => [row[0], row[3]])).toEqual([
        [1n, 17n],
        [2n, 17n],
        [1n, 18n],
        [2n, 18n],
      ]);
    }
  });
});

describe('encoding', () => {
  const value = fc.tuple(
    fc.option(fc.bigInt(-(2n ** 63n), 2n ** 63n - 1n)),
    fc.option(fc.string({ unit: 'grapheme', maxLength: 8 })),
    fc.option(fc.double({ noNaN: true })),
  );

  it('gives back the same rows by whatever form, one a message or many, cut to size', async () => {
    const writes = fc.record({
      format: fc.constantFrom<PayloadName>('json', 'ndjson', 'csv', 'arrow'),
      per: fc.constantFrom<'row' | 'batch'>('row', 'batch'),
      given: fc.constant({}),
    });
    await fc.assert(
      fc.asyncProperty(writes, fc.array(value, { minLength: 1, maxLength: 12 }), async (write: PayloadWrite, rows) => {
        const encoder = await openEncoder(write, SCHEMA);
        const messages = encoder.encode(build(SCHEMA, rows), 4096);
        if (write.per === 'row') expect(messages.length).toBe(rows.length);
        const { decoder, bad } = await decoding(write.format);
        for (const data of messages) await decoder.add({ data, position: 'm', attached: [] });
        expect(bad).toEqual([]);
        expect(rowsOf(decoder.take())).toEqual(rows);
      }),
      { numRuns: 60 },
    );
  });

  it('halves a batch that makes too large a message, and refuses a row that does', async () => {
    const encoder = await openEncoder({ format: 'ndjson', per: 'batch', given: {} }, SCHEMA);
    const rows = Array.from({ length: 100 }, (_, index) => [BigInt(index), 'abc', 1]);
    const messages = encoder.encode(build(SCHEMA, rows), 500);
    expect(messages.length).toBeGreaterThan(5);
    expect(Math.max(...messages.map((message) => message.length))).toBeLessThanOrEqual(500);
    expect(messages.map(text).join('').split('\n').length).toBe(101);
    expect(() => encoder.encode(build(SCHEMA, [[1n, 'x'.repeat(600), 1]]), 500)).toThrow(
      expect.objectContaining({ code: 'payload.too-large' }),
    );
  });
});

describe('options', () => {
  it('belong to the form that is chosen', () => {
    const type = withPayloadRead({});
    expect(type.parse({ format: 'csv', delimiter: ';' })).toEqual({
      payload: { format: 'csv', given: { delimiter: ';' } },
    });
    expect(type.safeParse({ delimiter: ';' }).error?.issues[0]?.message).toContain('an option of csv');
    expect(withPayloadWrite({}).parse({})).toEqual({ payload: { format: 'json', per: 'row', given: {} } });
    expect(withPayloadWrite({}).parse({ format: 'arrow' })).toMatchObject({ payload: { per: 'batch' } });
  });
});

describe('a partition of messages', () => {
  const messages = Array.from({ length: 300 }, (_, index) =>
    bytes(
      index % 50 === 7 ? 'poison' : Array.from({ length: 700 }, (_, row) => `{"id":${index * 1000 + row}}`).join('\n'),
    ),
  );

  async function read(from: { after: number; rows: number }, limit = Number.POSITIVE_INFINITY) {
    let at = from.after;
    const setup = bench('');
    const feed = {
      next: async () => {
        const data = messages[at];
        at += 1;
        return data === undefined ? undefined : { data, position: `m/${at - 1}`, attached: [], place: at };
      },
    };
    const given = {
      name: 'm',
      payload: { format: 'ndjson', given: {} } as const,
      feed,
      begin: from.after,
      passRows: from.rows,
    };
    const partition = await openMessagePartition(given, SCHEMA, sourceContext(setup));
    const ids: Value[] = [];
    const positions: { after: number; rows: number; ids: number; bad: number }[] = [];
    for (let batch = await partition.next(); batch !== undefined; batch = await partition.next()) {
      expect(batch.rows).toBeLessThanOrEqual(65_536);
      for (const [id] of rowsOf(batch)) ids.push(id ?? null);
      const position = partition.position?.() as unknown as { after: number; rows: number };
      positions.push({ ...position, ids: ids.length, bad: setup.bad.length });
      if (positions.length >= limit) break;
    }
    return { ids, positions, bad: setup.bad.map((row) => row.position) };
  }

  it('goes on from any position with the very rows and bad rows that would have followed', async () => {
    const whole = await read({ after: 0, rows: 0 });
    expect(whole.ids.length).toBe(294 * 700);
    expect(whole.bad).toEqual([7, 57, 107, 157, 207, 257].map((index) => `m/${index}:1`));
    for (const { after, rows, ids, bad } of whole.positions) {
      const rest = await read({ after, rows });
      expect(rest.ids).toEqual(whole.ids.slice(ids));
      expect(rest.bad).toEqual(whole.bad.slice(bad));
    }
    for (const rows of [1, 699, 700, 701, 70_000]) {
      expect((await read({ after: 0, rows })).ids[0]).toBe(whole.ids[rows]);
    }
  });
});
