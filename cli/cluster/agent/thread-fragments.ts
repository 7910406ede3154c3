/** Runs fragments in this thread, with all that they need: connectors, cells, transports, stores of checkpoints. */
import { existsSync } from 'node:fs';
import { connectors } from '../../../connectors/registry.ts';
import { openCell } from '../../../engine/cell/open.ts';
import { withFiles } from '../../../engine/cluster/plans/components.ts';
import type { Channel } from '../../../engine/compile/fragment-plan.ts';
import { defined } from '../../../engine/defined.ts';
import { externalError, internalError } from '../../../engine/errors.ts';
import type { Span } from '../../../engine/metrics/trace.ts';
import type { Nats } from '../../../engine/nats/nats.ts';
import { realPorts } from '../../../engine/ports.ts';
import { neededFragments } from '../../../engine/runtime/checkpoint/needed-fragments.ts';
import type { FragmentHost, FragmentStart } from '../../../engine/runtime/fragment-handle.ts';
import type { RuntimeOptions } from '../../../engine/runtime/options.ts';
import { type FragmentStore, ThreadHost } from '../../../engine/runtime/run/thread-host.ts';
import type { BlobStore } from '../../../engine/state/blobs/blobs.ts';
import { openCheckpoints } from '../../../engine/state/checkpoint/checkpoint-store.ts';
import { createSaver } from '../../../engine/state/checkpoint/saver.ts';
import type { FragmentSnapshot } from '../../../engine/state/checkpoint/state.ts';
import type { DurableEnds } from '../../../engine/transport/durable/durable.ts';
import { DurableTransport } from '../../../engine/transport/durable/transport.ts';
import { NatsTransport } from '../../../engine/transport/nats.ts';
import { ThreadTransport } from '../../../engine/transport/thread.ts';
import type { Transport } from '../../../engine/transport/transport.ts';
import { componentFile } from './component-files.ts';
import { Stores } from './stores.ts';
import type { WorkerEntry, WorkerLogEntry } from './worker-setup.ts';

export interface ThreadFragmentsOptions {
  readonly nats: Nats;
  /** To the other worker threads of the agent. */
  readonly local: Transport;
  /** The agent's own directory. */
  readonly directory: string;
  /** Of the key that checkpoints are encrypted with. */
  readonly keyFile?: string;
  /** Servers of the agent's own domain that keep checkpoints and durable streams. */
  readonly replicas?: number;
  readonly stdout: (text: string) => Promise<void>;
  readonly say: (entry: WorkerEntry) => void;
  /** One source batch in so many is followed; absent: none. */
  readonly traceEvery?: number;
}

export async function openThreadFragments(options: ThreadFragmentsOptions): Promise<FragmentHost> {
  return new ThreadFragments(options, await Stores.open(options.nats, options));
}

class ThreadFragments implements FragmentHost {
  readonly #options: ThreadFragmentsOptions;
  readonly #stores: Stores;
  readonly #transports: Readonly<Record<'thread' | 'local' | 'nats', Transport>>;
  /** By JetStream domain. */
  readonly #durable = new Map<string, DurableTransport>();
  readonly #thread: ThreadHost;
  /** Opened for a start that is under way. */
  readonly #opened = new Map<FragmentStart, BlobStore>();

