/**
 * What a running dataflow tells of itself, as plain data (JSON as it is), and the one table that says what each figure means.
 * Times are milliseconds since the epoch, as numbers, because JSON has no 64-bit integers.
 */

export type NodeKind = 'source' | 'cell' | 'sink';

/** `running` until every source has ended, then `draining` until every sink is closed. */
export type RunState = 'opening' | 'running' | 'draining' | 'ended' | 'failed';

export interface NodeMetrics {
  readonly name: string;
  readonly kind: NodeKind;
  readonly rowsIn: number;
  readonly rowsOut: number;
  readonly batchesIn: number;
  readonly batchesOut: number;
  readonly bytesIn: number;
  readonly bytesOut: number;
  readonly late: number;
  readonly errors: number;
  readonly skipped: number;
  readonly diverted: number;
  readonly dropped: number;
  readonly rowsPerSecond: number;
  readonly watermark: number | null;
  readonly lag: number | null;
  readonly memory: number;
  readonly queued: number;
  readonly idle: boolean;
  readonly ended: boolean;
  readonly evicted: number;
  readonly busyTime: number;
  readonly blockedTime: number;
  readonly idleTime: number;
  readonly operators: readonly OperatorSize[];
}

/** What an operator of a cell keeps; `keys` is null where the cell does not know. */
export interface OperatorSize {
  readonly operator: string;
  readonly keys: number | null;
  readonly bytes: number;
}

export interface MetricsSnapshot {
  readonly at: number;
  readonly state: RunState;
  readonly elapsed: number;
  readonly rowsIn: number;
  readonly rowsOut: number;
  readonly rowsPerSecond: number;
  readonly late: number;
  readonly errors: number;
  readonly bad: number;
  readonly watermark: number | null;
  readonly lag: number | null;
  readonly memory: number;
  /** In the order of the plan: sources, cells, sinks. */
  readonly nodes: readonly NodeMetrics[];
}

export interface MetricDefinition {
  readonly name: keyof NodeMetrics | keyof MetricsSnapshot;
  /** `rows`, `batches`, `bytes`, `rows/s`, `ms`, `s` or empty. */
  readonly unit: string;
  /** What it is a figure of. */
  readonly of: 'node' | 'run' | 'node and run';
  readonly meaning: string;
}

function define(
  name: MetricDefinition['name'],
  unit: string,
  of: MetricDefinition['of'],
  meaning: string,
): MetricDefinition {
  return { name, unit, of, meaning };
}

/** Every figure, once. The reference is made of it. */
export const METRICS: readonly MetricDefinition[] = [
  define('rowsIn', 'rows', 'node and run', 'rows taken in; of the run: by all sources'),
  define('rowsOut', 'rows', 'node and run', 'rows handed on by main outputs; of the run: written by all sinks'),
  define('batchesIn', 'batches', 'node', 'batches taken in'),
  define('batchesOut', 'batches', 'node', 'batches handed on by main outputs'),
  define('bytesIn', 'bytes', 'node', 'Arrow bytes taken in'),
  define('bytesOut', 'bytes', 'node', 'Arrow bytes handed on by main outputs'),
  define('late', 'rows', 'node and run', 'rows that came after their window had closed, dropped or diverted'),
  define('errors', 'rows', 'node and run', 'rows that an expression or component could not take, skipped or diverted'),
  define('skipped', 'rows', 'node', 'rows that a source could not read, left out'),
  define('diverted', 'rows', 'node', 'rows that a source could not read, sent to its `.errors` output'),
  define('bad', 'rows', 'run', 'rows that sources could not read, left out or diverted'),
  define('dropped', 'rows', 'node', 'rows that an observer with a drop policy did not get'),
  define('rowsPerSecond', 'rows/s', 'node and run', 'rows taken in a second, smoothed over about five seconds'),
  define(
    'watermark',
    'ms',
    'node and run',
    'event time before which no row is awaited; of the run: the least of the sinks',
  ),
  define('lag', 'ms', 'node and run', 'how far the watermark is behind the clock'),
  define('memory', 'bytes', 'node and run', 'memory that the cell holds; of the run: cells and queues'),
  define('queued', 'bytes', 'node', 'bytes that wait for a busy sink'),
  define('idle', '', 'node', 'true while every source upstream is silent for longer than its `idleAfter`'),
  define('ended', '', 'node', 'true when nothing more will come'),
  define('evicted', 'rows', 'node', 'groups given up because an operator reached its `memory`'),
  define('busyTime', 'ms', 'node', 'time spent working: of a source taking in, of a cell computing, of a sink writing'),
  define(
    'blockedTime',
    'ms',
    'node',
    'time held back: of sources and cells because a sink or channel downstream was full, of a sink because what it writes to was',
  ),
  define('idleTime', 'ms', 'node', 'what is left of `elapsed`: nothing to do'),
  define('operators', '', 'node', 'keys and bytes of state of each operator of a cell'),
  define('state', '', 'run', 'opening, running, draining, ended or failed'),
  define('elapsed', 's', 'run', 'since the first source was started'),
  define('at', 'ms', 'run', 'when the figures were taken'),
];
