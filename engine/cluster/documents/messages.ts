/**
 * What a region's leader and the agents of its fragments say to each other. Both sides say how things should be, or are, as a whole, never
 * what has changed: a message that is lost is made good by the next, one that comes twice does nothing, and one that is overtaken is known by its serial.
 */

import type { Json } from '../../json.ts';
import type { CheckpointOrigin } from '../../runtime/fragment-handle.ts';
import type { FragmentReceipt } from '../../state/checkpoint/checkpoints.ts';
import { parseBytes } from './document.ts';
import { type AgentName, agentName } from './names.ts';
import { anything, figure, flag, list, oneOf, optional, type Read, record, shape, text, whole } from './read-json.ts';
import { checkpointOrigin } from './region-record.ts';
import { FRAGMENT_PHASES, type FragmentPhase } from './status.ts';
import { type FragmentTrouble, fragmentTrouble } from './troubles.ts';

/**
 * `drained`: its sources end and everything flows out; `finished`: its sinks close, once it has ended; `stopped`: it lets go of
 * everything and what is in no checkpoint is discarded.
 */
export type Goal = 'running' | 'paused' | 'drained' | 'finished' | 'stopped';

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
  domain: optional(text),
  begun: optional(whole),
  checkpointed: flag,
  peers: record(whole),
  domains: optional(record(text)),
  barrier: whole,
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
});

/** Throws `cluster.bad-document`. */
export function decodeWish(bytes: Uint8Array): Wish {
  return wish(parseBytes(bytes, 'wish'), 'wish');
}

/** Throws `cluster.bad-document`. */
export function decodeReport(bytes: Uint8Array): FragmentReport {
  return report(parseBytes(bytes, 'report'), 'report');
}
