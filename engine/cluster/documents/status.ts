/** What an agent says of itself in every heartbeat, and in answer to a question. */
import { type DiskUse, diskUse } from './disk-use.ts';
import { parseBytes, type Versioned, versions } from './document.ts';
import type { AgentName } from './names.ts';
import {
  figure,
  flag,
  list,
  oneOf,
  oneOfOr,
  optional,
  type Read,
  refuse,
  shape,
  text,
  whole,
  yes,
} from './read-json.ts';
import { type TaskFigures, taskFigures } from './task.ts';
import { type Trouble, trouble } from './troubles.ts';

/** `absent`: not run by this process, at the epoch that is wished; `ended`: nothing more will come; `finished`: sinks are closed, too. */
export type FragmentPhase = (typeof FRAGMENT_PHASES)[number];
export const FRAGMENT_PHASES = [
  'absent',
  'opening',
  'ready',
  'running',
  'paused',
  'ended',
  'finished',
  'failed',
  'stopped',
] as const;

export interface ChannelFigures {
  readonly channel: string;
  readonly connected: boolean;
  readonly rows: number;
  readonly bytes: number;
  /** Bytes; of a durable one's sender those kept until the other side's checkpoints cover them. */
  readonly queued: number;
  /** Milliseconds. */
  readonly roundTrip?: number;
  /** Rows that a durable one gave up at its bound; absent: none. */
  readonly lost?: number;
}

/** Of one source, cell or sink, for those who ask for nodes. Counts since the app's beginning; times in milliseconds. */
export interface NodeFigures {
  readonly name: string;
  readonly kind: string;
  readonly rowsIn: number;
  readonly rowsOut: number;
  readonly late: number;
  readonly errors: number;
  /** Event time before which no row is awaited, in milliseconds since the epoch. */
  readonly watermark?: number;
  /** How far the watermark is behind the clock; absent where the rows are history that is read again. */
  readonly lag?: number;
  readonly memory: number;
  readonly queued: number;
  readonly busyTime: number;
  readonly blockedTime: number;
  readonly idleTime: number;
  readonly operators: readonly { readonly operator: string; readonly keys?: number; readonly bytes: number }[];
}

/** Of a source or sink: what it talks to is away, or takes nothing, and is tried again. */
export interface RetryFigures {
  /** `sink totals`. */
  readonly node: string;
  /** `postgres 10.0.7.2:5432`. */
  readonly server: string;
  readonly reason: string;
  /** Milliseconds that it has lasted. */
  readonly lasts: number;
  readonly attempts: number;
}

/** Of one fragment on this agent. */
export interface FragmentFigures {
  readonly namespace: string;
  readonly app: string;
  readonly fragment: string;
  readonly region: string;
  readonly worker: number;
  readonly revision: number;
  readonly epoch: number;
  readonly phase: FragmentPhase;
  readonly waiting: readonly { readonly channel: string; readonly reason: string }[];
  readonly channels: readonly ChannelFigures[];
  /** Of its sources, and what its sinks wrote. */
  readonly rowsIn: number;
  readonly rowsOut: number;
  readonly rowsPerSecond: number;
  /** Rows that it was given, by sources and other fragments, and rows that it gave, to sinks and other fragments; absent: not told. */
  readonly taken?: number;
  readonly given?: number;
  readonly takenPerSecond?: number;
  readonly late: number;
  readonly errors: number;
  /** As of a node. */
  readonly watermark?: number;
  readonly lag?: number;
  /** What its sources and sinks go on trying; absent: nothing. */
  readonly retries?: readonly RetryFigures[];
  readonly memory: number;
  readonly trouble?: Trouble;
  /** Milliseconds since the epoch when the figures were taken. */
  readonly at?: number;
  readonly nodes?: readonly NodeFigures[];
}

export type RegionPhase = (typeof REGION_PHASES)[number];
const REGION_PHASES = [
  'acquiring',
  'starting',
  'running',
  'backoff',
  'failed',
  'finished',
  'stopping',
  'stopped',
  'fenced',
] as const;

