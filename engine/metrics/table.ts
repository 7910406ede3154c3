/**
 * The one table that says what each figure means: of nodes and runs as `snapshot.ts` gives them, and of what a cluster is made of besides. Names
 * and help texts of Prometheus, and docs/metrics.md, are made of it.
 */
import type { MetricsSnapshot, NodeMetrics, OperatorSize } from './snapshot.ts';

/** What a figure is of; figures of a run are in snapshots only, because whoever scrapes can add up its nodes. */
export type MetricSubject =
  | 'node'
  | 'run'
  | 'node and run'
  | 'operator'
  | 'channel'
  | 'fragment'
  | 'region'
  | 'log'
  | 'pool'
  | 'task'
  | 'agent';

const PLACE = ['site', 'agent'];
const FRAGMENT = ['namespace', 'app', 'fragment', 'region', ...PLACE];

/** The labels that tell series apart, by what they are of. */
export const LABELS: Readonly<Record<MetricSubject, readonly string[]>> = {
  run: [],
  node: [...FRAGMENT, 'node', 'kind'],
  'node and run': [...FRAGMENT, 'node', 'kind'],
  operator: [...FRAGMENT, 'node', 'operator'],
  channel: [...FRAGMENT, 'channel', 'end'],
  fragment: FRAGMENT,
  region: ['namespace', 'app', 'region', ...PLACE],
  log: ['namespace', 'app', 'kind', 'log', ...PLACE],
  pool: ['namespace', 'app', 'pool', 'worker', ...PLACE],
  task: ['namespace', 'task', ...PLACE],
  agent: PLACE,
};

export interface MetricDefinition {
  readonly name: string;
  /** `rows`, `batches`, `bytes`, `rows/s`, `ms`, `s` or empty. */
  readonly unit: string;
  readonly of: MetricSubject;
  readonly meaning: string;
  /** How Prometheus sees it; absent where it does not. */
  readonly exposed?: Exposed;
}

export interface Exposed {
  /** In full, with the unit, and `_total` of a counter. */
  readonly name: string;
  readonly kind: 'counter' | 'gauge';
  /** What the figure is multiplied by, to be in the unit that the name says. */
  readonly scale: number;
}

/** Names as they stand behind `cloudskin_node_`; times come as milliseconds and leave as seconds. */
interface Exposing {
  readonly counter?: string;
  readonly gauge?: string;
}

function define(name: string, unit: string, of: MetricSubject, meaning: string, exposing?: Exposing): MetricDefinition {
  const base = { name, unit, of, meaning };
  if (exposing === undefined) return base;
  const { counter, gauge } = exposing;
  const scale = unit === 'ms' ? 0.001 : 1;
  const prefix = `cloudskin_${of === 'node and run' ? 'node' : of}_`;
  if (counter !== undefined) return { ...base, exposed: { name: `${prefix}${counter}_total`, kind: 'counter', scale } };
  return { ...base, exposed: { name: `${prefix}${gauge}`, kind: 'gauge', scale } };
}

type NodeFigure = keyof NodeMetrics;
type RunFigure = keyof MetricsSnapshot;

function node(name: NodeFigure, unit: string, meaning: string, exposing?: Exposing): MetricDefinition {
  return define(name, unit, 'node', meaning, exposing);
}

function run(name: RunFigure, unit: string, meaning: string): MetricDefinition {
  return define(name, unit, 'run', meaning);
}

function both(name: NodeFigure & RunFigure, unit: string, meaning: string, exposing?: Exposing): MetricDefinition {
  return define(name, unit, 'node and run', meaning, exposing);
}

