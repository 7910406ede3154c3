/** A checkpoint taken by some fragments goes on in others: more partitions, fewer, another graph around the same operator. */
import { describe, expect, it } from 'vitest';
import { Ledger } from '../../test/kit/ledger.ts';
import { MemoryCheckpoints } from '../../test/kit/memory-checkpoints.ts';
import type { Row } from '../../test/kit/memory-connector.ts';
import { MemoryTransport } from '../../test/kit/memory-transport.ts';
import { build } from '../../test/kit/tables.ts';
import type { Schema } from '../batch/types.ts';
import { openCell } from '../cell/open.ts';
import { distribute } from '../compile/distribute.ts';
import type { DistributedPlan, Host } from '../compile/fragment-plan.ts';
import { neededFragments } from './checkpoint/needed-fragments.ts';
import { planOrThrow, prepareText } from './prepare.ts';
import { EmbeddedRun } from './run/embedded-run.ts';
import { ThreadHost } from './run/thread-host.ts';

const SCHEMA: Schema = {
  fields: [
    { name: 'machine', type: { kind: 'utf8' }, nullable: true },
    { name: 'at', type: { kind: 'timestamp', unit: 'ms' }, nullable: true },
    { name: 'value', type: { kind: 'int64' }, nullable: true },
  ],
  time: 1,
};

const graph = (filter: string): string => `
apiVersion: cloudskin.dev/v1
kind: Dataflow
metadata: { name: redeal }
spec:
  sources:
    readings: { ledger: {}, schema: { machine: utf8, at: "timestamp[ms]", value: int64 }, time: { column: at } }
  operators:
    ${filter}
    minutes:
      from: ${filter === '' ? 'readings' : 'some'}
      window: { tumbling: 1m }
      groupBy: [machine]
      aggregate: { sum: sum(value), least: min(value), rows: count(*) }
  sinks:
    shown: { from: minutes, ledger: {} }
`;

const PLAIN = graph('');
const FILTERED = graph('some: { from: readings, filter: "value >= 0" }');

function ledgerOf(): Ledger {
  const rows = Array.from({ length: 600 }, (_, row): Row => {
    return [`m${(row * 31) % 17}`, 1_700_000_000_000n + BigInt(row * 700), BigInt((row * 7919) % 1000)];
  });
  return new Ledger({ readings: { partitions: [build(SCHEMA, rows)], rows: 40 } });
}

async function planFor(text: string, ledger: Ledger, partitions: number): Promise<DistributedPlan> {
  const logical = planOrThrow(
    await prepareText(text, 'graph.yaml', { connectors: [ledger.connector], environment: {} }),
  );
  const hosts = Array.from({ length: partitions }, (_, worker): Host => ({ site: 'local', agent: 'local', worker }));
  const nodes = new Map(
    [...logical.sources, ...logical.operators, ...logical.sinks].map(({ name }) => {
      return [name, name === 'minutes' ? hosts : hosts.slice(0, 1)] as const;
    }),
  );
  const plan = distribute(logical, { nodes }, { revision: 1 });
  return { ...plan, fragments: plan.fragments.map((fragment) => ({ ...fragment, region: 'all' })) };
}

function regionOf(plan: DistributedPlan, ledger: Ledger, store: MemoryCheckpoints): EmbeddedRun {
  const transport = new MemoryTransport();
  const host = new ThreadHost({
    runtime: () => ({ connectors: [ledger.connector], openCell: (cell) => openCell(cell) }),
    transport: () => transport,
    store: (start) => ({
      saver: store.saver,
      load: async (id) => {
        const { manifest } = await store.newest(id);
        return neededFragments(manifest?.fragments ?? [], start.plan).map((name) => store.snapshot(id, name));
      },
    }),
  });
  return new EmbeddedRun(plan, { host, checkpoints: { store, every: 60_000 } });
}

interface Stage {
  readonly text: string;
  readonly partitions: number;
}

/** Each stage leaves off after some batches, the last one runs to the end. */
async function through(stages: readonly Stage[]): Promise<string[]> {
  const ledger = ledgerOf();
  const store = new MemoryCheckpoints();
  for (const [index, { text, partitions }] of stages.entries()) {
    const run = regionOf(await planFor(text, ledger, partitions), ledger, store);
    let batches = 0;
    ledger.onBatch = () => {
      if (++batches === 4 && index < stages.length - 1) run.stop();
    };
    await run.run();
    if (index > 0) expect(run.restored).toBeDefined();
  }
  return ledger.rows('shown').map(String).toSorted();
}

describe('a checkpoint of other fragments', () => {
  it('goes on in more partitions and in fewer', async () => {
    const whole = await through([{ text: PLAIN, partitions: 1 }]);
    expect(whole.length).toBeGreaterThan(100);
    const counts = [
      [2, 3],
      [3, 2],
      [2, 2],
      [4, 3, 2, 3],
      [1, 2],
      [2, 1],
      [1, 3, 1, 2],
    ];
    for (const each of counts) {
      expect(await through(each.map((partitions) => ({ text: PLAIN, partitions })))).toEqual(whole);
    }
  });

  it('goes on where another operator has been put in front of the one that has state', async () => {
    const whole = await through([{ text: PLAIN, partitions: 1 }]);
    const stages = [PLAIN, FILTERED, PLAIN].map((text) => ({ text, partitions: 1 }));
    expect(await through(stages)).toEqual(whole);
  });

  it('goes on where steps come and go beside a component in its entry', async () => {
    const component = 'component: anomaly, config: { key: machine, value: value, window: 24, minimum: 6 }';
    const scored = (before: string, after: string): string =>
      PLAIN.replace(
        /minutes:.*sinks:/s,
        `minutes: { from: readings, ${before}groupBy: [machine], ${component}${after} }\n  sinks:`,
      );
    const alone = scored('', '');
    const whole = await through([{ text: alone, partitions: 1 }]);
    expect(whole).toHaveLength(600);
    const filtered = scored('filter: "value >= 0", ', '');
    const having = scored('', ', having: "value >= 0"');
    const both = scored('filter: "value >= 0", ', ', having: "value >= 0"');
    const stages = (...of: readonly (readonly [string, number])[]) =>
      of.map(([text, partitions]) => ({ text, partitions }));
    for (const each of [
      stages([alone, 1], [having, 1]),
      stages([having, 1], [alone, 1]),
      stages([both, 1], [both, 2], [alone, 2], [filtered, 1], [both, 3]),
    ]) {
      expect(await through(each)).toEqual(whole);
    }
  });

  it('goes on with a component that is configured otherwise by its logical form, not with an image of the former one', async () => {
    const scored = (threshold: number): string =>
      PLAIN.replace(
        /minutes:.*sinks:/s,
        `minutes: { from: readings, component: anomaly, config: { key: machine, value: value, minimum: 2, threshold: ${threshold} } }\n  sinks:`,
      );
    const stage = (threshold: number): Stage => ({ text: scored(threshold), partitions: 1 });
    const anomalous = async (...stages: readonly Stage[]): Promise<number> =>
      (await through(stages)).filter((row) => row.includes(',true,')).length;
    const all = await anomalous(stage(0));
    expect([await anomalous(stage(1e9)), all > 300]).toEqual([0, true]);
    expect(await anomalous(stage(1e9), stage(0))).toBeGreaterThan(all / 2);
  });
});
