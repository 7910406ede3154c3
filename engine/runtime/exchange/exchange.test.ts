/** Fragments that exchange rows both ways: the output of one, alignment of slow channels, back-pressure, recovery of all together. */

import { describe, expect, it } from 'vitest';
import { exchanging } from '../../../test/kit/exchange.ts';
import { Ledger } from '../../../test/kit/ledger.ts';
import { ManualPorts } from '../../../test/kit/manual-ports.ts';
import { MemoryCheckpoints } from '../../../test/kit/memory-checkpoints.ts';
import type { Row } from '../../../test/kit/memory-connector.ts';
import { MemoryTransport } from '../../../test/kit/memory-transport.ts';
import { build } from '../../../test/kit/tables.ts';
import type { Schema } from '../../batch/types.ts';
import { openCell } from '../../cell/open.ts';
import type { DistributedPlan } from '../../compile/fragment-plan.ts';
import { fuse } from '../../compile/fuse.ts';
import { defined } from '../../defined.ts';
import type { LogicalPlan } from '../../graph/plan.ts';
import { Fragment } from '../fragment/fragment.ts';
import { planOrThrow, prepareText } from '../prepare.ts';
import { Deployment } from '../run/deployment.ts';
import { EmbeddedRun } from '../run/embedded-run.ts';
import { ThreadHost } from '../run/thread-host.ts';

const SCHEMA: Schema = {
  fields: [
    { name: 'machine', type: { kind: 'utf8' }, nullable: true },
    { name: 'at', type: { kind: 'timestamp', unit: 'ms' }, nullable: true },
    { name: 'value', type: { kind: 'float64' }, nullable: true },
  ],
  time: 1,
};

const GRAPH = `
apiVersion: cloudskin.dev/v1
kind: Dataflow
metadata: { name: exchange }
spec:
  sources:
    readings: { ledger: {}, schema: { machine: utf8, at: "timestamp[ms]", value: float64 }, time: { column: at } }
  operators:
    valid: { from: readings, filter: "value > -90" }
    tens:
      from: valid
      window: { tumbling: 10s }
      groupBy: [machine]
      aggregate: { least: min(value), rows: count(*), last: max(at) }
  sinks:
    all: { from: valid, ledger: {} }
    shown: { from: tens, ledger: {} }
`;

const START = 1_700_000_000_000;

/** Rows of eleven machines in order of time; `seed` shifts values. */
function readings(count: number, seed: number): Row[] {
  let now = START;
  return Array.from({ length: count }, (_, row): Row => {
    now += (row * 7919 + seed) % 1700;
    return [row % 12 === 0 ? null : `m${(row * 31 + seed) % 11}`, BigInt(now), ((row * 17 + seed) % 200) - 95];
  });
}

function ledgerOf(rows: number): Ledger {
  const partitions = [readings(400, 1), readings(300, 2), readings(350, 3)].map((part) => build(SCHEMA, part));
  return new Ledger({ readings: { partitions, rows } });
}

async function logicalOf(ledger: Ledger): Promise<LogicalPlan> {
  return planOrThrow(await prepareText(GRAPH, 'graph.yaml', { connectors: [ledger.connector], environment: {} }));
}

const sorted = (ledger: Ledger): unknown => ['all', 'shown'].map((sink) => ledger.rows(sink).map(String).sort());

async function whole(): Promise<unknown> {
  const ledger = ledgerOf(50);
  const plan = fuse(await logicalOf(ledger));
  await new Deployment(plan, { connectors: [ledger.connector], openCell: (cell) => openCell(cell) }).run();
  expect(ledger.rows('shown').length).toBeGreaterThan(100);
  return sorted(ledger);
}

async function dealt(ledger: Ledger, maxBytes?: number): Promise<DistributedPlan> {
  const options = defined({ maxBytes });
  return exchanging(await logicalOf(ledger), { first: ['valid'], key: 0, ...options });
}

interface Setup {
  readonly run: EmbeddedRun;
  readonly transport: MemoryTransport;
}

function regionOf(plan: DistributedPlan, ledger: Ledger, store?: MemoryCheckpoints, ports?: ManualPorts): Setup {
  const transport = new MemoryTransport();
  const shared = defined({ ports });
  const host = new ThreadHost({
    runtime: () => ({ connectors: [ledger.connector], openCell: (cell) => openCell(cell), ...shared }),
    transport: () => transport,
    ...(store === undefined
      ? {}
      : {
          store: ({ plan: { name } }) => ({
            saver: store.saver,
            load: async (id) => [store.snapshot(id, name)],
          }),
        }),
  });
  const checkpoints = store === undefined ? {} : { checkpoints: { store, every: 1_000 } };
  return { run: new EmbeddedRun(plan, { host, ...shared, ...checkpoints }), transport };
}

