/** What the user wishes of a task that agents serve, and what an agent says of one that it serves. */
import { type Versioned, versions } from './document.ts';
import { figure, list, oneOf, oneOfOr, optional, type Read, record, shape, text, whole } from './read-json.ts';
import { type Trouble, trouble } from './troubles.ts';

export interface TaskName {
  readonly namespace: string;
  readonly task: string;
}

/** For maps and messages: `default/scoring`. */
export function taskLabel({ namespace, task }: TaskName): string {
  return `${namespace}/${task}`;
}

export function taskKey({ namespace, task }: TaskName): string {
  return `tasks.${namespace}.${task}`;
}

/** Which agents are to serve a task: all that it names at once; of each of their sites `replicas`, all unless given. */
export interface TaskPlacement {
  readonly site?: string;
  readonly tier?: 'edge' | 'cloud';
  /** An agent has to have them all. */
  readonly labels?: readonly string[];
  readonly replicas?: number;
}

/** `workers`, `queueCalls`, `queueBytes`, `deadline` (milliseconds), `memoryBytes`, as `TaskLimits` has them; as that has it where not said. */
export type TaskBounds = Readonly<Record<string, number>>;

/** `tasks.<namespace>.<task>`: what the user wishes. Kept when the task is undeployed, so that revisions go on rising. */
export interface TaskDocument extends Versioned, TaskName {
  /** Rises with every change. */
  readonly revision: number;
  readonly wanted: 'served' | 'undeployed';
  /** Digest of the logical plan: the operators up to the one below, and the source that they read. */
  readonly plan: string;
  /** Whose rows are the answer. */
  readonly operator: string;
  /** Names only: values may be secret. */
  readonly parameters: readonly string[];
  readonly placement: TaskPlacement;
  readonly bounds: TaskBounds;
  /** Milliseconds since the epoch. */
  readonly changed: number;
}

const tier = oneOf<'edge' | 'cloud'>('edge', 'cloud');

export const taskDocument: Read<TaskDocument> = shape<TaskDocument>({
  ...versions,
  namespace: text,
  task: text,
  revision: whole,
  wanted: oneOf<TaskDocument['wanted']>('served', 'undeployed'),
  plan: text,
  operator: text,
  parameters: list(text),
  placement: shape<TaskPlacement>({
    site: optional(text),
    tier: optional(tier),
    labels: optional(list(text)),
    replicas: optional(whole),
  }),
  bounds: record(figure),
  changed: whole,
});

/** `opening`: nothing is served yet. `failed`: what the document says is not served, and why; an earlier revision may be. */
export type TaskPhase = (typeof PHASES)[number];
const PHASES = ['opening', 'serving', 'failed', 'closing'] as const;

/** Of a task on one agent. Counts since it was opened there at this revision; times in milliseconds. */
export interface TaskFigures extends TaskName {
  /** Which one is served; 0: none. */
  readonly revision: number;
  readonly operator: string;
  readonly phase: TaskPhase;
  readonly calls: number;
  readonly failed: number;
  readonly timeouts: number;
  readonly shed: number;
  readonly queued: number;
  readonly queuedBytes: number;
  readonly running: number;
  readonly runners: number;
  /** Of the wait for a turn, and of the turn. */
  readonly waited: { readonly p50: number; readonly p99: number };
  readonly ran: { readonly p50: number; readonly p99: number };
  readonly trouble?: Trouble;
}

const times = shape<TaskFigures['ran']>({ p50: figure, p99: figure });

export const taskFigures: Read<TaskFigures> = shape<TaskFigures>({
  namespace: text,
  task: text,
  revision: whole,
  operator: text,
  phase: oneOfOr<TaskPhase>('opening', ...PHASES),
  calls: figure,
  failed: figure,
  timeouts: figure,
  shed: figure,
  queued: figure,
  queuedBytes: figure,
  running: figure,
  runners: figure,
  waited: times,
  ran: times,
  trouble: optional(trouble),
});
