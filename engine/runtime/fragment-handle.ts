/**
 * What an agent asks of the runtime: one fragment of an app, from start to end. Implemented by `fragment.ts` in the thread that runs it, and by a
 * proxy in front of a worker thread; the simulation runs the former directly.
 *
 *     start ──> opening ──> ready ──> running ──> ended         any error ──> failed
 *
 * Rows flow as soon as everything of the fragment is open. The leader of a checkpointed region calls `checkpoint(n)` on all its
 * fragments, completes the checkpoint when all have said `saved`, then calls `commit(n)` on all. When all have said `ended`, the next checkpoint that
 * is started is the last: after its commits `finish` closes the sinks. A fragment that takes no checkpoints finishes by itself.
 */
import type { FragmentPlan, Host } from '../compile/fragment-plan.ts';
import type { SinkReport } from '../graph/connector.ts';
import type { MetricsSnapshot } from '../metrics/snapshot.ts';
import type { FragmentReceipt } from '../state/checkpoint/checkpoints.ts';
import type { ChannelStats } from '../transport/transport.ts';
import type { Succession } from './handover/succession.ts';

/** A complete checkpoint of a region that was, perhaps under another name or in another place. */
export interface CheckpointOrigin {
  readonly region: string;
  /** As `FragmentStart.domain`. */
  readonly domain?: string;
  readonly checkpoint: number;
}

/**
 * The fragment goes on, live, with what fragments of the plan before have (handover/succession.ts). It is `ready` when everything that it needs besides is
 * prepared; rows flow when all of it has come, after those fragments' barrier with `handover`.
 */
export interface Takeover {
  /** The epoch that ends. */
  readonly from: number;
  readonly succession: Succession;
  /** Where the fragments of the old plan run, by name. */
  readonly formers: ReadonlyMap<string, Host>;
}

/** A fragment of the new plan in another thread that waits for something of an old one. */
export interface Heir {
  readonly fragment: string;
  readonly host: Host;
  /** Cells of the old fragment whose state it carries; none: it only waits for the old one's channels to be closed. */
  readonly cells: readonly string[];
  /** Those of them that are the same share in the new plan, so that their images fit and can be copied ahead. */
  readonly same: readonly string[];
}

/** What a fragment of the old plan has to send to other threads. */
export interface Bequest {
  /** The epoch that begins; another one with every attempt. */
  readonly epoch: number;
  readonly heirs: readonly Heir[];
  /** Milliseconds that cells may stand still, if that can be had; absent: as few as can be. */
  readonly budget?: number;
}

/** What a fragment has taken over, once rows flow. */
export interface TookOver {
  /** Milliseconds from the cut of what it took to the first word that each of its cells had; where none comes for a second, until it could. */
  readonly pause: number;
  /** Sources, sinks and cells that went on as they were, and cells whose state went by snapshot. */
  readonly adopted: number;
  readonly carried: number;
  /** Of snapshots. */
  readonly bytes: number;
  /** Of copies made ahead of the cut, the most of any cell; 0: none was. */
  readonly rounds: number;
  /** Milliseconds that the copies ahead let expect; absent: nothing was copied ahead. */
  readonly predicted?: number;
}

export interface BarrierOptions {
  /** After it the fragment hands on nothing: what it has goes to the fragments that take over. */
  readonly handover?: boolean;
}

export interface FragmentStart {
  readonly plan: FragmentPlan;
  /** Of this start; greater than any epoch of the app before. Senders and receivers of a region's fragments all have it. */
  readonly epoch: number;
  /** Epochs of fragments of other regions by name, where a channel crosses regions. */
  readonly peers: ReadonlyMap<string, number>;
  /** The complete checkpoint to go on from; absent: from the beginning. */
  readonly checkpoint?: number;
  /** Instead of a checkpoint of its own region: those that hold what its nodes' state was. */
  readonly origins?: readonly CheckpointOrigin[];
  /** Checkpoints are taken of its region: sinks prepare and commit, and the fragment waits for `finish` at its end. */
  readonly checkpointed?: true;
  /** The JetStream domain where the region keeps its checkpoints, on its own side of a link; absent: that of the agent's own server. */
  readonly domain?: string;
  /** When the app began without any state, the last time, as a revision: journals of before are another's. Absent: at first. */
  readonly begun?: number;
  /** The domains of other regions by their fragments: durable channels are kept in that of their near side. Absent: as this agent's own server. */
  readonly domains?: ReadonlyMap<string, string>;
  /** Instead of `checkpoint` and `origins`; needs `checkpointed`. */
  readonly takeover?: Takeover;
  /** Where relative paths of connectors and components count from; absent: the host's own. */
  readonly directory?: string;
}

