/**
 * The physical plan of a whole continuum. A *fragment* is what one worker thread runs as one synchronous piece: every row that a source or an
 * inlet hands on has gone through all its cells before the next one comes, so between two batches the whole fragment is in one consistent
 * state, and cutting it there is a checkpoint without any alignment inside.
 *
 *     fragment a (edge)                      fragment b (cloud)
 *     source ─> cell ─> outlet ══channel══> inlet ─> cell ─> sink
 *
 * Fragments are the nodes on one worker between two exchanges (a change of place, or of partitions), numbered by stage, so that
 * the graph of fragments has no cycle: barriers need alignment only at inlets. `distribute.ts` makes them of a logical plan
 * and an assignment. Plain data, carried by `stringifyValue`.
 */
import type { Schema } from '../batch/types.ts';
import type { Expr } from '../expression/ir.ts';
import type { LogicalPlan, SinkNode, SourceNode, StreamRef } from '../graph/plan.ts';
import type { CellPlan } from './cell-plan.ts';

/** Key groups of an app: rows of one key are in one group, and a partition is a range of groups. */
export const KEY_GROUPS = 128;

/** A worker thread of an agent. */
export interface Host {
  readonly site: string;
  readonly agent: string;
  readonly worker: number;
}

/** Where the partitions of every node run; `hosts.length` is the number of partitions. Given by placement or by the planner. */
export interface Assignment {
  readonly nodes: ReadonlyMap<string, readonly Host[]>;
}

/** One partition of a node: `partition` of `partitions`, and the key groups from `firstGroup` to `lastGroup` where it is keyed. */
export interface Share {
  readonly partition: number;
  readonly partitions: number;
  readonly firstGroup: number;
  readonly lastGroup: number;
  /** It runs once a site: rows, state and identity are this site's own, and no other partition's state is taken. */
  readonly site?: string;
  /** Which partitions of sources its rows come from (distribute/origins.ts); absent where it runs once a site. */
  readonly origins?: string;
}

export interface FragmentPlan {
  readonly namespace: string;
  readonly app: string;
  /** Of the desired state that it belongs to; rises with every change. */
  readonly revision: number;
  /** Unique in the app; a NATS token. */
  readonly name: string;
  readonly host: Host;
  /** Regions are checkpointed and recovered each on its own; `durable` streams part them. */
  readonly region: string;
  readonly sources: readonly SourceNode[];
  /** Fused within this fragment. */
  readonly cells: readonly CellPlan[];
  readonly sinks: readonly SinkNode[];
  /** By node. */
  readonly shares: ReadonlyMap<string, Share>;
  readonly inlets: readonly Inlet[];
  readonly outlets: readonly Outlet[];
  /** The tier that what it reads must not leave, with the proof in words: no agent of another tier runs it. */
  readonly stays?: { readonly tier: 'edge' | 'cloud'; readonly why: string };
  /** Of its checkpoints; absent: `exactly-once`. With `at-least-once` no channel waits for the others' barriers. */
  readonly mode?: 'exactly-once' | 'at-least-once';
  /** By source, the step in which lateness counts downstream of it in the whole graph (`cutStep`); absent: the finest, which is right but cuts more often. */
  readonly cutSteps?: ReadonlyMap<string, bigint>;
}

/** A stream that comes in, over one channel from each fragment that yields a part of it. */
export interface Inlet {
  readonly stream: StreamRef;
  /** Every source behind it ends by itself (bounds.ts); absent where one does not, or it is not known. */
  readonly bounded?: true;
  readonly schema: Schema;
  readonly channels: readonly Channel[];
}

/** A stream that goes out, over one channel to each fragment that reads a part of it. */
export interface Outlet {
  readonly stream: StreamRef;
  readonly schema: Schema;
  readonly channels: readonly Channel[];
  readonly exchange: Exchange;
}

/** How the rows of an outlet are dealt to its channels. Watermarks, barriers and ends go to all. */
export type Exchange =
  | { readonly kind: 'all' }
  /** By the key group of each row; channel `i` takes the groups `groups[i]`, both ends included. */
  | { readonly kind: 'hash'; readonly keys: readonly Expr[]; readonly groups: readonly (readonly [number, number])[] }
  /** Whole batches in turn. */
  | { readonly kind: 'round-robin' };

export interface Channel {
  /** Unique in the app and stable from revision to revision while both ends are; letters, digits, `-` and `_`. */
  readonly id: string;
  readonly from: string;
  readonly to: string;
  /** Chosen of the placement: within a thread, between threads of an agent, between agents, or kept by JetStream. */
  readonly transport: 'thread' | 'local' | 'nats' | 'durable';
  /** Why this transport, for `explain`. */
  readonly why: string;
  /** Bytes that may be under way; of a durable one, bytes that are kept. */
  readonly maxBytes: number;
  /** Of a durable one, what happens at `maxBytes`; absent: `block`. */
  readonly onFull?: 'block' | 'dropOldest';
}

export interface DistributedPlan {
  readonly planVersion?: number;
  readonly logical: LogicalPlan;
  readonly fragments: readonly FragmentPlan[];
}
