/** A graph whose plan changes while rows flow gives the rows that it gives in one thread, whatever happens on the way. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { openCell } from '../../engine/cell/open.ts';
import type { CellPlan } from '../../engine/compile/cell-plan.ts';
import { distribute } from '../../engine/compile/distribute.ts';
import type { DistributedPlan } from '../../engine/compile/fragment-plan.ts';
import { fuse } from '../../engine/compile/fuse.ts';
import type { LogicalPlan } from '../../engine/graph/plan.ts';
import { type Ports, realPorts } from '../../engine/ports.ts';
import type { FragmentStart } from '../../engine/runtime/fragment-handle.ts';
import { planOrThrow, prepareText } from '../../engine/runtime/prepare.ts';
import type { ChangeReceipt } from '../../engine/runtime/run/change.ts';
import { Deployment } from '../../engine/runtime/run/deployment.ts';
import { EmbeddedRun } from '../../engine/runtime/run/embedded-run.ts';
import { ThreadHost } from '../../engine/runtime/run/thread-host.ts';
import type { CheckpointHead, FragmentReceipt } from '../../engine/state/checkpoint/checkpoints.ts';
import { ThreadTransport } from '../../engine/transport/thread.ts';
import { anyHosts, changing, receiptsOf, sums, withSourcesOf } from '../kit/changes.ts';
import { hosts, on } from '../kit/dealt.ts';
import { type Choices, ledger, placedOn, planned, sorted, whole } from '../kit/dealt-graph.ts';
import * as joins from '../kit/dealt-joins.ts';
import type { Ledger } from '../kit/ledger.ts';
import { MemoryCheckpoints } from '../kit/memory-checkpoints.ts';

type Opening = (cell: CellPlan, start: FragmentStart) => ReturnType<typeof openCell>;

function runOn(
  plan: DistributedPlan,
  own: Ledger,
  store: MemoryCheckpoints,
  open: Opening = (cell) => openCell(cell),
  ports: Ports = realPorts,
): EmbeddedRun {
  const transport = new ThreadTransport();
  const host = new ThreadHost({
    runtime: (start) => ({ connectors: [own.connector], openCell: (cell) => open(cell, start), ports }),
    transport: () => transport,
    isHere: () => true,
    store: () => ({ saver: store.saver, load: async (id: number) => store.snapshots(id) }),
  });
  return new EmbeddedRun(plan, { host, checkpoints: { store, every: 60_000 } });
}

describe('a graph whose plan changes while rows flow', () => {
  it('gives the rows that it gives in one thread, and counts them once', async () => {
    const expected = await whole();
    const still = ledger();
    const { metrics } = await runOn(
      placedOn(
        await planned(still),
        Array.from({ length: 9 }, () => on(0)),
      ),
      still,
      new MemoryCheckpoints(),
    ).run();
    const changes = fc.array(fc.tuple(anyHosts, fc.integer({ min: 1, max: 7 })), { minLength: 1, maxLength: 3 });
    let done = 0;
    await fc.assert(
      fc.asyncProperty(anyHosts, changes, async (before, after) => {
        const own = ledger();
        const plan = await planned(own);
        const run = runOn(placedOn(plan, before), own, new MemoryCheckpoints());
        const plans = after.map(([choices, at]) => [placedOn(plan, withSourcesOf(before, choices)), at] as const);
        done += receiptsOf(await changing(own, run, plans)).length;
        expect(sorted(own)).toEqual(expected);
        expect(sums(run.metrics())).toEqual(sums(metrics));
      }),
      { numRuns: 2, interruptAfterTimeLimit: 60_000 },
    );
    expect(done).toBeGreaterThan(0);
  });

  it('goes on after a kill as the handover left it, whether its checkpoint was complete or not', async () => {
    const expected = await whole();
    const when = fc.constantFrom('before', 'between', 'after');
    await fc.assert(
      fc.asyncProperty(anyHosts, anyHosts, fc.integer({ min: 1, max: 12 }), when, async (before, other, at, moment) => {
        const own = ledger();
        const plan = await planned(own);
        const after = placedOn(plan, withSourcesOf(before, other));
        const store = new MemoryCheckpoints();
        const first = runOn(placedOn(plan, before), own, store);
        const killed = new Error('killed');
        const { complete } = store;
        store.complete = async (head: CheckpointHead, receipts: readonly FragmentReceipt[]) => {
          if (moment !== 'before') await complete.call(store, head, receipts);
          if (moment !== 'after') first.abort();
          if (moment !== 'after') throw killed;
        };
        own.onBatch = (_source, _partition, batches) => {
          if (batches !== at) return;
          own.onBatch = () => undefined;
          first.change(after).then(
            () => first.abort(),
            () => undefined,
          );
        };
        await first.run().catch(() => undefined);
        own.onBatch = () => undefined;
        store.complete = complete;
        await runOn(after, own, store).run();
        expect(sorted(own)).toEqual(expected);
      }),
      { numRuns: 2, interruptAfterTimeLimit: 60_000 },
    );
  });

  const BEFORE: Choices = [on(0), on(0), on(0), on(1), on(1), on(1), on(1), on(1), on(1)];
  const AFTER: Choices = [on(0), on(0), on(0), on(2), on(2, 3), on(1), on(1), on(1), on(1)];

  it('says how long what moved stood still and what went over', async () => {
    const own = ledger();
    const plan = await planned(own);
    const run = runOn(placedOn(plan, BEFORE), own, new MemoryCheckpoints());
    const [receipt] = receiptsOf(await changing(own, run, [[placedOn(plan, AFTER), 3]]));
    expect(receipt?.carried).toBeGreaterThan(0);
    expect(receipt?.adopted).toBeGreaterThan(8);
    expect(receipt?.bytes).toBeGreaterThan(0);
    expect(receipt?.pause).toBeGreaterThan(0);
    expect(receipt?.total).toBeGreaterThanOrEqual(receipt?.pause ?? 0);
    expect(receipt?.completed).toBe(true);
  });

  it('is over at once where no row comes, since sources say how far they are', async () => {
    const own = ledger();
    const plan = await planned(own);
    const store = new MemoryCheckpoints();
    // whoever waits for a while waits for ever
    const timeless = { ...realPorts, after: () => ({ cancel: () => undefined }) };
    const run = runOn(placedOn(plan, BEFORE), own, store, undefined, timeless);
    const [asked, changed] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    own.onBatch = () => {
      asked.resolve();
      return changed.promise;
    };
    const running = run.run();
    await asked.promise;
    const receipt = await run.change(placedOn(plan, AFTER));
    expect(receipt).toMatchObject({ adopted: 15, carried: 3, completed: true });
    changed.resolve();
    await running;
    expect(sorted(own)).toEqual(await whole());
  });

  it('goes on as it was where the new plan cannot be prepared', async () => {
    const own = ledger();
    const plan = await planned(own);
    const run = runOn(placedOn(plan, BEFORE), own, new MemoryCheckpoints(), (cell, { takeover }) => {
      if (takeover !== undefined) throw new Error('no memory');
      return openCell(cell);
    });
    const [result] = await changing(own, run, [[placedOn(plan, AFTER), 3]]);
    expect(result).toMatchObject({ status: 'rejected', reason: { message: expect.stringMatching(/no memory/) } });
    expect(run.plan.fragments).toEqual(placedOn(plan, BEFORE).fragments);
    expect(sorted(own)).toEqual(await whole());
  });

  it('refuses to take a source or a sink to another thread, and goes on', async () => {
    const own = ledger();
    const plan = await planned(own);
    const run = runOn(placedOn(plan, BEFORE), own, new MemoryCheckpoints());
    const elsewhere: Choices = [on(2), ...BEFORE.slice(1)];
    const [result] = await changing(own, run, [[placedOn(plan, elsewhere), 3]]);
    expect(result).toMatchObject({ status: 'rejected', reason: { code: 'handover.stays' } });
    expect(sorted(own)).toEqual(await whole());
  });

  it('takes the state of what moved with it where the checkpoint of the handover cannot be saved', async () => {
    const own = ledger();
    const plan = await planned(own);
    const store = new MemoryCheckpoints();
    store.broken = new Error('disk full');
    const run = runOn(placedOn(plan, BEFORE), own, store);
    const changed = changing(own, run, [[placedOn(plan, AFTER), 3]]);
    own.onBatch = withMended(own, store, run);
    expect(receiptsOf(await changed)).toMatchObject([{ completed: false }]);
    expect(sorted(own)).toEqual(await whole());
  });
});

describe('joins and a component of several inputs and outputs, whose plan changes while rows flow', () => {
  const eight: fc.Arbitrary<Choices> = fc.array(hosts, { minLength: 8, maxLength: 8 });

  it('give the rows that they give in one thread, and count them once', async () => {
    await joins.withHolder(async (component) => {
      const graph = joins.heldGraph(component);
      const expected = await joins.whole(graph, joins.HELD_SINKS);
      const still = joins.ledger();
      const alone = Array.from({ length: 8 }, () => on(0));
      const plan = await joins.planned(still, graph);
      const { metrics } = await runOn(joins.placedOn(plan, alone), still, new MemoryCheckpoints()).run();
      const changes = fc.array(fc.tuple(eight, fc.integer({ min: 1, max: 4 })), { minLength: 1, maxLength: 3 });
      let done = 0;
      await fc.assert(
        fc.asyncProperty(eight, changes, async (before, after) => {
          const own = joins.ledger();
          const run = runOn(joins.placedOn(plan, before), own, new MemoryCheckpoints());
          const plans = after.map(
            ([choices, at]) => [joins.placedOn(plan, withSourcesOf(before, choices)), at] as const,
          );
          done += receiptsOf(await changing(own, run, plans)).length;
          expect(joins.sorted(own, joins.HELD_SINKS)).toEqual(expected);
          expect(sums(run.metrics())).toEqual(sums(metrics));
        }),
        { numRuns: 3, interruptAfterTimeLimit: 60_000 },
      );
      expect(done).toBeGreaterThan(0);
    });
  });
});

/** The disk has room again once the new plan runs. */
function withMended(own: Ledger, store: MemoryCheckpoints, run: EmbeddedRun): Ledger['onBatch'] {
  const { onBatch } = own;
  const before = run.plan;
  return (...batch) => {
    if (run.plan !== before) {
      void Promise.resolve().then(() => {
        store.broken = undefined;
      });
    }
    return onBatch(...batch);
  };
}

