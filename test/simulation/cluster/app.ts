/** The app that simulated clusters run, its input, and what has to come out of it. */
import type { Batch } from '../../../engine/batch/batch.ts';
import type { Schema } from '../../../engine/batch/types.ts';
import type { LogicalPlan } from '../../../engine/graph/plan.ts';
import { planOrThrow, prepareText } from '../../../engine/runtime/prepare.ts';
import { build } from '../../kit/tables.ts';
import { outsideConnector } from './outside.ts';

export type Row = readonly (bigint | string)[];

const SCHEMA: Schema = {
  fields: [
    { name: 'key', type: { kind: 'utf8' }, nullable: true },
    { name: 'at', type: { kind: 'timestamp', unit: 'ms' }, nullable: true },
    { name: 'value', type: { kind: 'int64' }, nullable: true },
  ],
  time: 1,
};

/**
 * `across`: sources at two sites of the edge, the rest in the cloud. `cloud`: all in the cloud, where any agent may take over from another. `durable`: a region at the
 * edge, whose output goes to one in the cloud by a durable stream.
 */
export type Variant = 'across' | 'cloud' | 'durable';

const PLACES: Readonly<Record<Variant, string>> = {
  across: 'north: { site: north }, south: { site: south }, valid: { tier: cloud }',
  cloud: 'north: { tier: cloud }, south: { tier: cloud, apart: [north] }, valid: { tier: cloud }',
  durable: 'north: { site: north }, south: { site: south }, valid: { site: north }',
};

export function regionsOf(variant: Variant): number {
  return variant === 'durable' ? 2 : 1;
}

/** Two sources, a filter, sums by key and window, and two sinks. */
const graph = (variant: Variant): string => `
apiVersion: cloudskin.dev/v1
kind: Dataflow
metadata: { name: plant }
spec:
  checkpoint: { every: 1s, keep: 3 }
  sources:
    north: { outside: {}, schema: { key: utf8, at: "timestamp[ms]", value: int64 }, time: { column: at } }
    south: { outside: {}, schema: { key: utf8, at: "timestamp[ms]", value: int64 }, time: { column: at } }
  operators:
    valid: { from: [north, south], filter: "value % 5 <> 3"${variant === 'durable' ? ', durable: true' : ''} }
    sums: { from: valid, window: { tumbling: 1s }, groupBy: [key], aggregate: { total: sum(value), rows: count(*) } }
  sinks:
    rows: { from: valid, outside: {} }
    totals: { from: sums, outside: {} }
  placement:
    { ${PLACES[variant]}, sums: { tier: cloud }, rows: { tier: cloud }, totals: { tier: cloud } }
`;

export const SOURCES = ['north', 'south'] as const;
export const BATCHES = 60;
const ROWS = 3;
const START = 1_700_000_000_000;
/** Milliseconds of event time from row to row. */
const STEP = 130;

/** Of a source, all its rows: values rise, keys are the source's own, so that order by key means something. */
function rowsOf(source: string): Row[] {
  const offset = SOURCES.indexOf(source as 'north') * 40;
  return Array.from({ length: BATCHES * ROWS }, (_, index): Row => {
    const key = `${source}-${(index * 7) % 4}`;
    return [key, BigInt(START + offset + index * STEP), BigInt(index)];
  });
}

const batches = new Map<string, Batch[]>();

export function batchesOf(source: string): readonly Batch[] {
  const known = batches.get(source);
  if (known !== undefined) return known;
  const rows = rowsOf(source);
  const made = Array.from({ length: BATCHES }, (_, index) =>
    build(SCHEMA, rows.slice(index * ROWS, (index + 1) * ROWS)),
  );
  batches.set(source, made);
  return made;
}

/** What the sinks have to show in the end, each row as text; of `rows` in order by key. */
export function expectedRows(): { readonly rows: readonly string[]; readonly totals: readonly string[] } {
  const all = SOURCES.flatMap((source) => rowsOf(source)).filter(([, , value]) => Number(value) % 5 !== 3);
  const sums = new Map<string, { total: bigint; rows: bigint }>();
  for (const [key, at, value] of all) {
    const start = BigInt(Math.floor(Number(at) / 1000) * 1000);
    const name = `${start}|${start + 1000n}|${key}`;
    const sum = sums.get(name) ?? { total: 0n, rows: 0n };
    sums.set(name, { total: sum.total + BigInt(value ?? 0), rows: sum.rows + 1n });
  }
  return { rows: all.map(textOf), totals: [...sums].map(([name, { total, rows }]) => `${name}|${total}|${rows}`) };
}

export function textOf(row: readonly unknown[]): string {
  return row.join('|');
}

const plans = new Map<Variant, Promise<LogicalPlan>>();

export function appPlan(variant: Variant): Promise<LogicalPlan> {
  const connectors = [outsideConnector(undefined)];
  const plan =
    plans.get(variant) ??
    prepareText(graph(variant), '<simulation>', { connectors, environment: {} }).then(planOrThrow);
  plans.set(variant, plan);
  return plan;
}

/** Resolves when all of them are there. */
export async function appPlans(): Promise<void> {
  await Promise.all((Object.keys(PLACES) as Variant[]).map(appPlan));
}