describe('fragments that exchange rows both ways', () => {
  it('give together what one gives', async () => {
    const ledger = ledgerOf(50);
    const { run } = regionOf(await dealt(ledger), ledger);
    const summary = await run.run();
    expect(sorted(ledger)).toEqual(await whole());
    expect(summary.metrics).toMatchObject({
      state: 'ended',
      rowsIn: 1050,
      rowsOut: ledger.rows('all').length + ledger.rows('shown').length,
    });
    expect(summary.sinks.map(({ name }) => name)).toEqual(['all', 'all', 'shown', 'shown']);
  });

  it('keep the rows of a key in order, all in one place', async () => {
    const ledger = ledgerOf(50);
    await regionOf(await dealt(ledger), ledger).run.run();
    const times = new Map<unknown, bigint[]>();
    for (const [machine, at] of ledger.rows('shown')) times.set(at, [...(times.get(at) ?? []), machine as bigint]);
    const keys = ledger.rows('shown').map((row) => `${row[0]} ${row[2]}`);
    expect(new Set(keys).size).toBe(keys.length);
  });

  it('do with a few bytes in each channel, whoever has to wait', async () => {
    const ledger = ledgerOf(7);
    await regionOf(await dealt(ledger, 1), ledger).run.run();
    expect(sorted(ledger)).toEqual(await whole());
  });

  it('go on together from a checkpoint that was taken in the middle, and lose or repeat nothing', async () => {
    const expected = await whole();
    for (const at of [1, 5, 11]) {
      const ledger = ledgerOf(50);
      const plan = await dealt(ledger);
      const store = new MemoryCheckpoints();
      const ports = new ManualPorts();
      const first = regionOf(plan, ledger, store, ports);
      let batches = 0;
      const gate = Promise.withResolvers<void>();
      ledger.onBatch = () => (++batches >= at ? gate.promise : undefined);
      const running = first.run.run().catch((error: unknown) => error);
      await ports.advance(1_000);
      expect(store.ids).toEqual([1]);
      // Some more rows that will be lost with the run.
      const never = new Promise<void>(() => undefined);
      ledger.onBatch = () => (++batches >= at + 8 ? never : undefined);
      gate.resolve();
      await ports.settle();
      first.run.abort();
      ledger.onBatch = () => undefined;
      expect(await running).toMatchObject({ code: 'run.aborted' });
      const second = regionOf(plan, ledger, store);
      await second.run.run();
      expect(second.run.restored).toBe(store.ids[0]);
      expect(sorted(ledger)).toEqual(expected);
    }
  });

  it('leave off at a checkpoint when stopped, without flushing windows, and go on as if nothing had been', async () => {
    const ledger = ledgerOf(10);
    const plan = await dealt(ledger);
    const store = new MemoryCheckpoints();
    let batches = 0;
    const { run } = regionOf(plan, ledger, store);
    ledger.onBatch = () => {
      if (++batches === 20) run.stop();
    };
    expect((await run.run()).stopped).toBe(true);
    expect(store.ids).toHaveLength(1);
    ledger.onBatch = () => undefined;
    await regionOf(plan, ledger, store).run.run();
    expect(sorted(ledger)).toEqual(await whole());
  });

  it('end though the last acknowledgement is lost, and whoever could give it again has ended', async () => {
    const ledger = ledgerOf(50);
    const { run, transport } = regionOf(await dealt(ledger), ledger, new MemoryCheckpoints());
    transport.deafen('first-0-second-1');
    await run.run();
    expect(sorted(ledger)).toEqual(await whole());
  });

  it('say when a checkpoint is given up, and go on', async () => {
    const ledger = ledgerOf(50);
    const store = new MemoryCheckpoints();
    const ports = new ManualPorts();
    const gate = Promise.withResolvers<void>();
    ledger.onBatch = (_source, _partition, batches) => (batches === 1 ? gate.promise : undefined);
    const { run } = regionOf(await dealt(ledger), ledger, store, ports);
    store.broken = new Error('no space');
    const running = run.run();
    await ports.advance(1_500);
    store.broken = undefined;
    gate.resolve();
    await ports.settle();
    await ports.advance(1_500);
    await running;
    expect(store.ids.every((id) => id > 1)).toBe(true);
    expect(sorted(ledger)).toEqual(await whole());
  });
});

describe('alignment at inlets', () => {
  it('reads a channel no further than its barrier until a slow one has delivered it, and sends the barrier on with the cut', async () => {
    const ledger = ledgerOf(50);
    const plan = await dealt(ledger);
    const transport = new MemoryTransport();
    const store = new MemoryCheckpoints();
    const saved: string[] = [];
    transport.hold('first-1-second-0');
    const gate = Promise.withResolvers<void>();
    ledger.onBatch = (_source, _partition, batches) => (batches === 2 ? gate.promise : undefined);
    const fragments = plan.fragments.map((one) => {
      const fragment: Fragment = new Fragment(one, {
        runtime: { connectors: [ledger.connector], openCell: (cell) => openCell(cell) },
        channels: { epoch: 1, peers: new Map(), transport: () => transport },
        saver: store.saver,
        events: { saved: (id) => saved.push(`${one.name} ${id}`) },
      });
      return fragment;
    });
    const running = fragments.map((fragment) => fragment.run().catch(() => undefined));
    const ports = new ManualPorts();
    await ports.settle();
    for (const fragment of fragments) fragment.checkpoint(1);
    gate.resolve();
    await ports.settle();
    await ports.settle();
    expect(saved.toSorted()).toEqual(['first-0 1', 'first-1 1', 'second-1 1']);
    expect(transport.waiting('first-0-second-0').length).toBeGreaterThan(0);
    transport.release('first-1-second-0');
    await ports.settle();
    await ports.settle();
    expect(saved).toContain('second-0 1');
    expect(transport.waiting('first-0-second-0')).toEqual([]);
    await Promise.all(fragments.map((fragment) => fragment.stop('discard')));
    await Promise.all(running);
  });
});
