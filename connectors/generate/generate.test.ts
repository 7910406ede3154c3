import { describe, expect, it } from 'vitest';
import type { Value } from '../../engine/batch/types.ts';
import type { Json } from '../../engine/json.ts';
import { realPorts } from '../../engine/ports.ts';
import { sourceContract } from '../../test/contract/connector.ts';
import { bench, drain, openSource, readAll, sourceContext, temporaryDirectory } from '../../test/kit/connectors.ts';
import { schemaOf } from '../../test/kit/formats.ts';
import { generate } from './generate.ts';

const schema = schemaOf({ at: 'timestamp[ms]', machine: 'utf8', t: 'float64' });

sourceContract({
  title: 'generate',
  connector: generate,
  schema,
  prepare: async () => ({ rows: 3000, columns: { t: { normal: { mean: 20, deviation: 5 }, nulls: 0.1 } } }),
  waiting: async () => ({ rate: 1 }),
});

function rowsFor(options: unknown, columns: Record<string, string>, now?: number): Promise<Value[][]> {
  const context = sourceContext(bench('/'), now === undefined ? {} : { ports: { ...realPorts, now: () => now } });
  return readAll(generate, options, schemaOf(columns), context);
}

async function numbers(spec: unknown, rows: number = 20_000, type: string = 'float64'): Promise<number[]> {
  const found = await rowsFor({ rows, columns: { x: spec } }, { x: type });
  return found.map(([value]) => Number(value));
}

const mean = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;