const COMPONENT = `
apiVersion: cloudskin.dev/v1
kind: Dataflow
metadata: { name: scored }
spec:
  sources:
    others: { ledger: {}, schema: { machine: utf8, at: "timestamp[ms]", value: int64, weight: float64 }, time: { column: at } }
  operators:
    score: { from: others, component: anomaly, config: { key: machine, value: weight, minimum: 2 } }
  sinks:
    a: { from: score, ledger: {} }
`;

describe('a component whose place changes while rows flow', () => {
  const scored = async (own: Ledger): Promise<LogicalPlan> =>
    planOrThrow(await prepareText(COMPONENT, 'graph.yaml', { connectors: [own.connector], environment: {} }));
  const at = (plan: LogicalPlan, ...workers: readonly number[]): DistributedPlan => {
    const nodes = new Map([
      ['others', on(0)],
      ['score', on(...workers)],
      ['a', on(0)],
    ]);
    return distribute(plan, { nodes }, { revision: 1 });
  };

  it('takes its memory there and back', async () => {
    const [still, own] = [ledger(), ledger()];
    await new Deployment(fuse(await scored(still)), {
      connectors: [still.connector],
      openCell: (cell) => openCell(cell),
    }).run();
    const plan = await scored(own);
    const run = runOn(at(plan, 1), own, new MemoryCheckpoints());
    const receipts: ChangeReceipt[] = [];
    own.onBatch = async (_source, _partition, batches) => {
      if (batches === 1) receipts.push(await run.change(at(plan, 2)));
      if (batches === 2) receipts.push(await run.change(at(plan, 0)));
    };
    await run.run();
    expect(receipts.map(({ carried }) => carried)).toEqual([1, 1]);
    expect(own.rows('a')).toHaveLength(220);
    expect(own.rows('a')).toEqual(still.rows('a'));
  });
});
