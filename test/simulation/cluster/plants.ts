/**
 * Bugs of the control plane, of checkpoints and of recovery, planted to see whether the simulation finds them. Each stands between two parts that
 * talk through an interface, and does what a part with that bug would do; the parts themselves know nothing of it.
 */
import { type Json, parseValue, stringifyValue } from '../../../engine/json.ts';
import type { KeyValue, Nats } from '../../../engine/nats/nats.ts';
import type {
  FragmentEvents,
  FragmentHandle,
  FragmentHost,
  FragmentStart,
} from '../../../engine/runtime/fragment-handle.ts';
import type { BlobStore } from '../../../engine/state/blobs/blobs.ts';
import type { CheckpointStore } from '../../../engine/state/checkpoint/checkpoint-store.ts';
import type { FragmentSaver } from '../../../engine/state/checkpoint/checkpoints.ts';
import type {
  CellSnapshot,
  PartitionState,
  SinkSnapshot,
  SourceState,
} from '../../../engine/state/checkpoint/state.ts';
import type { Item, Receiver, Transport } from '../../../engine/transport/transport.ts';
import type { Plant } from '../scenario.ts';
import type { Seams } from './fragments.ts';

export interface Planted extends Seams {
  nats(nats: Nats): Nats;
  disk(disk: BlobStore): BlobStore;
  host(host: FragmentHost): FragmentHost;
}

const same = <T>(value: T): T => value;
const NOTHING: Planted = {
  nats: same,
  disk: same,
  host: same,
  store: same,
  saver: same,
  checkpoints: same,
  transport: same,
};

interface Bug extends Plant {
  readonly planted: Partial<Planted>;
}

/** An object with some of its members replaced; methods stay bound to it. */
function altered<T extends object>(target: T, members: Partial<T>): T {
  return new Proxy(target, {
    get(inner, property) {
      if (Object.hasOwn(members, property)) return Reflect.get(members, property);
      const value: unknown = Reflect.get(inner, property, inner);
      return typeof value === 'function' ? value.bind(inner) : value;
    },
  });
}

function alteredKeys(nats: Nats, change: (bucket: KeyValue) => Partial<KeyValue>): Nats {
  return altered(nats, {
    jetstream: (domain) => {
      const inner = nats.jetstream(domain);
      return altered(inner, {
        keyValue: async (...call) => {
          const bucket = await inner.keyValue(...call);
          return altered(bucket, change(bucket));
        },
      });
    },
  });
}

type Start = (start: FragmentStart, events: FragmentEvents, inner: FragmentHost) => Promise<FragmentHandle>;

function alteredHost(start: Start): Partial<Planted> {
  return {
    host: (inner) => ({ start: (given, events) => start(given, events, inner), close: () => inner.close() }),
  };
}

function alteredSaver(
  change: (snapshot: Parameters<FragmentSaver['save']>[1]) => Parameters<FragmentSaver['save']>[1],
): Partial<Planted> {
  return { saver: (inner) => ({ save: (id, snapshot, sinks) => inner.save(id, change(snapshot), sinks) }) };
}

const map = <T, U>(of: ReadonlyMap<string, T>, change: (value: T) => U): ReadonlyMap<string, U> =>
  new Map([...of].map(([key, value]) => [key, change(value)]));

const ahead = (partition: PartitionState): PartitionState =>
  typeof partition.position === 'number' ? { ...partition, position: partition.position + 1 } : partition;

/** As soon as a barrier has come in on one channel the others are taken to have brought it, too, with the next item at the latest. */
function hasty(receiver: Receiver, seen: { barrier: number }): Receiver {
  let mine = seen.barrier;
  let kept: Item | undefined;
  const take = (): Item | undefined => {
    const item = kept ?? receiver.take();
    kept = undefined;
    if (item === undefined) return undefined;
    if (item.kind !== 'barrier' && seen.barrier > mine) {
      mine = seen.barrier;
      kept = item;
      return { kind: 'barrier', checkpoint: mine };
    }
    if (item.kind !== 'barrier') return item;
    if (item.checkpoint <= mine) return take();
    mine = item.checkpoint;
    seen.barrier = Math.max(seen.barrier, mine);
    return item;
  };
  return altered(receiver, { take, ready: () => (kept === undefined ? receiver.ready() : Promise.resolve()) });
}

/** The document says still whose memory it is. */
function withoutEpochs(parts: readonly Uint8Array[]): readonly Uint8Array[] {
  const document = parseValue(Buffer.concat(parts).toString()) as Readonly<Record<string, Json>>;
  return [new TextEncoder().encode(stringifyValue({ ...document, highest: 0, regions: {} }))];
}

