/** Checkpoints in memory: copies of what they are given, like a store's, without a disk. */
import type {
  CheckpointHead,
  Checkpoints,
  FragmentReceipt,
  FragmentSaver,
  Manifest,
} from '../../engine/state/checkpoint/checkpoints.ts';
import type { CellSnapshot, FragmentSnapshot } from '../../engine/state/checkpoint/state.ts';

type Ranges = readonly (readonly [from: number, to: number])[];

export class MemoryCheckpoints implements Checkpoints {
  readonly #manifests = new Map<number, Manifest>();
  readonly #snapshots = new Map<string, FragmentSnapshot>();
  /** Refuses to save while it is set. */
  broken: Error | undefined;

  /** Of any fragment. */
  readonly saver: FragmentSaver = {
    save: async (id, snapshot, sinks) => {
      if (this.broken !== undefined) throw this.broken;
      const copy = structuredClone({ ...snapshot, cells: new Map([...snapshot.cells].map(packedCell)) });
      const prepared = sinks === undefined ? copy.sinks : structuredClone(await sinks);
      this.#snapshots.set(`${id} ${snapshot.fragment}`, { ...copy, sinks: prepared });
      return { fragment: snapshot.fragment, blobs: [], paused: 0, took: 0, bytes: 0, detail: null };
    },
  };

  /** Ids of complete checkpoints, rising. */
  get ids(): readonly number[] {
    return [...this.#manifests.keys()];
  }

  async complete(head: CheckpointHead, receipts: readonly FragmentReceipt[]): Promise<void> {
    const where = { format: 1, namespace: 'default', app: 'test', region: 'all' };
    this.#manifests.set(head.id, { ...head, ...where, fragments: receipts });
  }

  async list(): Promise<readonly { readonly manifest: Manifest; readonly id: number }[]> {
    return [...this.#manifests].map(([id, manifest]) => ({ id, manifest })).toReversed();
  }

  async newest(id: number = Number.MAX_SAFE_INTEGER): Promise<{ readonly manifest?: Manifest; readonly refused: [] }> {
    const found = (await this.list()).find((entry) => entry.id <= id);
    return { refused: [], ...(found === undefined ? {} : { manifest: found.manifest }) };
  }

  async load({ id }: Manifest, fragment: string): Promise<FragmentSnapshot> {
    return this.snapshot(id, fragment);
  }

  /** Of all fragments. */
  snapshots(id: number): FragmentSnapshot[] {
    return (this.#manifests.get(id)?.fragments ?? []).map(({ fragment }) => this.snapshot(id, fragment));
  }

  snapshot(id: number, fragment: string): FragmentSnapshot {
    const found = this.#snapshots.get(`${id} ${fragment}`);
    if (found === undefined) throw new Error(`no checkpoint ${id} of ${fragment}`);
    const copy = structuredClone(found);
    return { ...copy, cells: new Map([...copy.cells].map(unpackedCell)) };
  }
}

/** What matters of an image, piece after piece: a cut takes no longer than that. */
function packedCell([name, cell]: [string, CellSnapshot]): [string, CellSnapshot] {
  const { image } = cell;
  if (image === undefined) return [name, cell];
  const { memory } = image;
  const ranges: Ranges = [...(image.ranges ?? [[0, memory.length]]), [memory.length, memory.length]];
  const packed = Buffer.concat(ranges.map(([from, to]) => memory.subarray(from, to)));
  return [name, { ...cell, image: { ...image, ranges, memory: packed } }];
}

/** An image as a store would give it: what does not matter comes back as anything. */
function unpackedCell([name, cell]: [string, CellSnapshot]): [string, CellSnapshot] {
  const { image } = cell;
  if (image === undefined) return [name, cell];
  const { ranges = [], memory: packed } = image;
  const memory = new Uint8Array(ranges.at(-1)?.[1] ?? 0).fill(0xa5);
  let at = 0;
  for (const [from, to] of ranges) {
    memory.set(packed.subarray(at, at + to - from), from);
    at += to - from;
  }
  return [name, { ...cell, image: { ...image, memory } }];
}
