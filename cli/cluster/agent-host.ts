/** What an agent hands its fragments to, and what it leads regions with. */
import type { AgentOptions } from '../../engine/cluster/agent.ts';
import type { Log } from '../../engine/cluster/log.ts';
import type { Span } from '../../engine/metrics/trace.ts';
import type { Nats } from '../../engine/nats/nats.ts';
import { openCheckpoints } from '../../engine/state/checkpoint-store.ts';
import { tidyCopies } from '../../engine/state/copies.ts';
import { deleteRegion } from '../../engine/state/layout.ts';
import { Stores } from './stores.ts';
import { WorkerPool } from './worker-pool.ts';
import type { WorkerSetup } from './worker-setup.ts';

export interface AgentHostOptions {
  readonly nats: Nats;
  readonly workers: number;
  readonly setup: WorkerSetup;
  readonly log: Log;
  readonly emit?: (span: Span) => void;
}

export type AgentHost = Pick<AgentOptions, 'host' | 'checkpoints' | 'dropState' | 'copies'>;

export async function openAgentHost({ nats, workers, setup, log, emit }: AgentHostOptions): Promise<AgentHost> {
  const stores = await Stores.open(nats, setup.directory, setup.keyFile);
  return {
    host: new WorkerPool(workers, setup, log, emit),
    checkpoints: async (region, domain, keep, known) => {
      const onProblem = (error: Error): void => {
        log('warn', `old checkpoints were not deleted: ${error.message}`, { ...region, code: 'state.forget' });
      };
      const store = await stores.of(region, domain);
      return openCheckpoints({ ...region, keep, store, onProblem, ...(known === undefined ? {} : { known }) });
    },
    dropState: async (region, domain) => deleteRegion(await stores.of(region, domain), region),
    copies: {
      tidy: (region, domain, keep) => tidyCopies(region, stores.own, () => stores.shared(region, domain), keep),
      drop: (region) => deleteRegion(stores.own, region),
    },
  };
}
