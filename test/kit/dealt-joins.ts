/** A graph of joins, and of a component with two inputs and two outputs, whose rows are the same however its nodes are dealt to threads. */
import type { Schema } from '../../engine/batch/types.ts';
import { openCell } from '../../engine/cell/open.ts';
import { distribute } from '../../engine/compile/distribute.ts';
import type { DistributedPlan } from '../../engine/compile/fragment-plan.ts';
import { fuse } from '../../engine/compile/fuse.ts';
import type { LogicalPlan } from '../../engine/graph/plan.ts';
import { planOrThrow, prepareText } from '../../engine/runtime/prepare.ts';
import { Deployment } from '../../engine/runtime/run/deployment.ts';
import type { Choices } from './dealt-graph.ts';
import { guestComponent, withFile } from './guests.ts';
import { Ledger } from './ledger.ts';
import type { Row } from './memory-connector.ts';
import { build } from './tables.ts';

export const ORDERS: Schema = {
  fields: [
    { name: 'id', type: { kind: 'int32' }, nullable: true },
    { name: 'at', type: { kind: 'timestamp', unit: 'ms' }, nullable: true },
    { name: 'city', type: { kind: 'utf8' }, nullable: true },
  ],
  time: 1,
};
export const PAYMENTS: Schema = {
  fields: [
    { name: 'order_id', type: { kind: 'int64' }, nullable: true },
    { name: 'at', type: { kind: 'timestamp', unit: 'ms' }, nullable: true },
    { name: 'amount', type: { kind: 'int64' }, nullable: true },
    { name: 'town', type: { kind: 'utf8' }, nullable: true },
  ],
  time: 1,
};

/** `wide`: a key is cast, so that equal keys of int32 and int64 have to be dealt alike. `towns`: keys are computed on one side. */
export const GRAPH = `
apiVersion: cloudskin.dev/v1
kind: Dataflow
metadata: { name: dealt }
spec:
  sources:
    orders: { ledger: {}, schema: { id: int32, at: "timestamp[ms]", city: utf8 }, time: { column: at } }
    payments: { ledger: {}, schema: { order_id: int64, at: "timestamp[ms]", amount: int64, town: utf8 }, time: { column: at } }
  operators:
    valid: { from: payments, filter: "amount <> 13" }
    wide:
      from: { a: orders, b: valid }
      join: { where: "a.id = b.order_id AND b.amount > 5" }
      window: { tumbling: 10s }
      having: "amount < 38"
      select: { id: a.id, at: a.at, city: a.city, amount: b.amount, window_end: window_end }
    towns:
      from: { a: orders, b: payments }
      join: { where: "a.city = upper(b.town)" }
      window: { tumbling: 5s }
      select: { id: a.id, order_id: b.order_id, at: b.at, window_end: window_end }
    sums: { from: wide, window: { tumbling: 20s }, groupBy: [id], aggregate: { total: sum(amount), pairs: count(*) } }
    plain:
      from: { a: wide, b: valid }
      join: { where: "a.id = b.order_id" }
      window: { tumbling: 10s }
      select: { id: a.id, one: a.amount, other: b.amount }
  sinks:
    a: { from: wide, ledger: {} }
    b: { from: towns, ledger: {} }
    c: { from: sums, ledger: {} }
    d: { from: plain, ledger: {} }
`;

export const SINKS: readonly string[] = ['a', 'b', 'c', 'd'];
const START = 1_700_000_000_000;

export function orders(count: number, seed: number): Row[] {
  return Array.from({ length: count }, (_, row): Row => {
    const id = (row * 31 + seed) % 11;
    return [id === 4 ? null : id, BigInt(START + Math.floor(row / 11) * 3_000 + seed), `C${row % 7}`];
  });
}

export function payments(count: number, seed: number): Row[] {
  return orders(count, seed).map(([id, at], row): Row => {
    return [
      id === null || id === undefined ? null : BigInt(Number(id)),
      at ?? null,
      BigInt((row * 17) % 40),
      `c${row % 5}`,
    ];
  });
}

export function ledger(): Ledger {
  const both = [1, 2].map((seed) => build(ORDERS, orders(150, seed)));
  return new Ledger({
    orders: { partitions: both, rows: 40 },
    payments: { partitions: [build(PAYMENTS, payments(150, 5))], rows: 30 },
  });
}

export async function planned(of: Ledger, graph: string = GRAPH): Promise<LogicalPlan> {
  return planOrThrow(await prepareText(graph, 'graph.yaml', { connectors: [of.connector], environment: {} }));
}

