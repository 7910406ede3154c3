/** The compiled join against the kernel's, bit for bit: the same pairs in the same order, also when it goes on from its image or from either one's logical state. */
import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { Ledger } from '../../test/kit/ledger.ts';
import { build, rowsOf } from '../../test/kit/tables.ts';
import type { Schema, Value } from '../batch/types.ts';
import type { CellPlan } from '../compile/cell-plan.ts';
import { fuse } from '../compile/fuse.ts';
import { planOrThrow, prepareText } from '../runtime/prepare.ts';
import type { CellImage } from '../state/checkpoint/state.ts';
import type { Cell } from './cell.ts';
import { openCell } from './open.ts';

const LEFT: Schema = {
  fields: [
    { name: 'k', type: { kind: 'int64' }, nullable: true },
    { name: 'at', type: { kind: 'timestamp', unit: 'ns' }, nullable: true },
    { name: 's', type: { kind: 'utf8' }, nullable: true },
    { name: 'f', type: { kind: 'float32' }, nullable: true },
    { name: 'p', type: { kind: 'bool' }, nullable: true },
    { name: 'd', type: { kind: 'date32' }, nullable: true },
  ],
  time: 1,
};
const RIGHT: Schema = {
  fields: [
    { name: 's', type: { kind: 'utf8' }, nullable: true },
    { name: 'k', type: { kind: 'int64' }, nullable: true },
    { name: 'at', type: { kind: 'timestamp', unit: 's' }, nullable: true },
    { name: 'b', type: { kind: 'binary' }, nullable: true },
    { name: 'u', type: { kind: 'duration', unit: 'ms' }, nullable: true },
    { name: 'x', type: { kind: 'float64' }, nullable: true },
    { name: 'i', type: { kind: 'int32' }, nullable: true },
  ],
  time: 2,
};
const SCHEMAS = [LEFT, RIGHT];

const planOf = async (more = '', where = 'a.k = b.k AND b.s = a.s', onError = 'skip'): Promise<CellPlan> => {
  const graph = `
apiVersion: cloudskin.dev/v1
kind: Dataflow
metadata: { name: joined }
spec:
  sources:
    l: { ledger: {}, schema: { k: int64, at: "timestamp[ns]", s: utf8, f: float32, p: bool, d: date32 }, time: { column: at } }
    r: { ledger: {}, schema: { s: utf8, k: int64, at: "timestamp[s]", b: binary, u: "duration[ms]", x: float64, i: int32 }, time: { column: at } }
  operators:
    pairs: { from: { a: l, b: r }, join: { where: ${where} }, window: { tumbling: 5s }, onError: ${onError}, select: { k: a.k }${more} }
  sinks:
    out: { from: pairs, ledger: {} }
    ${onError === 'divert' ? 'err: { from: pairs.errors, ledger: {} }' : ''}
`;
  const { connector } = new Ledger({});
  const { cells } = fuse(planOrThrow(await prepareText(graph, 'g.yaml', { connectors: [connector], environment: {} })));
  const join = cells.find(({ kind }) => kind === 'join');
  if (join === undefined) throw new Error('the graph has a join');
  return join;
};

const EXTREMES = [
  -(2n ** 63n),
  2n ** 63n - 1n,
  -(2n ** 63n) + 5n,
  9_223_372_036_000_000_000n,
  -9_223_372_036_000_000_000n,
];
const key = fc.option(fc.constantFrom(0n, 2n ** 62n), { freq: 10 });
const text = fc.option(fc.constantFrom('', 'ä', 'a longer name than sixteen bytes'), { freq: 10 });
const time = (unit: bigint) =>
  fc.option(
    fc.oneof({ weight: 20, arbitrary: fc.bigInt(-6n, 6n).map((value) => value * unit) }, fc.constantFrom(...EXTREMES)),
    { freq: 20 },
  );
const left = fc.tuple(
  key,
  time(1_000_000_000n),
  text,
  fc.option(fc.float()),
  fc.option(fc.boolean()),
  fc.option(fc.integer({ min: -9, max: 9 })),
);
const right = fc.tuple(
  text,
  key,
  time(1n),
  fc.option(fc.uint8Array({ maxLength: 20 })),
  fc.option(fc.bigInt(-9n, 9n)),
  fc.option(fc.double()),
  fc.option(fc.integer()),
);

type Event = { readonly side: number; readonly rows: readonly (readonly Value[])[] } | { readonly watermark: bigint };

