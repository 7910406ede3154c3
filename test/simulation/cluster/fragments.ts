/** Runs the fragments of one simulated agent in the one thread there is, with everything real but the outside: cells, channels, checkpoints. */
import type { Channel } from '../../../engine/compile/fragment-plan.ts';
import { openKernelCell } from '../../../engine/compile/kernels/chain.ts';
import { externalError, internalError } from '../../../engine/errors.ts';
import type { Connector } from '../../../engine/graph/connector.ts';
import type { Nats } from '../../../engine/nats/nats.ts';
import { remade } from '../../../engine/nats/remade.ts';
import type { Ports } from '../../../engine/ports.ts';
import { neededFragments } from '../../../engine/runtime/checkpoint/needed-fragments.ts';
import type { FragmentHost, FragmentStart } from '../../../engine/runtime/fragment-handle.ts';
import { type FragmentStore, ThreadHost } from '../../../engine/runtime/run/thread-host.ts';
import type { BlobStore } from '../../../engine/state/blobs/blobs.ts';
import { objectsStore } from '../../../engine/state/blobs/objects.ts';
import { teeStore } from '../../../engine/state/blobs/tee.ts';
import { type CheckpointStore, openCheckpoints } from '../../../engine/state/checkpoint/checkpoint-store.ts';
import type { FragmentSaver } from '../../../engine/state/checkpoint/checkpoints.ts';
import { createSaver } from '../../../engine/state/checkpoint/saver.ts';
import type { FragmentSnapshot } from '../../../engine/state/checkpoint/state.ts';
import type { LogLimits, RecordLog } from '../../../engine/state/log/log.ts';
import type { DurableEnds } from '../../../engine/transport/durable/durable.ts';
import { DurableTransport } from '../../../engine/transport/durable/transport.ts';
import { NatsTransport } from '../../../engine/transport/nats.ts';
import { ThreadTransport } from '../../../engine/transport/thread.ts';
import type { ChannelAddress, Transport } from '../../../engine/transport/transport.ts';

/** Where a planted bug may get in between. */
export interface Seams {
  store(store: BlobStore): BlobStore;
  saver(saver: FragmentSaver): FragmentSaver;
  checkpoints(store: CheckpointStore): CheckpointStore;
  transport(transport: Transport): Transport;
}

export interface FragmentsOptions {
  readonly nats: Nats;
  readonly ports: Ports;
  readonly disk: BlobStore;
  /** Of a durable channel, on the disk of the machine. */
  readonly openLog: (address: ChannelAddress, limits: LogLimits, known: number) => Promise<RecordLog>;
  readonly connector: Connector;
  readonly seams: Seams;
}

interface App {
  readonly namespace: string;
  readonly app: string;
}

/** As cli/cluster/agent/stores.ts: on the agent's own disk and in the object store on the region's side. */
export async function stateStore(options: FragmentsOptions, app: App, domain: string | undefined): Promise<BlobStore> {
  return options.seams.store(teeStore([options.disk, await sharedStore(options, app, domain)]));
}

/** What all agents of a region share. */
export async function sharedStore(
  { nats }: FragmentsOptions,
  app: App,
  domain: string | undefined,
): Promise<BlobStore> {
  const jetstream = domain === undefined || domain === nats.info.domain ? nats.jetstream() : nats.jetstream(domain);
  const bucket = `cs-state-${app.namespace}-${app.app}`;
  return objectsStore(await remade(() => jetstream.objects(bucket)), bucket);
}

export class SimulatedFragments implements FragmentHost {
  readonly #options: FragmentsOptions;
  readonly #thread: ThreadHost;
  readonly #opened = new Map<FragmentStart, BlobStore>();
  readonly #durable = new Map<string | undefined, DurableTransport>();

  constructor(options: FragmentsOptions) {
    this.#options = options;
    const { nats, ports, connector, seams } = options;
    const carriers = {
      thread: new ThreadTransport(),
      nats: seams.transport(new NatsTransport({ nats, ports })),
    };
    this.#thread = new ThreadHost({
      runtime: () => ({
        connectors: [connector],
        openCell: openKernelCell,
        ports,
        directory: '/',
        secrets: () => undefined,
      }),
      transport: ({ id, transport }) => {
        if (transport === 'thread' || transport === 'nats') return carriers[transport];
        throw internalError('runtime.no-transport', `nothing carries channel ${id}`);
      },
      durable: (channel, start) => this.#durableEnds(channel, start),
      store: (start) => this.#storeOf(start),
    });
  }

  async start(...[start, events]: Parameters<FragmentHost['start']>): ReturnType<FragmentHost['start']> {
    this.#opened.set(start, await stateStore(this.#options, start.plan, start.domain));
    try {
      return await this.#thread.start(start, events);
    } finally {
      this.#opened.delete(start);
    }
  }

  close(): Promise<void> {
    return this.#thread.close();
  }

  /** As cli/cluster/agent/thread-fragments.ts: kept where the near side keeps its checkpoints. */
  #durableEnds({ from }: Channel, { plan, domain, domains }: FragmentStart): DurableEnds {
    const { nats, ports, openLog } = this.#options;
    const near = from === plan.name ? domain : domains?.get(from);
    const known = this.#durable.get(near);
    if (known !== undefined) return known;
    const own = near === undefined || near === nats.info.domain;
    const made = new DurableTransport({ nats, ports, openLog, domain: () => (own ? undefined : near) });
    this.#durable.set(near, made);
    return made;
  }

  #storeOf(start: FragmentStart): FragmentStore {
    const store = this.#opened.get(start);
    if (store === undefined) throw internalError('state.not-open', 'the store of a fragment is opened with it');
    const { namespace, app, region } = start.plan;
    const { ports, seams } = this.#options;
    const load = async (of: string, from: BlobStore, id: number): Promise<readonly FragmentSnapshot[]> => {
      const checkpoints = seams.checkpoints(openCheckpoints({ namespace, app, region: of, store: from }));
      const manifest = (await checkpoints.list()).find((one) => one.id === id)?.manifest;
      if (manifest === undefined) throw externalError('state.no-checkpoint', `there is no checkpoint ${id}`);
      const fragments = neededFragments(manifest.fragments, start.plan);
      return Promise.all(fragments.map((fragment) => checkpoints.load(manifest, fragment)));
    };
    return {
      saver: seams.saver(createSaver({ namespace, app, region, store, ports })),
      load: (id) => load(region, store, id),
      loadFrom: async (origin) =>
        load(origin.region, await stateStore(this.#options, start.plan, origin.domain), origin.checkpoint),
    };
  }
}