const bugs: readonly Bug[] = [
  {
    name: 'commit-when-saved',
    bug: 'sinks commit when their own fragment is saved, before the checkpoint is complete',
    planted: alteredHost(async (start, events, inner) => {
      let handle: FragmentHandle | undefined;
      handle = await inner.start(start, {
        ...events,
        saved: (id, receipt) => {
          void handle?.commit(id).catch(() => undefined);
          events.saved(id, receipt);
        },
      });
      return handle;
    }),
  },
  {
    name: 'position-ahead',
    bug: 'a checkpoint keeps positions of sources that are one batch ahead',
    planted: alteredSaver((snapshot) => ({
      ...snapshot,
      sources: map(snapshot.sources, ({ partitions }): SourceState => ({ partitions: map(partitions, ahead) })),
    })),
  },
  {
    name: 'windows-forgotten',
    bug: 'a checkpoint keeps no state of cells',
    planted: alteredSaver((snapshot) => ({
      ...snapshot,
      cells: map(snapshot.cells, ({ logical: _, ...cell }): CellSnapshot => ({ ...cell, logical: [] })),
    })),
  },
  {
    name: 'output-not-frozen',
    bug: 'a checkpoint does not keep the output that its sinks hold',
    planted: {
      saver: (inner) => ({
        save: (id, snapshot, sinks) =>
          inner.save(
            id,
            snapshot,
            sinks?.then((all) =>
              map(
                all,
                (sink): SinkSnapshot => ({ ...sink, frozen: sink.frozen.map(() => new TextEncoder().encode('[]')) }),
              ),
            ),
          ),
      }),
    },
  },
  {
    name: 'barrier-not-aligned',
    bug: 'a fragment is cut when a barrier has come in on one channel, not on all',
    planted: {
      transport: (inner): Transport => {
        const seen = { barrier: 0 };
        return altered(inner, {
          openReceiver: async (...call) => hasty(await inner.openReceiver(...call), seen),
        });
      },
    },
  },
  {
    name: 'older-checkpoint',
    bug: 'recovery takes the checkpoint before the newest',
    planted: {
      checkpoints: (inner): CheckpointStore =>
        altered(inner, {
          newest: async (...call) => {
            const newest = await inner.newest(...call);
            if (newest.manifest === undefined) return newest;
            const before = await inner.newest(newest.manifest.id - 1);
            return before.manifest === undefined ? newest : before;
          },
        }),
    },
  },
  {
    name: 'no-compare-and-set',
    bug: 'documents are written without comparing their revision',
    planted: {
      nats: (inner) =>
        alteredKeys(inner, (bucket) => ({
          update: (key, value) => bucket.put(key, value),
          create: (key, value) => bucket.put(key, value),
        })),
    },
  },
  {
    name: 'epoch-not-kept',
    bug: 'an agent forgets the epochs that it saw when it is started again',
    planted: {
      disk: (inner): BlobStore =>
        altered(inner, {
          put: (name, parts) => inner.put(name, name === 'epochs.json' ? withoutEpochs(parts) : parts),
        }),
    },
  },
  {
    name: 'saved-too-soon',
    bug: 'a store says that a blob is safe before it is',
    planted: {
      store: (inner): BlobStore =>
        altered(inner, {
          put: (name, parts) => {
            if (name.includes('/manifest/')) return inner.put(name, parts);
            void inner
              .put(
                name,
                parts.map((part) => part.slice()),
              )
              .catch(() => undefined);
            return Promise.resolve();
          },
        }),
    },
  },
];

/** Of changes while rows flow. */
const bugsOfMoves: readonly Bug[] = [
  {
    name: 'state-not-carried',
    bug: 'a cell that goes to another agent begins there without its state',
    planted: alteredHost((start, events, inner) => {
      const { takeover } = start;
      if (takeover === undefined) return inner.start(start, events);
      const cells = map(takeover.succession.cells, (cell) => (cell.how === 'carry' ? { ...cell, from: [] } : cell));
      return inner.start(
        { ...start, takeover: { ...takeover, succession: { ...takeover.succession, cells } } },
        events,
      );
    }),
  },
  {
    name: 'goes-on-after-handover',
    bug: 'a fragment that is to hand over is cut, and goes on',
    planted: alteredHost(async (start, events, inner) => {
      const handle = await inner.start(start, {
        ...events,
        saved: (id, receipt) => {
          events.saved(id, receipt);
          events.handedOver?.(id);
        },
      });
      return altered(handle, { checkpoint: (id) => handle.checkpoint(id) });
    }),
  },
];

const said = (all: readonly Bug[]): readonly Plant[] => all.map(({ name, bug }) => ({ name, bug }));

export const plants: readonly Plant[] = said(bugs);
export const plantsOfMoves: readonly Plant[] = said(bugsOfMoves);

export function plantCluster(plant: string | undefined): Planted {
  return { ...NOTHING, ...[...bugs, ...bugsOfMoves].find(({ name }) => name === plant)?.planted };
}