const events: fc.Arbitrary<readonly Event[]> = fc
  .array(
    fc.oneof(
      fc.record({ side: fc.constant(0), rows: fc.array(left, { minLength: 5, maxLength: 20, size: 'max' }) }),
      fc.record({ side: fc.constant(1), rows: fc.array(right, { minLength: 5, maxLength: 20, size: 'max' }) }),
      fc.record({ watermark: fc.bigInt(-12_000_000n, 12_000_000n) }),
    ),
    { maxLength: 10, size: 'max' },
  )
  .map(rising);

/** Watermarks that do not rise are left out. */
function rising(all: readonly Event[]): readonly Event[] {
  let last: bigint | undefined;
  return all.filter((event) => {
    if (!('watermark' in event)) return true;
    if (last !== undefined && event.watermark <= last) return false;
    last = event.watermark;
    return true;
  });
}

function run(cell: Cell, all: readonly Event[], out: Value[][], end: boolean): void {
  const emit = (_: number, batch: Parameters<typeof rowsOf>[0]): void => {
    out.push(...rowsOf(batch).map((row) => [...row]));
  };
  for (const event of all) {
    if ('watermark' in event) cell.onWatermark(event.watermark, emit);
    else cell.process(event.side, build(SCHEMAS[event.side] ?? LEFT, event.rows), emit);
  }
  if (end) cell.onEnd(emit);
}

const kept = (image: CellImage | undefined): CellImage | undefined =>
  image === undefined ? undefined : { ...image, memory: image.memory.slice() };

let plan: CellPlan;
let pairs = 0;

beforeAll(async () => {
  plan = await planOf();
});

