/** Runs of a plan that is dealt to threads, over a ledger and a transport in memory. */
import fc from 'fast-check';
import { openCell } from '../../engine/cell/open.ts';
import type { DistributedPlan, Host } from '../../engine/compile/fragment-plan.ts';
import { EmbeddedRun } from '../../engine/runtime/run/embedded-run.ts';
import { ThreadHost } from '../../engine/runtime/run/thread-host.ts';
import type { Ledger } from './ledger.ts';
import type { MemoryCheckpoints } from './memory-checkpoints.ts';
import { MemoryTransport } from './memory-transport.ts';

export const hosts: fc.Arbitrary<readonly Host[]> = fc
  .uniqueArray(fc.nat(3), { minLength: 1, maxLength: 3 })
  .map((workers) => workers.map((worker) => ({ site: 'here', agent: 'a', worker })));

export function runOn(plan: DistributedPlan, own: Ledger, store?: MemoryCheckpoints): EmbeddedRun {
  const transport = new MemoryTransport();
  const host = new ThreadHost({
    runtime: () => ({ connectors: [own.connector], openCell: (cell) => openCell(cell) }),
    transport: () => transport,
    ...(store === undefined
      ? {}
      : { store: () => ({ saver: store.saver, load: async (id: number) => store.snapshots(id) }) }),
  });
  return new EmbeddedRun(plan, {
    host,
    ...(store === undefined ? {} : { checkpoints: { store, every: 60_000 } }),
  });
}

export const on = (...workers: readonly number[]): readonly Host[] =>
  workers.map((worker) => ({ site: 'here', agent: 'a', worker }));