describe('generate', () => {
  it('gives the same rows for the same seed, other rows for another, and a column its values whatever stands beside it', async () => {
    const columns = { x: 'float64', k: 'utf8' };
    const spec = { rows: 500, columns: { x: { normal: {} } } };
    const first = await rowsFor({ ...spec, seed: 7 }, columns);
    expect(await rowsFor({ ...spec, seed: 7 }, columns)).toEqual(first);
    expect(await rowsFor({ ...spec, seed: 8 }, columns)).not.toEqual(first);
    const alone = await rowsFor({ ...spec, seed: 7 }, { x: 'float64' });
    expect(alone.map((row) => row[0])).toEqual(first.map((row) => row[0]));
  });

  it('keeps giving the rows of a seed that it gave before', async () => {
    const spec = {
      rows: 3,
      columns: { x: { integers: { min: 0, max: 1_000_000 } }, n: { normal: {} }, k: { keys: { count: 1000 } } },
    };
    expect(await rowsFor(spec, { x: 'int64', n: 'float64', k: 'utf8' })).toMatchInlineSnapshot(`
      [
        [
          37001n,
          1.0526455149486014,
          "key-859",
        ],
        [
          692184n,
          0.7469960958193747,
          "key-322",
        ],
        [
          717908n,
          0.06315668573618363,
          "key-8",
        ],
      ]
    `);
  });

  it('gives the same rows whatever the batches: at a rate, and all at once', async () => {
    const spec = {
      rows: 40,
      start: '2024-01-01T00:00:00Z',
      interval: '1s',
      columns: { t: { walk: {} } },
      disorder: {},
    };
    const columns = { at: 'timestamp[ms]', t: 'float64', k: 'utf8' };
    expect(await rowsFor({ ...spec, rate: 1000 }, columns)).toEqual(await rowsFor(spec, columns));
  });

  it('spaces event times by the interval, from the start', async () => {
    const rows = await rowsFor({ rows: 3, start: '2024-05-01T00:00:00Z', interval: '250ms' }, { at: 'timestamp[ms]' });
    expect(rows.map(([at]) => Number(at) - Date.parse('2024-05-01T00:00:00Z'))).toEqual([0, 250, 500]);
    const spread = await rowsFor({ rows: 3, rate: 1000 }, { at: 'timestamp[us]' });
    expect(spread.map(([at]) => Number(at) - Date.parse('2024-01-01T00:00:00Z') * 1000)).toEqual([0, 1000, 2000]);
  });

  it('puts the fraction of rows that it was told behind, and none further than the delay', async () => {
    const spec = { rows: 10_000, interval: '1s', disorder: { fraction: 0.2, maxDelay: '1m' } };
    const times = (await rowsFor(spec, { at: 'timestamp[s]' })).map(([at], i) => Number(at) - 1_704_067_200 - i);
    const late = times.filter((delay) => delay < 0);
    expect(late.length).toBeGreaterThan(1800);
    expect(late.length).toBeLessThan(2200);
    expect(Math.min(...times)).toBeGreaterThanOrEqual(-60);
    expect(Math.max(...times)).toBe(0);
  });

  it('draws from the distributions with their means, spreads and ends', async () => {
    const uniform = await numbers({ uniform: { min: 10, max: 20 } });
    expect(mean(uniform)).toBeCloseTo(15, 0);
    expect(Math.min(...uniform)).toBeGreaterThanOrEqual(10);
    expect(Math.max(...uniform)).toBeLessThan(20);
    const normal = await numbers({ normal: { mean: 100, deviation: 15 } });
    expect(Math.abs(mean(normal) - 100)).toBeLessThan(0.5);
    expect(Math.abs(Math.sqrt(mean(normal.map((x) => (x - 100) ** 2))) - 15)).toBeLessThan(0.5);
    const whole = await numbers({ integers: { min: -1, max: 1 } }, 3000, 'int8');
    expect(new Set(whole)).toEqual(new Set([-1, 0, 1]));
    const walk = await numbers({ walk: { start: 5, step: 1, min: 0, max: 10 } }, 5000);
    expect(walk[0]).toBe(5);
    expect(Math.min(...walk)).toBeGreaterThanOrEqual(0);
    expect(Math.max(...walk)).toBeLessThanOrEqual(10);
    expect(await numbers({ sequence: { start: 3, step: -2 } }, 4)).toEqual([3, 1, -1, -3]);
    const sine = await numbers({ sine: { period: '100ms', amplitude: 2, offset: 1 } }, 100);
    expect(Math.max(...sine)).toBeCloseTo(3);
    expect(Math.min(...sine)).toBeCloseTo(-1);
  });

  it('draws keys by the law of Zipf, and all alike', async () => {
    const count = async (keys: unknown): Promise<number[]> => {
      const rows = await rowsFor({ rows: 20_000, columns: { k: { keys } } }, { k: 'utf8' });
      const counts = new Array<number>(10).fill(0);
      for (const [key] of rows) {
        const index = Number(String(key).slice(2));
        counts[index] = (counts[index] ?? 0) + 1;
      }
      return counts;
    };
    const zipf = await count({ count: 10, prefix: 'k-', distribution: 'zipf', exponent: 1 });
    expect((zipf[0] ?? 0) / (zipf[1] ?? 1)).toBeCloseTo(2, 0);
    expect((zipf[0] ?? 0) / (zipf[9] ?? 1)).toBeGreaterThan(8);
    for (const hits of await count({ count: 10, prefix: 'k-' })) expect(Math.abs(hits - 2000)).toBeLessThan(200);
  });

  it('chooses from a list by weight, and leaves the fraction of nulls that it was told', async () => {
    const spec = { rows: 10_000, columns: { c: { choice: { values: ['a', 'b'], weights: [9, 1] }, nulls: 0.5 } } };
    const values = (await rowsFor(spec, { c: 'utf8' })).map(([value]) => value);
    const of = (wanted: Value): number => values.filter((value) => value === wanted).length;
    expect(Math.abs(of(null) - 5000)).toBeLessThan(250);
    expect(of('a') / of('b')).toBeGreaterThan(7.5);
  });

  it('keeps to the rate of the clock that it is given', async () => {
    let now = 1_000_000;
    const context = sourceContext(bench('/'), { ports: { ...realPorts, now: () => now } });
    const source = await openSource(generate, { rate: 1000 }, schemaOf({ at: 'timestamp[ms]' }), context);
    const sizes: (number | undefined)[] = [];
    for (const step of [0, 10, 990]) {
      now += step;
      sizes.push((await source.partitions[0]?.next())?.rows);
    }
    await source.close();
    expect(sizes).toEqual([1, 10, 990]);
    expect(source.bounded).toBe(false);
  });

  it('goes on at its rate from a position, and does not make up for the time between', async () => {
    let now = 1_000_000;
    const ports = { ...realPorts, now: () => now };
    const schema = schemaOf({ at: 'timestamp[ms]' });
    const first = await openSource(generate, { rate: 1000 }, schema, sourceContext(bench('/'), { ports }));
    await first.partitions[0]?.next();
    now += 499;
    await first.partitions[0]?.next();
    const positions = new Map([['', first.partitions[0]?.position?.() ?? null]]);
    await first.close();
    now += 3_600_000;
    const again = await openSource(generate, { rate: 1000 }, schema, sourceContext(bench('/'), { ports, positions }));
    const sizes: (number | undefined)[] = [];
    for (const step of [0, 10]) {
      now += step;
      sizes.push((await again.partitions[0]?.next())?.rows);
    }
    await again.close();
    expect(sizes).toEqual([1, 10]);
  });

  it('guesses the schema from the columns', async () => {
    const columns = {
      a: { time: {} },
      b: { sequence: {} },
      c: { keys: {} },
      d: { constant: true },
      e: { choice: [1, 2.5] },
      f: { constant: 1, type: 'int8' },
    };
    const options = generate.source?.options.parse({ columns });
    const inferred = await generate.source?.infer?.(options, sourceContext(bench('/')));
    expect(inferred?.fields.map((field) => field.type.kind)).toEqual([
      'timestamp',
      'int64',
      'utf8',
      'bool',
      'float64',
      'int8',
    ]);
  });

  it.each([
    ['two ways at once', { columns: { a: { constant: 1, sequence: {} } } }],
    ['no way', { columns: { a: { nulls: 0.5 } } }],
    ['an empty range', { columns: { a: { uniform: { min: 2, max: 1 } } } }],
    ['weights that do not fit', { columns: { a: { choice: { values: [1], weights: [1, 2] } } } }],
    ['an unknown key', { row: 5 }],
    ['a fraction above one', { disorder: { fraction: 1.5 } }],
    ['a rate of zero', { rate: 0 }],
  ])('refuses %s', (_what, options) => {
    expect(generate.source?.options.safeParse(options).success).toBe(false);
  });

  it.each([
    ['generate.unknown-column', { columns: { y: { sequence: {} } } }],
    ['generate.wrong-type', { columns: { x: { constant: 'a' } } }],
    ['generate.wrong-type', { columns: { x: { time: {} } } }],
  ])('refuses with %s what does not fit the schema', async (code, options) => {
    await expect(rowsFor({ rows: 1, ...options }, { x: 'int64' })).rejects.toMatchObject({ code, domain: 'user' });
  });
});