describe('a compiled join', () => {
  it('gives the pairs of the kernel in their order, and counts alike', async () => {
    await fc.assert(
      fc.asyncProperty(events, async (all) => {
        const cells = await Promise.all([openCell(plan), openCell(plan, { execution: 'kernels' })]);
        const [compiled, kernel] = cells.map((cell) => {
          const out: Value[][] = [];
          run(cell, all, out, true);
          return { out, counters: cell.counters(), rows: cell.stateSize?.()[0]?.keys };
        });
        for (const cell of cells) cell.close();
        pairs += kernel?.out.length ?? 0;
        expect(compiled).toEqual(kernel);
      }),
      { numRuns: 150 },
    );
    expect(pairs).toBeGreaterThan(200);
  });

  it('goes on from its image, and from the logical state of either kind, at any cut', async () => {
    const ways = fc.constantFrom('image', 'compiled to kernel', 'kernel to compiled', 'compiled to compiled');
    await fc.assert(
      fc.asyncProperty(events, fc.nat(10), ways, async (all, at, way) => {
        const kinds = { execution: 'kernels' } as const;
        const expected: Value[][] = [];
        const whole = await openCell(plan, kinds);
        run(whole, all, expected, true);
        const out: Value[][] = [];
        const before = await openCell(plan, way.startsWith('kernel') ? kinds : {});
        const after = await openCell(plan, way.endsWith('kernel') ? kinds : {});
        run(before, all.slice(0, at), out, false);
        const image = way === 'image' ? kept(before.state?.image?.()) : undefined;
        if (image !== undefined) after.state?.restoreImage?.(image);
        else after.state?.importLogical?.(before.state?.exportLogical?.() ?? [], { first: 0, last: 127 });
        before.close();
        run(after, all.slice(at), out, true);
        expect(out).toEqual(expected);
        expect(after.counters()).toEqual(whole.counters());
        after.close();
      }),
      { numRuns: 150 },
    );
  });

  it('hands out many pairs in several batches', async () => {
    const cell = await openCell(plan);
    const rows = (schema: Schema): Value[][] =>
      Array.from({ length: 400 }, () =>
        schema.fields.map(({ name }) => ({ k: 1n, at: 0n, s: 'x'.repeat(50) })[name] ?? null),
      );
    let batches = 0;
    let total = 0;
    const emit = (_: number, batch: { readonly rows: number }): void => {
      batches += 1;
      total += batch.rows;
    };
    cell.process(0, build(LEFT, rows(LEFT)), emit);
    cell.process(1, build(RIGHT, rows(RIGHT)), emit);
    expect([batches, cell.stateSize?.()[0]?.keys]).toEqual([0, 800]);
    cell.onWatermark(5_000_000n, emit);
    expect(total).toBe(160_000);
    expect(batches).toBeGreaterThan(2);
    expect(cell.stateSize?.()[0]).toMatchObject({ keys: 0, bytes: 0 });
    cell.close();
  });

  it.each(['compiled', 'kernels'] as const)(
    'fails at its memory, naming the operator and its largest keys: %s',
    async (execution) => {
      const cell = await openCell(await planOf(', memory: 1KiB'), { execution });
      const rows = Array.from({ length: 100 }, (_, row): Value[] => {
        return [BigInt(row % 4 === 0 ? 7 : row), BigInt(row % 2) * 9_000_000_000n, 'x', null, null, null];
      });
      expect(() => cell.process(0, build(LEFT, rows), () => undefined)).toThrow(
        /^operator pairs keeps \d+ KiB of state in 100 rows, .*; its largest keys: a\.k=7, a\.s=x \(2 windows, 26 rows\), a\.k=/,
      );
      cell.close();
    },
  );

  it('finds and closes thousands of open windows in any order, and counts what they take', async () => {
    const WINDOWS = 3_000;
    const cells = await Promise.all([openCell(plan), openCell(plan, { execution: 'kernels' })]);
    const second = (row: number): bigint => BigInt(((row * 7919) % WINDOWS) * 5);
    const rows = Array.from({ length: WINDOWS }, (_, row) => row);
    const lefts = rows.map((row): Value[] => [1n, second(row) * 1_000_000_000n, 'x', null, null, null]);
    const rights = rows.map((row): Value[] => ['x', 1n, second(row * 7), null, null, null, row]);
    const [compiled, kernel] = cells.map((cell) => {
      const out: Value[][] = [];
      run(cell, [{ side: 0, rows: lefts }, { side: 1, rows: rights }, { watermark: 4_000_000_000n }], out, false);
      const [size] = cell.stateSize?.() ?? [];
      run(cell, [{ watermark: 9_000_000_000n }], out, true);
      return { out, size };
    });
    expect(compiled?.out).toHaveLength(WINDOWS);
    expect(compiled?.out).toEqual(kernel?.out);
    expect([compiled?.size?.keys, kernel?.size?.keys]).toEqual([2 * (WINDOWS - 800), 2 * (WINDOWS - 800)]);
    // a window and a block of either side each, however little is in them
    expect(compiled?.size?.bytes).toBe((WINDOWS - 800) * (64 + 2 * 256));
    expect(cells[0]?.stateSize?.()[0]?.bytes).toBe(0);
    for (const cell of cells) cell.close();
  });

  it('does not take the image of a join whose keys are computed otherwise', async () => {
    const [lower, upper] = await Promise.all(
      ['lower', 'upper'].map(async (name) => openCell(await planOf('', `${name}(a.s) = b.s`))),
    );
    const image = lower?.state?.image?.();
    if (image === undefined) throw new Error('a join has an image');
    expect(() => upper?.state?.restoreImage?.(image)).toThrow('other code');
    lower?.close();
    upper?.close();
  });

  it.each(['compiled', 'kernels'] as const)(
    'tells of rows that no window holds as other operators do: %s',
    async (execution) => {
      const cell = await openCell(await planOf('', undefined, 'divert'), { execution });
      const out: Value[][] = [];
      const emit = (port: number, batch: Parameters<typeof rowsOf>[0]): void => {
        out.push(...rowsOf(batch).map((row) => [port, ...row]));
      };
      cell.onWatermark(4n, emit);
      cell.process(0, build(LEFT, [[1n, null, 'x', null, null, null]]), emit);
      cell.process(1, build(RIGHT, [['x', 1n, 2n ** 63n - 1n, null, null, null, null]]), emit);
      expect(cell.counters()).toEqual({ late: 0, errors: 2 });
      const raw = '{"k":1,"at":null,"s":"x","f":null,"p":null,"d":null}';
      expect(out).toEqual([
        [1, 4n, 'pairs', 'expression.time-null', 'the time column is null: a.at', null, raw],
        [
          1,
          -1_000_000n,
          'pairs',
          'expression.out-of-range',
          'a value is out of range in "b.at"',
          null,
          expect.any(String),
        ],
      ]);
      cell.close();
      const strict = await openCell(await planOf('', undefined, 'fail'), { execution });
      expect(() => strict.process(0, build(LEFT, [[1n, null, 'x', null, null, null]]), emit)).toThrow(
        'operator pairs: the time column is null: a.at at row 1 (k=1, at=null, s="x", f=null, p=null, d=null)',
      );
      strict.close();
    },
  );

  it.each(['compiled', 'kernels'] as const)('refuses the state of another join: %s', async (execution) => {
    const cell = await openCell(plan, { execution });
    const [state] = cell.state?.exportLogical?.() ?? [];
    if (state === undefined) throw new Error('a join has state');
    const other = { ...state, schema: { fields: state.schema.fields.slice(0, -1) } };
    const groups = { first: 0, last: 127 };
    expect(() => cell.state?.importLogical?.([other], groups)).toThrow('its inputs have other columns');
    expect(() => cell.state?.importLogical?.([{ ...state, kind: 'aggregate/1' }], groups)).toThrow('not join/1');
    cell.close();
  });
});
