/** A graph whose plan changes while rows flow, its fragments in threads and processes that share nothing but channels, which lose what they can. */
import fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import { openCell } from '../../engine/cell/open.ts';
import type { CellPlan } from '../../engine/compile/cell-plan.ts';
import type { DistributedPlan } from '../../engine/compile/fragment-plan.ts';
import { connectNats } from '../../engine/nats/client.ts';
import type { Nats } from '../../engine/nats/nats.ts';
import { type Ports, realPorts } from '../../engine/ports.ts';
import type { FragmentStart } from '../../engine/runtime/fragment-handle.ts';
import { EmbeddedRun } from '../../engine/runtime/run/embedded-run.ts';
import { ThreadHost } from '../../engine/runtime/run/thread-host.ts';
import { spread } from '../../engine/runtime/workers/worker-host.ts';
import { NatsTransport } from '../../engine/transport/nats.ts';
import { ThreadTransport } from '../../engine/transport/thread.ts';
import type { Transport } from '../../engine/transport/transport.ts';
import { anyHosts, changing, receiptsOf, withSourcesOf } from '../kit/changes.ts';
import { on } from '../kit/dealt.ts';
import { type Choices, ledger, placedOn, planned, sorted, whole } from '../kit/dealt-graph.ts';
import { hurriedPorts } from '../kit/hurried-ports.ts';
import type { Ledger } from '../kit/ledger.ts';
import { LossyTransport } from '../kit/lossy-transport.ts';
import { MemoryCheckpoints } from '../kit/memory-checkpoints.ts';
import { hasNats, type NatsServer, NO_NATS, startNats } from '../kit/nats-server.ts';

const HOSTS = 4;
/** Runs of the property; more by hand. */
const RUNS = Number(process.env.HANDOVER_RUNS ?? 2);

interface Apart {
  /** Of each host. */
  readonly transports: readonly Transport[];
  readonly open?: (cell: CellPlan, start: FragmentStart) => ReturnType<typeof openCell>;
  /** Of what is handed over; as the others unless given. */
  readonly ways?: Transport;
  readonly ports?: Ports;
}

/** Each worker of the plan on a host of its own. */
function runApart(plan: DistributedPlan, own: Ledger, apart: Apart) {
  const { transports, open = (cell) => openCell(cell), ways, ports = realPorts } = apart;
  const store = new MemoryCheckpoints();
  const hosts = transports.map(
    (transport) =>
      new ThreadHost({
        runtime: (start) => ({ connectors: [own.connector], openCell: (cell) => open(cell, start), ports }),
        transport: ({ id }) => (id.includes('_HANDS_') ? (ways ?? transport) : transport),
        store: () => ({ saver: store.saver, load: async (id: number) => store.snapshots(id) }),
      }),
  );
  return new EmbeddedRun(plan, { host: spread(hosts), checkpoints: { store, every: 60_000 } });
}

function lossy(seed: number): LossyTransport {
  return new LossyTransport(realPorts, { lose: 0.03, repeat: 0.03, delay: [0, 1], reorder: true, seed });
}

const everywhere = (transport: Transport): Apart => ({ transports: Array.from({ length: HOSTS }, () => transport) });

describe('a graph whose plan changes between hosts', () => {
  it(
    'gives the rows that it gives in one thread, over links that lose and repeat',
    async () => {
      const expected = await whole();
      const changes = fc.array(fc.tuple(anyHosts, fc.integer({ min: 1, max: 7 })), { minLength: 1, maxLength: 3 });
      let done = 0;
      await fc.assert(
        fc.asyncProperty(anyHosts, changes, fc.nat(1e6), async (before, after, seed) => {
          const own = ledger();
          const plan = await planned(own);
          const run = runApart(placedOn(plan, before), own, everywhere(lossy(seed)));
          const plans = after.map(([choices, at]) => [placedOn(plan, withSourcesOf(before, choices)), at] as const);
          done += receiptsOf(await changing(own, run, plans)).length;
          expect(sorted(own)).toEqual(expected);
        }),
        { numRuns: RUNS },
      );
      expect(done).toBeGreaterThan(0);
    },
    60_000 + RUNS * 3_000,
  );

  it('goes on as it was where nothing comes to the heirs', async () => {
    const own = ledger();
    const plan = await planned(own);
    const ways = new LossyTransport(realPorts, { lose: 1 });
    const ports = hurriedPorts(30);
    const run = runApart(placedOn(plan, BEFORE), own, { ...everywhere(new ThreadTransport()), ways, ports });
    let refused: unknown;
    own.onBatch = async () => {
      own.onBatch = () => undefined;
      refused = await run.change(placedOn(plan, AFTER)).catch((error: unknown) => error);
    };
    await run.run();
    expect(refused).toMatchObject({ code: 'handover.silent' });
    expect(run.plan.fragments).toEqual(placedOn(plan, BEFORE).fragments);
    expect(sorted(own)).toEqual(await whole());
  });

  it('goes on as it was where an heir cannot be prepared, and goes over the next time', async () => {
    const own = ledger();
    const plan = await planned(own);
    let refused = 0;
    const run = runApart(placedOn(plan, BEFORE), own, {
      ...everywhere(lossy(1)),
      open: (cell, { takeover }) => {
        if (takeover === undefined || refused++ > 0) return openCell(cell);
        throw new Error('no memory');
      },
    });
    const [first, second] = await changing(own, run, [
      [placedOn(plan, AFTER), 2],
      [placedOn(plan, AFTER), 1],
    ]);
    expect(first).toMatchObject({ status: 'rejected', reason: { message: expect.stringMatching(/no memory/) } });
    expect(second).toMatchObject({ status: 'fulfilled', value: { rounds: expect.any(Number) } });
    expect(receiptsOf([second as NonNullable<typeof second>])[0]?.rounds).toBeGreaterThan(0);
    expect(sorted(own)).toEqual(await whole());
  });
});

const BEFORE: Choices = [on(0), on(0), on(0), on(1), on(1), on(1), on(1), on(1), on(1)];
const AFTER: Choices = [on(0), on(0), on(0), on(2), on(2, 3), on(1), on(1), on(1), on(1)];

const has = hasNats();

describe.skipIf(!has)(has ? 'a graph whose plan changes between connections' : NO_NATS.installed, () => {
  let server: NatsServer | undefined;
  const clients: Nats[] = [];
  afterAll(async () => {
    for (const client of clients) await client.close(100);
    await server?.stop();
  });

  it(
    'gives the rows that it gives in one thread, over NATS',
    async () => {
      server = await startNats();
      for (let host = 0; host < HOSTS; host++) clients.push(await connectNats({ servers: server.url }));
      const expected = await whole();
      await fc.assert(
        fc.asyncProperty(anyHosts, anyHosts, async (before, other) => {
          const own = ledger();
          const plan = await planned(own);
          const transports = clients.map((nats) => new NatsTransport({ nats, ports: realPorts }));
          const run = runApart(placedOn(plan, before), own, { transports });
          receiptsOf(await changing(own, run, [[placedOn(plan, withSourcesOf(before, other)), 2]]));
          for (const transport of transports) await transport.close();
          // words of this run must not be taken for words of the next
          await Promise.all(clients.map((client) => client.flush()));
          expect(sorted(own)).toEqual(expected);
        }),
        { numRuns: RUNS },
      );
    },
    60_000 + RUNS * 3_000,
  );
});
