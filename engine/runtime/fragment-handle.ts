/**
 * What an agent asks of the runtime: one fragment of an app, from start to end. Implemented by `fragment.ts` in the thread that runs it, and by a
 * proxy in front of a worker thread; the simulation runs the former directly.
 *
 *     start ──> opening ──> ready ──> running ──> ended         any error ──> failed
 */
import type { FragmentPlan } from '../compile/fragment-plan.ts';
import type { MetricsSnapshot } from '../metrics/snapshot.ts';
import type { FragmentReceipt } from '../state/checkpoints.ts';
import type { ChannelStats } from '../transport/transport.ts';

export interface FragmentStart {
  readonly plan: FragmentPlan;
  /** Of this start; greater than any epoch of the app before. Senders and receivers of a region's fragments all have it. */
  readonly epoch: number;
  /** Epochs of fragments of other regions by name, where a channel crosses regions. */
  readonly peers: ReadonlyMap<string, number>;
  /** The complete checkpoint to go on from; absent: from the beginning. */
  readonly checkpoint?: number;
  /** The JetStream domain where the region keeps its checkpoints, on its own side of a link; absent: that of the agent's own server. */
  readonly domain?: string;
}

export interface FragmentStatus {
  readonly state: 'opening' | 'ready' | 'running' | 'paused' | 'ended' | 'failed' | 'stopped';
  /** Channels that are not connected yet, with the reason where one is known. */
  readonly waiting: readonly { readonly channel: string; readonly reason: string }[];
  readonly channels: ReadonlyMap<string, ChannelStats>;
  readonly metrics: MetricsSnapshot;
  readonly error?: { readonly code: string; readonly message: string; readonly hint?: string };
}

export interface FragmentEvents {
  /** The fragment's state at a barrier is safe in the store. */
  saved(checkpoint: number, receipt: FragmentReceipt): void;
  /** It could not be saved; the fragment goes on. */
  notSaved(checkpoint: number, error: Error): void;
  /** Once: everything is open, every channel connected. */
  ready(): void;
  /** Once, and the last call: ended by its sources' end, stopped, or failed. */
  over(error?: Error): void;
}

export interface FragmentHandle {
  readonly plan: FragmentPlan;
  status(): FragmentStatus;
  /** Asks for a barrier: the fragment cuts itself as soon as the barrier has come in on every channel (at once where there is none). */
  checkpoint(id: number): void;
  /** The checkpoint is complete in the whole region: sinks commit, sources acknowledge. Resolves when they have. */
  commit(id: number): Promise<void>;
  /** Sources hand on nothing more until `resume`; channels stay. */
  pause(): Promise<void>;
  resume(): Promise<void>;
  /** `drain`: sources end and everything flows out, as at the end of input. Otherwise all stops where it is, and what is not in a checkpoint is discarded. */
  stop(how: 'drain' | 'discard'): Promise<void>;
}

export interface FragmentHost {
  start(start: FragmentStart, events: FragmentEvents): Promise<FragmentHandle>;
  close(): Promise<void>;
}