it('goes on from a position with the rows that would have followed', async () => {
  const options = {
    rows: 200_000,
    seed: 7,
    disorder: { fraction: 0.2, maxDelay: '5s' },
    columns: {
      at: { time: {} },
      walk: { walk: { start: 1, step: 0.5, min: 0, max: 3 }, nulls: 0.1 },
      count: { sequence: { start: 1, step: 2 } },
      normal: { normal: { mean: 1, deviation: 2 } },
      key: { keys: { count: 10, prefix: 'k', distribution: 'zipf' } },
    },
  };
  const place = await temporaryDirectory();
  const spec = generate.source;
  if (spec === undefined) throw new Error('generate is a source');
  const schema = await spec.infer?.(spec.options.parse(options), sourceContext(bench(place.path)));
  if (schema === undefined) throw new Error('generate infers');
  const whole = await openSource(generate, options, schema, sourceContext(bench(place.path)));
  const [partition] = whole.partitions;
  const first = await partition?.next();
  const position = JSON.parse(JSON.stringify(partition?.position?.())) as Json;
  const rest = partition === undefined ? [] : await drain(partition);
  const context = sourceContext(bench(place.path), { positions: new Map([['', position]]) });
  expect(rest.length).toBe(200_000 - (first?.rows ?? 0));
  expect(await readAll(generate, options, schema, context)).toEqual(rest);
  await place.remove();
});