  constructor(options: ThreadFragmentsOptions, stores: Stores) {
    this.#options = options;
    this.#stores = stores;
    this.#transports = {
      thread: new ThreadTransport(),
      local: options.local,
      nats: new NatsTransport({ nats: options.nats, ports: realPorts }),
    };
    this.#thread = new ThreadHost({
      runtime: (start) => this.#runtime(start),
      transport: ({ id, transport }) => {
        if (transport !== 'durable') return this.#transports[transport];
        throw internalError('runtime.no-transport', `nothing carries channel ${id}`);
      },
      durable: (channel, start) => this.#durableEnds(channel, start),
      store: (start) => this.#storeOf(start),
    });
  }

  async start(...[given, events]: Parameters<FragmentHost['start']>): ReturnType<FragmentHost['start']> {
    const plan = withFiles(given.plan, (digest) => componentFile(this.#options.directory, digest));
    const start = { ...given, plan };
    this.#opened.set(start, await this.#stores.of(start.plan, start.domain));
    try {
      return await this.#thread.start(start, events);
    } finally {
      this.#opened.delete(start);
    }
  }

  async close(): Promise<void> {
    await this.#thread.close();
    const all = [...Object.values(this.#transports), ...this.#durable.values()];
    await Promise.all(all.map((transport) => transport.close()));
  }

  #runtime({ plan, directory: wanted, epoch }: FragmentStart): RuntimeOptions {
    const directory = wanted !== undefined && existsSync(wanted) ? wanted : this.#options.directory;
    const { namespace, app, name: fragment, revision } = plan;
    const { say, traceEvery } = this.#options;
    const onLog = ({ operator, level, message }: { operator: string; level: string; message: string }): void => {
      say({
        level: levelOf(level),
        message,
        fields: { namespace, app, fragment, revision, epoch, operator },
      });
    };
    return {
      connectors,
      directory,
      openCell: (cell) => openCell(cell, { directory, onLog }),
      ports: realPorts,
      stdout: this.#options.stdout,
      listening: (source, address) => {
        const fields = { namespace, app, fragment, revision, epoch, source, address };
        say({ level: 'info', message: `source ${source} listens on ${address}`, fields });
      },
      trouble: (node, message, isOver) => {
        const fields = { namespace, app, fragment, revision, epoch, node };
        say({ level: isOver ? 'info' : 'warn', message: `${node}: ${message}`, fields });
      },
      ...(traceEvery === undefined ? {} : { traces: { every: traceEvery, emit: (span: Span) => say({ span }) } }),
    };
  }

  /** A durable channel is kept where its near side keeps its checkpoints. */
  #durableEnds({ from }: Channel, { plan, domain, domains }: FragmentStart): DurableEnds {
    const near = from === plan.name ? domain : domains?.get(from);
    const key = near ?? '';
    const known = this.#durable.get(key);
    if (known !== undefined) return known;
    const { nats, replicas } = this.#options;
    const own = near === undefined || near === nats.info.domain;
    const made = new DurableTransport({
      nats,
      ports: realPorts,
      openLog: (address, limits, safe) => this.#stores.channelLog(address, limits, safe),
      domain: () => (own ? undefined : near),
      ...(own ? defined({ replicas }) : {}),
    });
    this.#durable.set(key, made);
    return made;
  }

  #storeOf(start: FragmentStart): FragmentStore {
    const store = this.#opened.get(start);
    if (store === undefined) throw internalError('state.not-open', 'the store of a fragment is opened with it');
    const { namespace, app, region } = start.plan;
    const load = async (of: string, from: BlobStore, id: number): Promise<readonly FragmentSnapshot[]> => {
      const checkpoints = openCheckpoints({ namespace, app, region: of, store: from });
      const manifest = (await checkpoints.list()).find((one) => one.id === id)?.manifest;
      if (manifest === undefined) throw externalError('state.no-checkpoint', `${of} has no checkpoint ${id}`);
      const fragments = neededFragments(manifest.fragments, start.plan);
      return Promise.all(fragments.map((fragment) => checkpoints.load(manifest, fragment)));
    };
    return {
      saver: createSaver({ namespace, app, region, store, ports: realPorts }),
      journal: (source, partition) =>
        this.#stores.journal({ namespace, app, source, partition, ...defined({ begun: start.begun }) }),
      load: (id) => load(region, store, id),
      loadFrom: async (origin) =>
        load(origin.region, await this.#stores.of({ namespace, app }, origin.domain), origin.checkpoint),
    };
  }
}

function levelOf(level: string): WorkerLogEntry['level'] {
  if (level === 'error' || level === 'warn' || level === 'info') return level;
  return 'debug';
}