/** Of one region that this agent leads. */
export interface RegionFigures {
  readonly namespace: string;
  readonly app: string;
  readonly region: string;
  /** `deployed` of the assignment that it follows. */
  readonly deployed: number;
  /** `revision` of the assignment that it has carried out. */
  readonly revision: number;
  readonly epoch: number;
  readonly phase: RegionPhase;
  readonly restarts: number;
  /** The last complete one; 0: none. */
  readonly checkpoint: number;
  /** Milliseconds since the epoch, and milliseconds that it took. */
  readonly completed?: number;
  readonly took?: number;
  readonly bytes?: number;
  /** The last checkpoint that was asked for at this revision of the app document, or before, is complete. */
  readonly answered?: number;
  /** Milliseconds since the last complete checkpoint, or since it was started; absent once there is nothing more to save. */
  readonly unsaved?: number;
  /** What the checkpoint under way waits for, or else why the last one was given up; absent: nothing stands in the way. */
  readonly hindrance?: string;
  readonly trouble?: Trouble;
  /** Of the last change of its plan. */
  readonly move?: MoveReceipt;
}

/** What a change of places or partitions came to. Times in milliseconds. */
export interface MoveReceipt {
  /** Of the app document that asked for it. */
  readonly revision: number;
  /** `live`: while rows flowed; `restart`: by a last checkpoint and a start from it. */
  readonly how: 'live' | 'restart';
  /** Of what stood still the longest. */
  readonly pause: number;
  readonly total: number;
  /** Of state that was copied. */
  readonly bytes: number;
  /** Of copies ahead. */
  readonly rounds: number;
  /** Sources, sinks and cells that went on as they were, and cells whose state was copied. */
  readonly adopted: number;
  /** Of a restart: fragments that started from the last checkpoint. */
  readonly carried: number;
  /**
   * Rows: none, by the protocol. One owner is in force at each epoch, nothing is under way in channels at the barrier between two, sources go on from their
   * positions in it, and sinks show only what a complete checkpoint covers.
   */
  readonly lost: 0;
  readonly duplicated: 0;
}

/** An agent that another one has heard of, and hears no more. */
export interface SilentAgent extends AgentName {
  readonly tier: 'edge' | 'cloud';
  readonly workers: number;
  readonly version: string;
  /** Milliseconds since it was heard of last. */
  readonly silent: number;
  /** It said that it was about to stop. */
  readonly left: boolean;
}

export interface AgentStatus extends Versioned, AgentName {
  /** Another one at every start of the process. */
  readonly incarnation: string;
  /** Rises with every status of an incarnation. */
  readonly serial: number;
  readonly tier: 'edge' | 'cloud';
  readonly labels: readonly string[];
  readonly devices: readonly string[];
  readonly workers: number;
  readonly version: string;
  /** JetStream domain of the server that the agent stands with; absent where that has none. */
  readonly domain?: string;
  readonly jetstream: boolean;
  /** Of an agent of the cloud: when the bucket of the control documents was made, milliseconds since the epoch; absent: there is none yet. */
  readonly documentsSince?: number;
  /** The highest epoch that it ever saw. */
  readonly epoch: number;
  readonly coordinator: boolean;
  /** It is about to stop. */
  readonly leaving: boolean;
  /** It wants others to take over what it runs before it stops; until then it goes on. */
  readonly parting?: true;
  /** It can run fragments that take over from others while rows flow. */
  readonly handsOver?: true;
  readonly fragments: readonly FragmentFigures[];
  readonly regions: readonly RegionFigures[];
  /** Absent: none. */
  readonly tasks?: readonly TaskFigures[];
  /** Those in earshot, of an edge its own site and of the cloud all, that it does not hear any more; absent: none. */
  readonly silent?: readonly SilentAgent[];
  /** Absent where the agent does not know. */
  readonly disk?: DiskUse;
}