export interface SinkSummary extends SinkReport {
  readonly name: string;
}

export interface FragmentStatus {
  readonly state: 'opening' | 'ready' | 'running' | 'paused' | 'ended' | 'failed' | 'stopped';
  /** Channels that are not connected yet, with the reason where one is known. */
  readonly waiting: readonly { readonly channel: string; readonly reason: string }[];
  readonly channels: ReadonlyMap<string, ChannelStats>;
  readonly metrics: MetricsSnapshot;
  /** What holds it up, for people: `sink totals (postgres 10.0.7.2:5432: connection refused)`. */
  readonly busy?: readonly string[];
  /** What sinks say of what they wrote; once they are closed. */
  readonly sinks?: readonly SinkSummary[];
  readonly error?: { readonly code: string; readonly message: string; readonly hint?: string };
}

export interface FragmentEvents {
  /** The fragment's state at a barrier is safe in the store. */
  saved(checkpoint: number, receipt: FragmentReceipt): void;
  /** It could not be saved; the fragment goes on. */
  notSaved(checkpoint: number, error: Error): void;
  /** Once: everything is open, every channel connected. */
  ready(): void;
  /** Once: sources and inlets have ended, all has flowed out; only with checkpoints, and then the fragment waits for `finish`. */
  ended(): void;
  /** Once: rows flow through what it has taken over. */
  tookOver?(figures: TookOver): void;
  /**
   * Once: it has been cut at a barrier with `handover`, all that it sent has been taken, its channels are closed, and what it had may be taken. Then it waits for
   * `finish`, when all that follow have taken theirs.
   */
  handedOver?(checkpoint: number): void;
  /** Once, and the last call: finished, stopped, or failed. */
  over(error?: Error): void;
}

export type StopHow = 'drain' | 'discard' | 'forget';

export interface FragmentHandle {
  readonly plan: FragmentPlan;
  status(): FragmentStatus;
  /**
   * Asks for a barrier: the fragment cuts itself as soon as the barrier has come in on every open channel, at once where there is none (any
   * more). Ids rise; one that is not greater than the last does nothing, and a barrier that is overtaken by a later one is given up.
   */
  checkpoint(id: number, options?: BarrierOptions): void;
  /**
   * Before a barrier with `handover`, once those who follow are started: opens the ways to them and begins to copy ahead, while rows flow. Another bequest takes the place of the
   * one before, the same one again does nothing; undefined: there will be no handover, all is let go of.
   */
  bequeath(bequest: Bequest | undefined): Promise<void>;
  /** The checkpoint is complete in the whole region: sinks commit, sources acknowledge. Resolves when they have. */
  commit(id: number): Promise<void>;
  /** Sources hand on nothing more until `resume`; channels stay. */
  pause(): Promise<void>;
  resume(): Promise<void>;
  /** After the last commit: closes sinks and all else; the fragment is over. Before its end it waits for that. */
  finish(): Promise<void>;
  /**
   * `drain`: sources end and everything flows out, as at the end of input. Otherwise all stops where it is, and what is not in a checkpoint is discarded;
   * `forget`: what is in one, too, because nothing will go on from it.
   */
  stop(how: StopHow): Promise<void>;
}

export interface FragmentHost {
  start(start: FragmentStart, events: FragmentEvents): Promise<FragmentHandle>;
  close(): Promise<void>;
}
