/**
 * A compiled cell in another runtime: its image, taken in V8, goes on in wasmtime, the image taken there goes on in V8, and what comes out is
 * bit for bit what one cell that is never cut puts out.
 */
import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Batch, LAYOUT_WORDS } from '../../engine/batch/batch.ts';
import type { Schema, Value } from '../../engine/batch/types.ts';
import type { Cell } from '../../engine/cell/cell.ts';
import { openCompiledCell } from '../../engine/cell/compiled.ts';
import type { CellPlan } from '../../engine/compile/cell-plan.ts';
import { loadParser } from '../../engine/expression/check.ts';
import { chainCase, eventsOf } from '../kit/chain-cases.ts';
import { chainOf, type Event, type OperatorText } from '../kit/chains.ts';
import { keptImage } from '../kit/cuts.ts';
import { hasSharedData, sharedData } from '../kit/shared-data.ts';
import { build } from '../kit/tables.ts';
import { HandedCell } from './handed-cell.ts';
import { noWasmtime, Wasmtime } from './wasmtime.ts';

const missing = noWasmtime() ?? (hasSharedData() ? undefined : 'the shared inputs are not there');

/** What a cell put out by output, bit by bit: of each batch the rows and the checksum of the Arrow buffers, without what lies between them. */
type Bits = readonly string[];

function bitsOf({ rows, body, layout }: Batch): string {
  const buffers = Array.from({ length: layout.length / LAYOUT_WORDS }, (_, column) => {
    const entry = column * LAYOUT_WORDS;
    return [1, 3, 5].map((word) => {
      const from = layout[entry + word] ?? 0;
      return Buffer.from(body.subarray(from, from + (layout[entry + word + 1] ?? 0))).toString('latin1');
    });
  });
  return `${rows} rows, ${createHash('sha256').update(JSON.stringify(buffers)).digest('hex')}`;
}

class Run {
  readonly bits: string[] = [];
  readonly #ports: ReadonlySet<number>;

  /** The host makes rows of `errors` itself: they are no part of what the code puts out. */
  constructor({ outputs }: CellPlan) {
    this.#ports = new Set(outputs.flatMap(({ port }, index) => (port === 'errors' ? [] : [index])));
  }

