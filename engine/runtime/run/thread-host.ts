/** Runs fragments in the thread that asks for it: in a worker, in a process without workers, in the simulation. */

import type { Channel, Host } from '../../compile/fragment-plan.ts';
import { defined } from '../../defined.ts';
import { CloudskinError, internalError } from '../../errors.ts';
import type { FragmentSaver } from '../../state/checkpoint/checkpoints.ts';
import type { FragmentSnapshot } from '../../state/checkpoint/state.ts';
import type { RecordLog } from '../../state/log/log.ts';
import type { DurableEnds } from '../../transport/durable/durable.ts';
import type { Transport } from '../../transport/transport.ts';
import type { Restored } from '../checkpoint/restore.ts';
import { Fragment } from '../fragment/fragment.ts';
import type {
  CheckpointOrigin,
  FragmentEvents,
  FragmentHandle,
  FragmentHost,
  FragmentStart,
} from '../fragment-handle.ts';
import { Estate } from '../handover/estate.ts';
import type { RuntimeOptions } from '../options.ts';

/** Where one fragment's checkpoints go to and come from. */
export interface FragmentStore {
  readonly saver: FragmentSaver;
  /** Journals of sources that ask for one; they go without where it is absent. */
  journal?(source: string, partition: string): Promise<RecordLog>;
  /** The snapshots of a checkpoint that may hold state of the fragment's nodes. */
  load(checkpoint: number): Promise<readonly FragmentSnapshot[]>;
  /** Those of a checkpoint of a region that was. */
  loadFrom?(origin: CheckpointOrigin): Promise<readonly FragmentSnapshot[]>;
}

export interface ThreadHostOptions {
  /** For each fragment, because its graph says where relative paths count from. */
  readonly runtime: (start: FragmentStart) => RuntimeOptions;
  /** What carries a channel; throws where nothing does. */
  readonly transport: (channel: Channel) => Transport;
  /** What carries durable channels, where they are kept on the near side; absent: `transport`. */
  readonly durable?: (channel: Channel, start: FragmentStart) => DurableEnds;
  /** Needed where checkpoints are taken. */
  readonly store?: (start: FragmentStart) => FragmentStore;
  /** Where fragments of this thread hand over to each other; its own unless given. */
  readonly estate?: Estate;
  /** Whether fragments on two hosts do; by default those on the same worker of the same agent. */
  readonly isHere?: (own: Host, other: Host) => boolean;
}

export class ThreadHost implements FragmentHost {
  readonly #options: ThreadHostOptions;
  readonly #running = new Set<Fragment>();
  readonly #estate: Estate;
  #closed = false;

  constructor(options: ThreadHostOptions) {
    this.#options = options;
    this.#estate = options.estate ?? new Estate();
  }

  async start(start: FragmentStart, events: FragmentEvents): Promise<FragmentHandle> {
    const { transport, durable } = this.#options;
    const runtime = this.#options.runtime(start);
    const { plan, epoch, peers, checkpoint, checkpointed, origins, takeover } = start;
    const isStored = checkpointed === true || checkpoint !== undefined || origins !== undefined;
    const store = isStored ? this.#storeOf(start) : undefined;
    const restored = store === undefined ? undefined : await restoredFrom(store, start);
    if (this.#closed) throw new CloudskinError('run.closed', 'the host is closed', { domain: 'external' });
    const fragment: Fragment = new Fragment(plan, {
      runtime,
      channels: {
        epoch,
        peers,
        transport,
        ...(durable === undefined ? {} : { durable: (channel: Channel) => durable(channel, start) }),
      },
      ...(checkpointed === true && store !== undefined ? { saver: store.saver } : {}),
      ...(store?.journal === undefined ? {} : { journal: (source, partition) => journalOf(store, source, partition) }),
      estate: this.#estate,
      ...defined({ restored, takeover, isHere: this.#options.isHere }),
      events: {
        ...events,
        over: (error) => {
          this.#running.delete(fragment);
          events.over(error);
        },
      },
    });
    this.#running.add(fragment);
    fragment.run().catch(() => undefined);
    return fragment;
  }

  async close(): Promise<void> {
    this.#closed = true;
    await Promise.all([...this.#running].map((fragment) => fragment.stop('discard')));
  }

  #storeOf(start: FragmentStart): FragmentStore {
    if (this.#options.store === undefined) {
      throw internalError('runtime.no-store', `there is no place for checkpoints of ${start.plan.name}`);
    }
    return this.#options.store(start);
  }
}

async function restoredFrom(
  store: FragmentStore,
  { checkpoint, origins }: FragmentStart,
): Promise<Restored | undefined> {
  if (checkpoint !== undefined) return { checkpoint, snapshots: await store.load(checkpoint) };
  if (origins === undefined || origins.length === 0) return undefined;
  const all = await Promise.all(
    origins.map(async (origin) => {
      if (store.loadFrom === undefined) throw internalError('runtime.no-origin', `nothing loads from ${origin.region}`);
      const snapshots = await store.loadFrom(origin);
      return snapshots.map((snapshot) => ({ ...snapshot, checkpoint: origin.checkpoint }));
    }),
  );
  return { checkpoint: Math.max(...origins.map((origin) => origin.checkpoint)), snapshots: all.flat() };
}

function journalOf(store: FragmentStore, source: string, partition: string): Promise<RecordLog> {
  if (store.journal === undefined) throw internalError('runtime.no-journal', `there is no journal for ${source}`);
  return store.journal(source, partition);
}
