/**
 * What a running dataflow tells of itself, as plain data (JSON as it is); `table.ts` says what each figure means.
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
  readonly retries: number;
  readonly troubled: boolean;
}

/** What a node's connector goes on trying. */
export interface NodeTrouble {
  /** `sink totals`. */
  readonly node: string;
  /** `postgres 10.0.7.2:5432`. */
  readonly server: string;
  /** `connection refused`. */
  readonly reason: string;
  /** Milliseconds since the epoch. */
  readonly since: number;
  /** How many failed since then. */
  readonly attempts: number;
  /** Milliseconds after which it is given up; null: never. */
  readonly limit: number | null;
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
  /** Also of nodes that are not open yet because of it. */
  readonly troubles: readonly NodeTrouble[];
  /** In the order of the plan: sources, cells, sinks. */
  readonly nodes: readonly NodeMetrics[];
}
