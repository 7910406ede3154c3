/**
 * What a region's leader and the agents of its fragments say to each other. Both sides say how things should be, or are, as a whole, never
 * what has changed: a message that is lost is made good by the next, one that comes twice does nothing, and one that is overtaken is known by its serial.
 */

import type { Json } from '../../json.ts';
import type { CheckpointOrigin, TookOver } from '../../runtime/fragment-handle.ts';
import type { FragmentReceipt } from '../../state/checkpoint/checkpoints.ts';
import { parseBytes } from './document.ts';
import { type AgentName, agentName } from './names.ts';
import {
  anything,
  figure,
  flag,
  list,
  oneOf,
  optional,
  type Read,
  record,
  shape,
  text,
  whole,
  yes,
} from './read-json.ts';
import { checkpointOrigin } from './region-record.ts';
import { FRAGMENT_PHASES, type FragmentPhase } from './status.ts';
import { type FragmentTrouble, fragmentTrouble } from './troubles.ts';

/**
 * `drained`: its sources end and everything flows out; `finished`: its sinks close, once it has ended; `stopped`: it lets go of
 * everything and what is in no checkpoint is discarded.
 */
export type Goal = 'running' | 'paused' | 'drained' | 'finished' | 'stopped';

/** Instead of a checkpoint: what fragments have that run at `from`, by the distributed plan of this digest. */
export interface WishedTakeover {
  readonly from: number;
  readonly distributed: string;
  /** The epoch is in the region's record: from here on it is the one that counts. Before, only what it takes over from may run. */
  readonly committed?: true;
}

/** What the fragment has is to go to those of this distributed plan, which begin at `epoch`. */
export interface WishedBequest {
  readonly epoch: number;
  readonly distributed: string;
  /** Milliseconds that cells may stand still, if that can be had. */
  readonly budget?: number;
}

export interface Wish {
  readonly namespace: string;
  readonly app: string;
  readonly region: string;
  readonly fragment: string;
  readonly leader: AgentName;
  /** Who is meant: another agent may still listen for the fragment by an older assignment. */
  readonly host: AgentName;
  /** Which memory of the host alone may run it at this epoch; `''`: say which there is, and wait. Absent: of a leader that knows nothing of memories. */
  readonly memory?: string;
  readonly epoch: number;
  /** Rises with every wish of a leader. */
  readonly serial: number;
  /** Digest of the distributed plan that the fragment is part of. */
  readonly distributed: string;
  readonly goal: Goal;
  /** Of a fragment that is stopped: nothing will go on from its checkpoints, so that what sinks hold for them goes, too. */
  readonly forget?: boolean;
  /** To start from; absent: from the beginning. */
  readonly checkpoint?: number;
  /** To start from instead: what regions that were have left. */
  readonly origins?: readonly CheckpointOrigin[];
  readonly takeover?: WishedTakeover;
  readonly bequest?: WishedBequest;
  readonly domain?: string;
  /** As in the assignment. */
  readonly begun?: number;
  /** Checkpoints are taken: the fragment waits at its end. */
  readonly checkpointed: boolean;
  /** Least epochs of fragments in other regions. */
  readonly peers: Readonly<Record<string, number>>;
  /** Domains of other regions, by fragment. */
  readonly domains?: Readonly<Record<string, string>>;
  /** The checkpoint to cut for; 0: none. */
  readonly barrier: number;
  /** At which it hands over, and hands on nothing more. */
  readonly handover?: true;
  /** The checkpoint that is complete in the whole region; 0: none. */
  readonly commit: number;
}

export interface FragmentReport {
  readonly fragment: string;
  readonly host: AgentName;
  /** Of the process that runs it. */
  readonly incarnation: string;
  /** Of its disk. */
  readonly memory?: string;
  readonly epoch: number;
  /** Of the wish that was taken last, and of this report. */
  readonly wish: number;
  readonly serial: number;
  /** `absent`: this process does not run it at this epoch and will not. */
  readonly phase: FragmentPhase;
  readonly trouble?: FragmentTrouble;
  readonly saved?: { readonly checkpoint: number; readonly receipt: FragmentReceipt };
  readonly notSaved?: { readonly checkpoint: number; readonly message: string };
  /** The last checkpoint whose commit is done. */
  readonly committed: number;
  /** Of one that takes over: the epoch is safe on its disk. */
  readonly taking?: true;
  /** Rows flow through what it has taken over. */
  readonly tookOver?: TookOver;
  /** All that it had may be taken, or has been. */
  readonly handedOver?: true;
}

const receipt = shape<FragmentReceipt>({
  fragment: text,
  blobs: list(shape<FragmentReceipt['blobs'][number]>({ name: text, bytes: figure, digest: text })),
  paused: figure,
  took: figure,
  bytes: figure,
  detail: anything as Read<Json>,
});

const wish: Read<Wish> = shape<Wish>({
  namespace: text,
  app: text,
  region: text,
  fragment: text,
  leader: agentName,
  host: agentName,
  memory: optional(text),
  epoch: whole,
  serial: whole,
  distributed: text,
  goal: oneOf<Goal>('running', 'paused', 'drained', 'finished', 'stopped'),
  forget: optional(flag),
  checkpoint: optional(whole),
  origins: optional(list(checkpointOrigin)),
  takeover: optional(shape<WishedTakeover>({ from: whole, distributed: text, committed: optional(yes) })),
  bequest: optional(shape<WishedBequest>({ epoch: whole, distributed: text, budget: optional(figure) })),
  domain: optional(text),
  begun: optional(whole),
  checkpointed: flag,
  peers: record(whole),
  domains: optional(record(text)),
  barrier: whole,
  handover: optional(yes),
  commit: whole,
});

const report: Read<FragmentReport> = shape<FragmentReport>({
  fragment: text,
  host: agentName,
  incarnation: text,
  memory: optional(text),
  epoch: whole,
  wish: whole,
  serial: whole,
  phase: oneOf(...FRAGMENT_PHASES),
  trouble: optional(fragmentTrouble),
  saved: optional(shape<NonNullable<FragmentReport['saved']>>({ checkpoint: whole, receipt })),
  notSaved: optional(shape<NonNullable<FragmentReport['notSaved']>>({ checkpoint: whole, message: text })),
  committed: whole,
  taking: optional(yes),
  tookOver: optional(
    shape<TookOver>({
      pause: figure,
      adopted: whole,
      carried: whole,
      bytes: figure,
      rounds: whole,
      predicted: optional(figure),
    }),
  ),
  handedOver: optional(yes),
});

/** Throws `cluster.bad-document`. */
export function decodeWish(bytes: Uint8Array): Wish {
  return wish(parseBytes(bytes, 'wish'), 'wish');
}

/** Throws `cluster.bad-document`. */
export function decodeReport(bytes: Uint8Array): FragmentReport {
  return report(parseBytes(bytes, 'report'), 'report');
}
