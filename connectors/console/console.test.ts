import { describe, expect, it } from 'vitest';
import type { Schema, Value } from '../../engine/batch/types.ts';
import type { SinkContext } from '../../engine/graph/connector.ts';
import { sinkContract } from '../../test/contract/connector.ts';
import { bench, openSink, sinkContext, writeAll } from '../../test/kit/connectors.ts';
import { schemaOf } from '../../test/kit/formats.ts';
import { ManualPorts } from '../../test/kit/manual-ports.ts';
import { build } from '../../test/kit/tables.ts';
import { console as terminal } from './console.ts';

const schema = schemaOf({ machine: 'utf8', at: 'timestamp[ms]', t: 'float64', n: 'int64' });
const rows: Value[][] = [
  ['a', 1_706_695_200_000n, 21.5, 1n],
  ['long name', 1_706_695_200_250n, null, 1_000_000n],
  [null, null, 1 / 3, -5n],
];

for (const format of ['table', 'bars', 'ndjson', 'csv']) {
  sinkContract({ title: `console as ${format}`, connector: terminal, schema, rows, options: { format }, files: [] });
}

async function print(
  options: unknown,
  shown: readonly (readonly Value[])[],
  more: Partial<SinkContext> = {},
  of: Schema = schema,
): Promise<string> {
  const setup = bench('/');
  await writeAll(terminal, options, of, [build(of, shown)], sinkContext(setup, more));
  return setup.printed.join('');
}

describe('console', () => {
  it('shows a table: numbers to the right, times readable, nulls marked', async () => {
    expect(await print({}, rows)).toBe(
      [
        'out',
        'machine    at                              t        n',
        '─────────  ───────────────────────  ────────  ───────',
        'a          2024-01-31 10:00:00.000      21.5        1',
        'long name  2024-01-31 10:00:00.250      null  1000000',
        'null       null                     0.333333       -5',
        '',
      ].join('\n'),
    );
  });

  it('paints only where colours are wanted', async () => {
    expect(await print({}, rows, { color: true })).toContain('\u001b[1mmachine');
    expect(await print({}, rows)).not.toContain('\u001b');
  });

  it('never exceeds the width of the terminal, and says how many columns it left out', async () => {
    const wide = schemaOf(Object.fromEntries(Array.from({ length: 30 }, (_, i) => [`column${i}`, 'utf8'])));
    const row = wide.fields.map((_, i) => 'x'.repeat(i * 3));
    for (const width of [20, 40, 80, 200]) {
      const lines = (await print({}, [row, row], { width }, wide)).split('\n');
      expect(Math.max(...lines.map((line) => line.length))).toBeLessThanOrEqual(width);
      expect(lines[1]).toMatch(/… \+\d+$/);
    }
  });

  it('aligns wide characters, combining marks and emoji', async () => {
    const texts = schemaOf({ s: 'utf8', n: 'int32' });
    const text = await print(
      {},
      [
        ['日本', 1],
        ['e\u0301', 2],
        ['👍', 3],
        ['abcd', 4],
      ],
      {},
      texts,
    );
    expect(text.split('\n').slice(3, 7)).toEqual(['日本  1', 'e\u0301     2', '👍    3', 'abcd  4']);
  });

  it('cuts wide characters at the width, not inside one', async () => {
    const texts = schemaOf({ s: 'utf8' });
    expect((await print({}, [['日本語日本語']], { width: 8 }, texts)).split('\n')[3]).toBe('日本語…');
  });

  it('shows what would steer the terminal as escapes', async () => {
    const texts = schemaOf({ s: 'utf8' });
    expect(await print({}, [['a\u001b[2Jb\r\n\u202ec']], {}, texts)).toContain('a\\x1b[2Jb\\r\\n\\u202ec');
  });

  it('shows as many rows as the limit, and says how many more there were', async () => {
    const setup = bench('/');
    const batches = [build(schema, rows), build(schema, rows)];
    const report = await writeAll(terminal, { limit: 4 }, schema, batches, sinkContext(setup));
    const lines = setup.printed.join('').trimEnd().split('\n');
    expect(lines).toHaveLength(3 + 4 + 1);
    expect(lines.at(-1)).toBe('… and 2 more rows');
    expect(report.rows).toBe(6);
  });

  it('repeats the header when a later row needs a wider column, at the earliest after 20 rows', async () => {
    const texts = schemaOf({ s: 'utf8' });
    const setup = bench('/');
    const sink = await openSink(terminal, {}, texts, sinkContext(setup));
    for (let i = 0; i < 120; i++) await sink.write(build(texts, [['x']]));
    await sink.write(build(texts, [['wider than before']]));
    await sink.write(build(texts, [['and this one is wider still']]));
    await sink.close();
    expect(
      setup.printed
        .join('')
        .split('\n')
        .filter((line) => line.startsWith('─')),
    ).toEqual(['─', '─'.repeat(17)]);
  });

  it('shows the first rows within 100 ms although nothing follows', async () => {
    const setup = bench('/');
    const ports = new ManualPorts();
    const sink = await openSink(terminal, {}, schema, sinkContext(setup, { ports }));
    await sink.write(build(schema, rows));
    await ports.advance(100);
    expect(setup.printed.join('')).toContain('long name');
    await sink.close();
  });

  it('waits for whoever reads', async () => {
    const gate = Promise.withResolvers<void>();
    const context = sinkContext(bench('/'), { stdout: () => gate.promise });
    const sink = await openSink(terminal, { format: 'ndjson' }, schema, context);
    const written = Promise.resolve(sink.write(build(schema, rows))).then(() => 'written');
    expect(await Promise.race([written, Promise.resolve('waiting')])).toBe('waiting');
    gate.resolve();
    expect(await written).toBe('written');
    await sink.close();
  });

  it('writes all digits and texts for programs', async () => {
    expect(await print({ format: 'ndjson', limit: 1 }, rows)).toBe(
      '{"machine":"a","at":"2024-01-31T10:00:00","t":21.5,"n":1}\n',
    );
    expect(await print({ format: 'csv', limit: 1 }, rows)).toBe('machine,at,t,n\na,2024-01-31T10:00:00,21.5,1\n');
  });

  it('draws a bar a row to the scale of the largest, to an eighth of a column', async () => {
    const text = await print({ format: 'bars', title: 'Counts', label: 'machine', value: 'n' }, [
      ['a', null, null, 8n],
      ['bb', null, null, 4n],
      ['c', null, null, null],
    ]);
    expect(text).toBe(
      [
        'Counts',
        `a   ${'█'.repeat(60)}     8`,
        `bb  ${'█'.repeat(30)}${' '.repeat(30)}     4`,
        `c   ${' '.repeat(60)}  null`,
        '\n',
      ].join('\n'),
    );
  });

  it('refuses bars of a column that is not there, naming the nearest', async () => {
    await expect(print({ format: 'bars', value: 'm' }, rows)).rejects.toMatchObject({ code: 'console.unknown-column' });
    await expect(print({ format: 'bars', value: 'machine' }, rows)).rejects.toMatchObject({
      code: 'console.not-a-number',
    });
  });
});