const NODES: readonly MetricDefinition[] = [
  both('rowsIn', 'rows', 'rows taken in; of the run: by all sources', { counter: 'rows_in' }),
  both('rowsOut', 'rows', 'rows handed on by main outputs; of the run: written by all sinks', { counter: 'rows_out' }),
  node('batchesIn', 'batches', 'batches taken in', { counter: 'batches_in' }),
  node('batchesOut', 'batches', 'batches handed on by main outputs', { counter: 'batches_out' }),
  node('bytesIn', 'bytes', 'Arrow bytes taken in', { counter: 'in_bytes' }),
  node('bytesOut', 'bytes', 'Arrow bytes handed on by main outputs', { counter: 'out_bytes' }),
  both('late', 'rows', 'rows that came after their window had closed, dropped or diverted', { counter: 'late_rows' }),
  both('errors', 'rows', 'rows that an expression or component could not take, skipped or diverted', {
    counter: 'error_rows',
  }),
  node('skipped', 'rows', 'rows that a source could not read, left out', { counter: 'skipped_rows' }),
  node('diverted', 'rows', 'rows that a source could not read, sent to its `.errors` output', {
    counter: 'diverted_rows',
  }),
  run('bad', 'rows', 'rows that sources could not read, left out or diverted'),
  node('dropped', 'rows', 'rows that an observer with a drop policy did not get', { counter: 'dropped_rows' }),
  both('rowsPerSecond', 'rows/s', 'rows taken in a second, smoothed over about five seconds'),
  both('watermark', 'ms', 'event time before which no row is awaited; of the run: the least of the sinks', {
    gauge: 'watermark_timestamp_seconds',
  }),
  both('lag', 'ms', 'how far the watermark is behind the clock', { gauge: 'watermark_lag_seconds' }),
  both('memory', 'bytes', 'memory that the cell holds; of the run: cells and queues', { gauge: 'memory_bytes' }),
  node('queued', 'bytes', 'bytes that wait for a busy sink', { gauge: 'queued_bytes' }),
  node('idle', '', 'true while every source upstream is silent for longer than its `idleAfter`', { gauge: 'idle' }),
  node('ended', '', 'true when nothing more will come', { gauge: 'ended' }),
  node('evicted', 'rows', 'groups given up because an operator reached its `memory`', { counter: 'evicted_groups' }),
  node('busyTime', 'ms', 'time spent working: of a source taking in, of a cell computing, of a sink writing', {
    counter: 'busy_seconds',
  }),
  node(
    'blockedTime',
    'ms',
    'time held back: of sources and cells because a sink or channel downstream was full, of a sink because what it writes to was',
    { counter: 'blocked_seconds' },
  ),
  node('idleTime', 'ms', 'what is left of `elapsed`: nothing to do', { counter: 'idle_seconds' }),
  node('operators', '', 'keys and bytes of state of each operator of a cell'),
  node('retries', '', 'attempts that failed to reach, or to be taken by, what a source or sink talks to', {
    counter: 'retries',
  }),
  node('troubled', '', 'true while what a source or sink talks to is away or takes nothing', { gauge: 'troubled' }),
  run('state', '', 'opening, running, draining, ended or failed'),
  run('troubles', '', 'what sources and sinks go on trying: node, server, reason, since, attempts, limit'),
  run('elapsed', 's', 'since the first source was started'),
  run('at', 'ms', 'when the figures were taken'),
];

function operator(name: keyof OperatorSize, unit: string, meaning: string, exposing: Exposing): MetricDefinition {
  return define(name, unit, 'operator', meaning, exposing);
}

const OPERATORS: readonly MetricDefinition[] = [
  operator('keys', '', 'groups, or rows of a join, whose state the operator keeps', { gauge: 'keys' }),
  operator('bytes', 'bytes', 'bytes of state that the operator keeps', { gauge: 'state_bytes' }),
];

