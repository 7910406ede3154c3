/**
 * Checkpoints of one region of an app in a blob store (layout.ts): for each fragment the pages of its cells' memories that changed since the
 * checkpoint before, and a state with everything else; then a manifest, which names all of them with their checksums.
 *
 * A checkpoint is complete when its manifest is there. What is damaged, of another app, or of an owner who was none any more is
 * refused by name, and the one before it is used.
 */
import type { Json } from '../../json.ts';
import type { FragmentSnapshot, SinkSnapshot } from './state.ts';

/** What a fragment hands to whoever completes the checkpoint: names, sizes and checksums of the blobs that it wrote or that it still needs. */
export interface FragmentReceipt {
  readonly fragment: string;
  readonly blobs: readonly { readonly name: string; readonly bytes: number; readonly digest: string }[];
  /** Milliseconds that the fragment stood still, and until all was safe. */
  readonly paused: number;
  readonly took: number;
  readonly bytes: number;
  readonly detail: Json;
}

export interface CheckpointHead {
  readonly id: number;
  readonly epoch: number;
  readonly revision: number;
  /** Milliseconds since the epoch. */
  readonly started: number;
  readonly completed: number;
}

export interface Manifest extends CheckpointHead {
  readonly format: number;
  readonly namespace: string;
  readonly app: string;
  readonly region: string;
  readonly fragments: readonly FragmentReceipt[];
}

/** One thread's side: takes what a cut hands out. */
export interface FragmentSaver {
  /**
   * Takes, before it returns, whatever of the snapshot is a view; resolves when all is safe. Sinks prepare behind the cut, because their
   * queues have to empty first: where `sinks` is given, `snapshot.sinks` is empty and what they give belongs in its place; its rejection is the save's.
   */
  save(
    id: number,
    snapshot: FragmentSnapshot,
    sinks?: Promise<ReadonlyMap<string, SinkSnapshot>>,
  ): Promise<FragmentReceipt>;
}

export interface Refused {
  readonly id: number;
  readonly problem: string;
  /** Something of it is not there; who has a copy may put it back. */
  readonly missing?: boolean;
}

/** The region's side. */
export interface Checkpoints {
  complete(head: CheckpointHead, receipts: readonly FragmentReceipt[]): Promise<void>;
  /** The newest first; what is not sound says why. */
  list(): Promise<readonly { readonly manifest?: Manifest; readonly id: number; readonly problem?: string }[]>;
  /**
   * The newest sound one not later than `id`, or else of `epoch` or a later one, checked whole, and those that were refused with the reason. Rejects with
   * `state.read` where a store cannot be read now: what is in it may be sound, and an earlier checkpoint would repeat output.
   */
  newest(
    id?: number,
    epoch?: number,
  ): Promise<{
    readonly manifest?: Manifest;
    readonly refused: readonly Refused[];
  }>;
  load(manifest: Manifest, fragment: string): Promise<FragmentSnapshot>;
}
