/** What an agent hands its fragments to, and what it leads regions with. */

import { rm } from 'node:fs/promises';
import type { AgentOptions } from '../../../engine/cluster/agent-options.ts';
import type { AppName } from '../../../engine/cluster/documents/names.ts';
import type { Log } from '../../../engine/cluster/process/log.ts';
import { defined } from '../../../engine/defined.ts';
import type { Span } from '../../../engine/metrics/trace.ts';
import type { Nats } from '../../../engine/nats/nats.ts';
import { openCheckpoints } from '../../../engine/state/checkpoint/checkpoint-store.ts';
import { tidyCopies } from '../../../engine/state/checkpoint/copies.ts';
import { deleteRegion } from '../../../engine/state/checkpoint/layout.ts';
import { durableStream } from '../../../engine/transport/durable/transport.ts';
import type { ChannelAddress } from '../../../engine/transport/transport.ts';
import { componentFile } from './component-files.ts';
import { dropHeld } from './held-output.ts';
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

export type AgentHost = Pick<AgentOptions, 'checkpoints' | 'dropState' | 'copies'> & { readonly host: WorkerPool };

export async function openAgentHost({ nats, workers, setup, log, emit }: AgentHostOptions): Promise<AgentHost> {
  const stores = await Stores.open(nats, setup);
  return {
    host: new WorkerPool(workers, setup, log, emit),
    checkpoints: async (region, domain, keep, known) => {
      const onProblem = (error: Error): void => {
        log('warn', `old checkpoints were not deleted: ${error.message}`, { ...region, code: 'state.forget' });
      };
      const store = await stores.of(region, domain);
      return openCheckpoints({ ...region, keep, store, onProblem, ...defined({ known }) });
    },
    dropState: async (region, domain) => {
      await deleteRegion(await stores.of(region, domain), region);
      await dropChannels(nats, stores, region, domain);
    },
    copies: {
      tidy: (region, domain, keep) => tidyCopies(region, stores.own, () => stores.shared(region, domain), keep),
      drop: (region) => deleteRegion(stores.own, region),
      dropLogs: async (app, domains) => {
        for (const domain of domains) await dropStreams(nats, stores, app, domain);
        await stores.dropApp(app);
      },
      dropHeld: (left, epoch) => dropHeld(left, epoch, setup.directory),
      dropComponents: async (digests) => {
        for (const digest of digests) await rm(componentFile(setup.directory, digest), { force: true });
      },
    },
  };
}

/** What durable channels have kept here, and their streams from wherever they were. */
async function dropChannels(nats: Nats, stores: Stores, app: AppName, domain: string | undefined): Promise<void> {
  await dropStreams(nats, stores, app, domain);
  for (const address of await addresses(stores, app)) await stores.dropChannel(address);
}

async function dropStreams(nats: Nats, stores: Stores, app: AppName, domain: string | undefined): Promise<void> {
  for (const stream of (await addresses(stores, app)).map(durableStream)) {
    await nats.jetstream().deleteStream(stream);
    if (domain !== undefined && domain !== nats.info.domain) await nats.jetstream(domain).deleteStream(stream);
  }
}

async function addresses(stores: Stores, { namespace, app }: AppName): Promise<readonly ChannelAddress[]> {
  return (await stores.channels({ namespace, app })).map((channel) => ({ namespace, app, channel }));
}