export const sorted = (of: Ledger, sinks: readonly string[] = SINKS): string[][] =>
  sinks.map((sink) => of.rows(sink).map(String).sort());

export async function whole(graph: string = GRAPH, sinks: readonly string[] = SINKS): Promise<string[][]> {
  const own = ledger();
  await new Deployment(fuse(await planned(own, graph)), {
    connectors: [own.connector],
    openCell: (cell) => openCell(cell),
  }).run();
  return sorted(own, sinks);
}

/** `GRAPH` with a component that hands out by two outputs what came in by two inputs, each batch when the next one has come. */
export const heldGraph: (component: string) => string = (component) =>
  GRAPH.replace('  sinks:', `    held: { from: { a: wide, b: valid }, component: ${component} }\n  sinks:`) +
  '    e: { from: held, ledger: {} }\n    f: { from: held.second, ledger: {} }\n';

export const HELD_SINKS: readonly string[] = [...SINKS, 'e', 'f'];

/** Calls `use` with the path of the component of `heldGraph`. */
export async function withHolder<T>(use: (path: string) => Promise<T>): Promise<T> {
  const bytes = await guestComponent({
    pages: 6,
    extra: HOLDER_DATA,
    init: HOLDER_INIT,
    process: HOLDER_PROCESS,
    onEnd: HOLDER_END,
  });
  return withFile(bytes, 'holder.wasm', use);
}

const HOLDER_DATA = '(data (i32.const 3072) "second")';

/** Outputs are the inputs, in their order. */
const HOLDER_INIT = `
  (i32.store8 (i32.const 1008) (i32.const 0))
  (i32.store (i32.const 1012) (i32.const 1024))
  (i32.store (i32.const 1016) (i32.const 2))
  (i32.store (i32.const 1028) (i32.const 0))
  (i32.store (i32.const 1032) (i32.load offset=8 (local.get $inputs)))
  (i32.store (i32.const 1036) (i32.load offset=12 (local.get $inputs)))
  (i32.store (i32.const 1040) (i32.const 3072))
  (i32.store (i32.const 1044) (i32.const 6))
  (i32.store (i32.const 1048) (i32.load offset=24 (local.get $inputs)))
  (i32.store (i32.const 1052) (i32.load offset=28 (local.get $inputs)))
  (i32.const 1008)`;

/** What is held of an input lies at 131072 times its number from 1 on, its length at 3080 and 3084; what goes out 65536 behind it. */
const HOLDER_PROCESS = `
  (local $held i32) (local $kept i32) (local $size i32)
  (local.set $held (i32.mul (i32.add (local.get $input) (i32.const 1)) (i32.const 131072)))
  (local.set $kept (i32.add (i32.const 3080) (i32.mul (local.get $input) (i32.const 4))))
  (local.set $size (i32.load (local.get $kept)))
  (memory.copy (i32.add (local.get $held) (i32.const 65536)) (local.get $held) (local.get $size))
  (memory.copy (local.get $held) (local.get $at) (local.get $length))
  (i32.store (local.get $kept) (local.get $length))
  (i32.store8 (i32.const 1008) (i32.const 0))
  (i32.store (i32.const 1012) (i32.const 1060))
  (i32.store (i32.const 1016) (i32.ne (local.get $size) (i32.const 0)))
  (i32.store (i32.const 1060) (local.get $input))
  (i32.store (i32.const 1064) (i32.add (local.get $held) (i32.const 65536)))
  (i32.store (i32.const 1068) (local.get $size))
  (i32.const 1008)`;

const HOLDER_END = `
  (i32.store8 (i32.const 1008) (i32.const 0))
  (i32.store (i32.const 1012) (i32.const 1060))
  (i32.store (i32.const 1016) (i32.const 2))
  (i32.store (i32.const 1060) (i32.const 0))
  (i32.store (i32.const 1064) (i32.const 131072))
  (i32.store (i32.const 1068) (i32.load (i32.const 3080)))
  (i32.store (i32.const 1072) (i32.const 1))
  (i32.store (i32.const 1076) (i32.const 262144))
  (i32.store (i32.const 1080) (i32.load (i32.const 3084)))
  (i32.const 1008)`;

export function placedOn(plan: LogicalPlan, choices: Choices): DistributedPlan {
  const nodes = new Map([
    ...[...plan.sources, ...plan.operators].map(({ name }, index) => {
      const own = choices[index % choices.length] ?? [];
      return [name, name === 'held' ? own.slice(0, 1) : own] as const;
    }),
    ...plan.sinks.map(({ name }) => [name, (choices[0] ?? []).slice(0, 1)] as const),
  ]);
  return distribute(plan, { nodes }, { revision: 1 });
}
