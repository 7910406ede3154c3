/** What an agent runs fragments with: connectors, cells, transports, and the stores of checkpoints, on disk and on the region's side of NATS. */
import { existsSync } from 'node:fs';
import { connectors } from '../../connectors/registry.ts';
import { openCell } from '../../engine/cell/open.ts';
import type { Log } from '../../engine/cluster/log.ts';
import type { RegionContext, RegionName } from '../../engine/cluster/region-context.ts';
import { externalError, internalError } from '../../engine/errors.ts';
import type { Nats } from '../../engine/nats/nats.ts';
import { realPorts } from '../../engine/ports.ts';
import type { FragmentHost, FragmentStart } from '../../engine/runtime/fragment-handle.ts';
import type { RuntimeOptions } from '../../engine/runtime/options.ts';
import { type FragmentStore, ThreadHost } from '../../engine/runtime/thread-host.ts';
import type { BlobStore } from '../../engine/state/blobs.ts';
import { openCheckpoints } from '../../engine/state/checkpoint-store.ts';
import { openDirectory } from '../../engine/state/directory.ts';
import { objectsStore } from '../../engine/state/objects.ts';
import { createSaver } from '../../engine/state/saver.ts';
import { teeStore } from '../../engine/state/tee.ts';

export interface AgentHostOptions {
  readonly nats: Nats;
  readonly workers: number;
  /** The agent's own. */
  readonly directory: string;
  readonly log: Log;
}

export interface AgentHost {
  readonly fragments: FragmentHost;
  readonly checkpoints: RegionContext['checkpoints'];
  readonly dropState: RegionContext['dropState'];
  close(): Promise<void>;
}

export async function openAgentHost(options: AgentHostOptions): Promise<AgentHost> {
  const stores = new Stores(options.nats, await openDirectory(`${options.directory}/checkpoints`));
  const fragments = new Host(options, stores);
  return {
    fragments,
    checkpoints: async (region, domain, keep) =>
      openCheckpoints({ ...region, keep, store: await stores.of(region, domain) }),
    dropState: async (region, domain) => {
      const store = await stores.of(region, domain);
      for (const name of await store.list(`${region.namespace}/${region.app}/${region.region}/`))
        await store.delete(name);
    },
    close: () => fragments.close(),
  };
}

/** Checkpoints go to the agent's own disk and to the object store on the region's side. */
class Stores {
  readonly #nats: Nats;
  readonly #disk: BlobStore;

  constructor(nats: Nats, disk: BlobStore) {
    this.#nats = nats;
    this.#disk = disk;
  }

  async of({ namespace, app }: RegionName, domain: string | undefined): Promise<BlobStore> {
    const own = domain === undefined || domain === this.#nats.info.domain;
    const jetstream = own ? this.#nats.jetstream() : this.#nats.jetstream(domain);
    const bucket = `cs-state-${namespace}-${app}`;
    return teeStore([this.#disk, objectsStore(await jetstream.objects(bucket), bucket)]);
  }
}

/** Runs fragments in this thread; their stores are opened before they are needed. */
class Host implements FragmentHost {
  readonly #options: AgentHostOptions;
  readonly #stores: Stores;
  readonly #thread: ThreadHost;
  readonly #opened = new Map<FragmentStart, BlobStore>();

  constructor(options: AgentHostOptions, stores: Stores) {
    this.#options = options;
    this.#stores = stores;
    this.#thread = new ThreadHost({
      runtime: (start) => this.#runtime(start),
      transport: ({ id }) => {
        throw internalError('runtime.no-transport', `nothing carries channel ${id}`);
      },
      store: (start) => this.#storeOf(start),
    });
  }

  async start(...[start, events]: Parameters<FragmentHost['start']>): ReturnType<FragmentHost['start']> {
    this.#opened.set(start, await this.#stores.of(start.plan, start.domain));
    try {
      return await this.#thread.start(start, events);
    } finally {
      this.#opened.delete(start);
    }
  }

  close(): Promise<void> {
    return this.#thread.close();
  }

  #runtime({ directory: wanted }: FragmentStart): RuntimeOptions {
    const directory = wanted !== undefined && existsSync(wanted) ? wanted : this.#options.directory;
    return { connectors, directory, openCell: (cell) => openCell(cell, { directory }), ports: realPorts };
  }

  #storeOf(start: FragmentStart): FragmentStore {
    const store = this.#opened.get(start);
    if (store === undefined) throw internalError('state.not-open', 'the store of a fragment is opened with it');
    const { namespace, app, region, name } = start.plan;
    const checkpoints = openCheckpoints({ namespace, app, region, store });
    return {
      saver: createSaver({ namespace, app, region, store, ports: realPorts }),
      load: async (id) => {
        const manifest = (await checkpoints.list()).find((one) => one.id === id)?.manifest;
        if (manifest === undefined) throw externalError('state.no-checkpoint', `there is no checkpoint ${id}`);
        const same = manifest.fragments.filter(({ fragment }) => fragment === name);
        const from = same.length > 0 ? same : manifest.fragments;
        return Promise.all(from.map(({ fragment }) => checkpoints.load(manifest, fragment)));
      },
    };
  }
}