  readonly take = (port: number, batch: Batch): void => {
    if (this.#ports.has(port)) this.bits.push(`${port} ${bitsOf(batch)}`);
  };

  drive(cell: Cell, events: readonly Event[]): void {
    for (const event of events) {
      if (event === 'end') cell.onEnd(this.take);
      else if ('batch' in event) cell.process(0, event.batch, this.take);
      else cell.onWatermark(event.watermark, this.take);
    }
  }
}

interface Ended {
  readonly bits: Bits;
  readonly late: number;
  readonly errors: number;
}

function uncut(plan: CellPlan, events: readonly Event[]): Ended {
  const cell = openCompiledCell(plan);
  const run = new Run(plan);
  run.drive(cell, events);
  const { late, errors } = cell.counters();
  cell.close();
  return { bits: run.bits, late, errors };
}

const READINGS: Schema = {
  fields: [
    { name: 'at', type: { kind: 'timestamp', unit: 'ms' }, nullable: false },
    { name: 'series', type: { kind: 'utf8' }, nullable: true },
    { name: 'value', type: { kind: 'float64' }, nullable: true },
    { name: 'text', type: { kind: 'utf8' }, nullable: true },
  ],
  time: 0,
};

const FILES = [
  'ec2_cpu_utilization_24ae8d',
  'ec2_cpu_utilization_825cc2',
  'elb_request_count_8c0756',
  'grok_asg_anomaly',
];
const BATCH_ROWS = 500;
const HOUR = 3_600_000_000n;

/** Real readings of several machines, in order of time, a watermark behind each batch; some rows come late, and some have no value. */
function readings(): Event[] {
  const rows = FILES.flatMap((name) =>
    readFileSync(sharedData(`sensors/nab/data/realAWSCloudwatch/${name}.csv`), 'utf8')
      .trim()
      .split(/\r?\n/)
      .slice(1)
      .map((line, index): Value[] => {
        const [time = '', text = ''] = line.split(',');
        const at = BigInt(Date.parse(`${time.replace(' ', 'T')}Z`));
        return [at - (index % 97 === 0 ? 86_400_000n : 0n), name, index % 31 === 0 ? null : Number(text), text];
      }),
  );
  rows.sort((a, b) => Number(a[0]) - Number(b[0]));
  const events: Event[] = [];
  for (let from = 0; from < rows.length; from += BATCH_ROWS) {
    const some = rows.slice(from, from + BATCH_ROWS);
    events.push({ batch: build(READINGS, some) }, { watermark: BigInt(Number(some.at(-1)?.[0] ?? 0n)) * 1000n - HOUR });
  }
  return [...events, 'end'];
}

const day = (aggregate: Record<string, string>, groupBy: Record<string, string>): OperatorText => {
  return { window: 24n * HOUR, groupBy, aggregate, late: 'divert', onError: 'skip' };
};

const CHAINS: Readonly<Record<string, readonly OperatorText[]>> = {
  'sums and extremes by series': [
    day(
      {
        n: 'count(*)',
        seen: 'count(value)',
        total: 'sum(value)',
        mean: 'avg(value)',
        least: 'min(value)',
        most: 'max(value)',
      },
      { series: 'series' },
    ),
  ],
  'texts: patterns, parts, extremes of texts that grow': [
    { filter: "series LIKE '%cpu%' OR text ILIKE '4%'" },
    day(
      { first: "min(reverse(text) || '/' || lpad(text, 40, 'ab'))", last: 'max(upper(series) || text)' },
      { machine: "split_part(series, '_', 1)", size: 'length(text)' },
    ),
    { select: { window_start: 'window_start', key: "concat_ws('|', machine, size, first)", last: 'left(last, 30)' } },
  ],
  'decimals: rounded, cut, printed, read again': [
    { select: { at: 'at', series: 'series', tenth: 'round(value, 1)', cut: 'trunc(value, 2)', read: 'text::float8' } },
    day(
      { total: 'sum(tenth)', most: 'max(cut::text)', least: 'min((read / 3)::text)' },
      { tenth: '(tenth * 10)::bigint % 7' },
    ),
  ],
  'mathematics: powers, logarithms, circles': [
    {
      select: {
        at: 'at',
        series: 'series',
        e: 'exp(-value / 50)',
        s: 'sin(value) * cos(value / 3)',
        l: 'ln(value + 1)',
        p: '(value + 1) ^ 1.37',
      },
      onError: 'skip',
    },
    day({ e: 'sum(e)', s: 'avg(s)', l: 'max(atan2(l, s))', p: 'min(atan(p / 100) + cbrt(p))' }, { series: 'series' }),
    { select: { window_end: 'window_end', series: 'series', all: 'e + s + l + p', text: '(e / p)::text' } },
  ],
  'rows that fail': [
    { select: { at: 'at', series: 'series', inverse: '1 / (value::integer % 5)' }, onError: 'skip' },
    day({ total: 'sum(inverse)', n: 'count(*)' }, { series: 'series', weekday: 'extract(dow FROM at)::integer' }),
  ],
  'no aggregate: times and texts': [
    {
      filter: 'value > 40',
      select: { at: 'at', hour: "date_trunc('hour', at)", text: "at::text || ' ' || value::text" },
    },
  ],
};

describe.skipIf(missing !== undefined)(
  `compiled cells in wasmtime${missing === undefined ? '' : `: ${missing}`}`,
  () => {
    let directory: string;
    let wasmtime: Wasmtime;
    let count = 0;

    beforeAll(async () => {
      await loadParser();
      directory = mkdtempSync(join(tmpdir(), 'cs-runtimes-'));
      wasmtime = new Wasmtime();
    });
    afterAll(() => {
      wasmtime?.stop();
      if (directory !== undefined) rmSync(directory, { recursive: true });
    });

    /** V8 and wasmtime in turn, changing in front of each event of `cuts` (rising). */
    async function inTurn(plan: CellPlan, events: readonly Event[], cuts: readonly number[]): Promise<Ended> {
      const handed = new HandedCell(plan);
      const run = new Run(plan);
      let cell = openCompiledCell(plan);
      for (const [turn, from] of [0, ...cuts].entries()) {
        const part = events.slice(from, cuts[turn] ?? events.length);
        if (turn % 2 === 0) {
          run.drive(cell, part);
          continue;
        }
        const image = keptImage(cell);
        expect(image.module).toBe(handed.digest);
        cell.close();
        const place = join(directory, String(count++));
        handed.write(place, image, part);
        await wasmtime.run(place);
        const returned = handed.read(place);
        for (const { port, batch } of returned.batches) run.take(port, batch);
        cell = openCompiledCell(plan);
        cell.state?.restoreImage?.(returned.image);
        expect(cell.counters().late).toBe(returned.late);
        rmSync(place, { recursive: true });
      }
      const { late, errors } = cell.counters();
      cell.close();
      return { bits: run.bits, late, errors };
    }

    it.each(Object.entries(CHAINS))('go on with real readings from any cut, and back: %s', async (_, operators) => {
      const plan = chainOf(READINGS, operators);
      const events = readings();
      const expected = uncut(plan, events);
      expect(expected.bits.length).toBeGreaterThan(3);
      const cuts = fc.uniqueArray(fc.integer({ min: 1, max: events.length }), { minLength: 3, maxLength: 4 });
      await fc.assert(
        fc.asyncProperty(cuts, async (some) => {
          expect(
            await inTurn(
              plan,
              events,
              some.toSorted((a, b) => a - b),
            ),
          ).toEqual(expected);
        }),
        { numRuns: 3 },
      );
    });

    it('go on with generated chains and hostile values', async () => {
      let valid = 0;
      await fc.assert(
        fc.asyncProperty(chainCase, fc.nat(), async (sample, seed) => {
          const operators = sample.operators.map((text) => ({ ...text, onError: 'skip' as const }));
          const plan = planOf(sample.schema, operators);
          if (plan === undefined) return;
          valid += 1;
          const events = eventsOf(sample, 100);
          const first = seed % events.length;
          const second = first + 1 + (seed % (events.length - first));
          expect(await inTurn(plan, events, [first, second])).toEqual(uncut(plan, events));
        }),
        { numRuns: 30 },
      );
      expect(valid).toBeGreaterThan(15);
    });
  },
);

/** Undefined for the few generated texts that are no valid SQL here. */
function planOf(schema: Schema, operators: readonly OperatorText[]): CellPlan | undefined {
  try {
    return chainOf(schema, operators);
  } catch {
    return undefined;
  }
}