const nodeFigures = shape<NodeFigures>({
  name: text,
  kind: text,
  rowsIn: figure,
  rowsOut: figure,
  late: figure,
  errors: figure,
  watermark: optional(figure),
  lag: optional(figure),
  memory: figure,
  queued: figure,
  busyTime: figure,
  blockedTime: figure,
  idleTime: figure,
  operators: list(shape<NodeFigures['operators'][number]>({ operator: text, keys: optional(figure), bytes: figure })),
});

const retryFigures = shape<RetryFigures>({ node: text, server: text, reason: text, lasts: figure, attempts: figure });

const fragmentFigures = shape<FragmentFigures>({
  namespace: text,
  app: text,
  fragment: text,
  region: text,
  worker: whole,
  revision: whole,
  epoch: whole,
  phase: oneOfOr<FragmentPhase>('absent', ...FRAGMENT_PHASES),
  waiting: list(shape<{ channel: string; reason: string }>({ channel: text, reason: text })),
  channels: list(
    shape<ChannelFigures>({
      channel: text,
      connected: flag,
      rows: figure,
      bytes: figure,
      queued: figure,
      roundTrip: optional(figure),
      lost: optional(figure),
    }),
  ),
  rowsIn: figure,
  rowsOut: figure,
  rowsPerSecond: figure,
  taken: optional(figure),
  given: optional(figure),
  takenPerSecond: optional(figure),
  late: figure,
  errors: figure,
  watermark: optional(figure),
  lag: optional(figure),
  retries: optional(list(retryFigures)),
  memory: figure,
  trouble: optional(trouble),
  at: optional(figure),
  nodes: optional(list(nodeFigures)),
});

const none: Read<0> = (value, path) => (value === 0 ? value : refuse(path, '0'));

export const moveReceipt: Read<MoveReceipt> = shape<MoveReceipt>({
  revision: whole,
  how: oneOf<MoveReceipt['how']>('live', 'restart'),
  pause: figure,
  total: figure,
  bytes: figure,
  rounds: whole,
  adopted: whole,
  carried: whole,
  lost: none,
  duplicated: none,
});

const regionFigures = shape<RegionFigures>({
  namespace: text,
  app: text,
  region: text,
  deployed: whole,
  revision: whole,
  epoch: whole,
  phase: oneOfOr<RegionPhase>('acquiring', ...REGION_PHASES),
  restarts: whole,
  checkpoint: whole,
  completed: optional(figure),
  took: optional(figure),
  bytes: optional(figure),
  answered: optional(whole),
  unsaved: optional(figure),
  hindrance: optional(text),
  trouble: optional(trouble),
  move: optional(moveReceipt),
});

const silentAgent = shape<SilentAgent>({
  site: text,
  agent: text,
  tier: oneOfOr<'edge' | 'cloud'>('edge', 'cloud'),
  workers: whole,
  version: text,
  silent: figure,
  left: flag,
});

const agentStatus: Read<AgentStatus> = shape<AgentStatus>({
  ...versions,
  site: text,
  agent: text,
  incarnation: text,
  serial: whole,
  tier: oneOfOr<'edge' | 'cloud'>('edge', 'cloud'),
  labels: list(text),
  devices: list(text),
  workers: whole,
  version: text,
  domain: optional(text),
  jetstream: flag,
  documentsSince: optional(figure),
  epoch: whole,
  coordinator: flag,
  leaving: flag,
  parting: optional(yes),
  handsOver: optional(yes),
  fragments: list(fragmentFigures),
  regions: list(regionFigures),
  tasks: optional(list(taskFigures)),
  silent: optional(list(silentAgent)),
  disk: optional(diskUse),
});

/** Throws `cluster.bad-document`. */
export function decodeStatus(bytes: Uint8Array): AgentStatus {
  return agentStatus(parseBytes(bytes, 'heartbeat'), 'heartbeat');
}