const CLUSTER: readonly MetricDefinition[] = [
  define('rows', 'rows', 'channel', 'rows that this end has sent or received', { counter: 'rows' }),
  define('bytes', 'bytes', 'channel', 'bytes of payload that this end has sent or received', { counter: 'bytes' }),
  define('items', '', 'channel', 'batches, watermarks, barriers and ends that this end has sent or received', {
    counter: 'items',
  }),
  define('repeated', '', 'channel', 'items sent or asked for again', { counter: 'repeated_items' }),
  define('dropped', '', 'channel', 'items dropped as duplicates or of an older epoch', { counter: 'dropped_items' }),
  define('lost', 'rows', 'channel', 'rows that a durable channel gave up at its bound (`onFull: dropOldest`)', {
    counter: 'lost_rows',
  }),
  define('queued', 'bytes', 'channel', 'bytes that this end keeps: not acknowledged, or not taken yet', {
    gauge: 'queued_bytes',
  }),
  define('roundTrip', 'ms', 'channel', 'smoothed time between sending an item and its acknowledgement; senders only', {
    gauge: 'round_trip_seconds',
  }),
  define('connected', '', 'channel', '1 while the other end is heard, else 0', { gauge: 'connected' }),
  define('running', '', 'fragment', '1 while it runs, or is paused; 0 while it opens and after its end', {
    gauge: 'running',
  }),
  define('epoch', '', 'fragment', 'the epoch that it runs at', { gauge: 'epoch' }),
  define('revision', '', 'fragment', 'the revision of the plan that it is of', { gauge: 'revision' }),
  define('worker', '', 'fragment', 'the worker thread that it runs in', { gauge: 'worker' }),
  define('epoch', '', 'region', 'the epoch that its leader runs it at', { gauge: 'epoch' }),
  define('restarts', '', 'region', 'starts after a failure', { counter: 'restarts' }),
  define('running', '', 'region', '1 while all of it runs, else 0', { gauge: 'running' }),
  define('checkpoint', '', 'region', 'id of the last complete checkpoint; 0: none', { gauge: 'checkpoint_id' }),
  define('completed', 'ms', 'region', 'when the last complete checkpoint was', {
    gauge: 'checkpoint_timestamp_seconds',
  }),
  define('took', 'ms', 'region', 'how long the last complete checkpoint took', {
    gauge: 'checkpoint_duration_seconds',
  }),
  define('bytes', 'bytes', 'region', 'what the last complete checkpoint wrote', { gauge: 'checkpoint_bytes' }),
  define('bytes', 'bytes', 'log', 'what a journal, or the sender of a durable channel, keeps on its disk', {
    gauge: 'bytes',
  }),
  define('maxBytes', 'bytes', 'log', 'its bound; of a journal that of each partition', { gauge: 'max_bytes' }),
  define('oldest', 'ms', 'log', 'when the oldest file of it was begun', { gauge: 'oldest_timestamp_seconds' }),
  define(
    'held',
    '',
    'pool',
    'memories, images with guests that wait there, chains that wait, or compiled modules or components that are kept for the next cells',
    { gauge: 'held' },
  ),
  define('most', '', 'pool', 'how many may be kept', { gauge: 'max_held' }),
  define('bytes', 'bytes', 'pool', 'bytes that they take', { gauge: 'bytes' }),
  define('maxBytes', 'bytes', 'pool', 'bytes that they may take', { gauge: 'max_bytes' }),
  define('calls', '', 'task', 'calls that were answered with a result', { counter: 'calls' }),
  define('failed', '', 'task', 'calls that failed, by their rows or their cells', { counter: 'failed_calls' }),
  define('timeouts', '', 'task', 'calls that did not end within their time', { counter: 'late_calls' }),
  define('shed', '', 'task', 'calls that found the queue full and were refused', { counter: 'shed_calls' }),
  define('queued', '', 'task', 'calls that wait', { gauge: 'queued_calls' }),
  define('queuedBytes', 'bytes', 'task', 'bytes of their rows', { gauge: 'queued_bytes' }),
  define('running', '', 'task', 'calls that run', { gauge: 'running_calls' }),
  define('runners', '', 'task', 'how many can at a time', { gauge: 'runners' }),
  define('diskFree', 'bytes', 'agent', 'free on the disk of its data directory', { gauge: 'disk_free_bytes' }),
  define('diskSize', 'bytes', 'agent', 'the size of that disk', { gauge: 'disk_size_bytes' }),
  define('diskReserve', 'bytes', 'agent', 'what logs leave free there for checkpoints', {
    gauge: 'disk_reserve_bytes',
  }),
  define('diskShort', '', 'agent', '1 while logs wait for room there, or are about to, else 0', {
    gauge: 'disk_short',
  }),
  define('workers', '', 'agent', 'worker threads that it may run', { gauge: 'workers' }),
  define('connected', '', 'agent', '1 while it has a connection to its NATS server, else 0', { gauge: 'connected' }),
  define('coordinator', '', 'agent', '1 while it is the coordinator, else 0', { gauge: 'coordinator' }),
  define('memory', 'bytes', 'agent', 'resident memory of the process', { gauge: 'memory_bytes' }),
  define('cpu', 'ms', 'agent', 'processor time that the process has used', { counter: 'cpu_seconds' }),
];

/** Every figure, once for each thing that it is of. */
export const METRICS: readonly MetricDefinition[] = [...NODES, ...OPERATORS, ...CLUSTER];
