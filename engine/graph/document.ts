/**
 * The graph document as it is after validation: durations in microseconds, sizes in bytes, types parsed. `schema.ts` holds the
 * one zod schema of it and fails to compile where the two differ.
 */
import type { DataType } from '../batch/types.ts';

/** How an expression is written: text, or a bare number or boolean. */
export type ExpressionText = string | number | boolean;

export type ErrorPolicy = 'fail' | 'skip' | 'divert';

/** One stream, the union of several, or several told apart by alias. */
export type From = string | readonly string[] | Readonly<Record<string, string>>;

export interface ColumnEntry {
  readonly type: DataType;
  /** Where the value lies in a nested payload: `data.temp`. */
  readonly path?: string | undefined;
}

export interface TimeEntry {
  readonly column: string;
  readonly maxDelay?: bigint | undefined;
  readonly idleAfter?: bigint | undefined;
  readonly maxDrift?: bigint | undefined;
}

/** Bytes, and what happens beyond them. */
export interface MemoryEntry {
  readonly limit: number;
  readonly onLimit?: 'fail' | 'evict' | undefined;
}

export interface DurableEntry {
  readonly maxBytes?: number | undefined;
  readonly onFull?: 'block' | 'dropOldest' | undefined;
}

/** Of sources and operators. */
export interface RunEntry {
  readonly parallelism?: number | 'auto' | undefined;
  readonly memory?: MemoryEntry | undefined;
  readonly durable?: boolean | DurableEntry | undefined;
  readonly queue?: number | undefined;
  readonly stays?: 'edge' | 'cloud' | 'anywhere' | undefined;
}

/** The connector and its options are the one key that is not named here. */
export interface SourceEntry extends RunEntry {
  readonly schema?: Readonly<Record<string, ColumnEntry>> | undefined;
  readonly time?: TimeEntry | undefined;
  readonly attach?: readonly string[] | undefined;
  readonly orderBy?: string | undefined;
  readonly speed?: number | 'max' | undefined;
  readonly onError?: ErrorPolicy | undefined;
  readonly journal?: boolean | undefined;
  readonly location?: 'any' | 'fixed' | undefined;
  readonly [connector: string]: unknown;
}

export interface OperatorEntry extends RunEntry {
  readonly from: From;
  readonly filter?: ExpressionText | undefined;
  readonly window?: { readonly tumbling: bigint } | undefined;
  readonly groupBy?: readonly ExpressionText[] | Readonly<Record<string, ExpressionText>> | undefined;
  readonly aggregate?: Readonly<Record<string, ExpressionText>> | undefined;
  readonly join?: { readonly where: ExpressionText } | undefined;
  readonly late?: 'drop' | 'divert' | undefined;
  readonly component?: string | undefined;
  readonly config?: Readonly<Record<string, unknown>> | undefined;
  readonly having?: ExpressionText | undefined;
  readonly with?: Readonly<Record<string, ExpressionText>> | undefined;
  readonly select?: Readonly<Record<string, ExpressionText>> | undefined;
  readonly onError?: ErrorPolicy | undefined;
}

/** The connector and its options are the one key that is not named here. */
export interface SinkEntry {
  readonly from: string | readonly string[];
  readonly delivery?: 'exactly-once' | 'at-least-once' | undefined;
  readonly location?: 'any' | 'fixed' | undefined;
  readonly [connector: string]: unknown;
}

export interface PlacementEntry {
  readonly site?: string | undefined;
  readonly tier?: 'edge' | 'cloud' | undefined;
  /** Labels that the agent has; a label without a value is one with the value `''`. */
  readonly labels?: Readonly<Record<string, string>> | undefined;
  readonly device?: 'cpu' | 'gpu' | 'fpga' | undefined;
  /** A tier or a label: runs once on every site that matches. */
  readonly each?: string | undefined;
  /** Nodes that no agent may run beside this one; its own name: its own partitions. */
  readonly apart?: readonly string[] | undefined;
  /** May go on elsewhere from the last checkpoint when its site cannot be reached. */
  readonly rebuild?: boolean | undefined;
}

export interface Objectives {
  /** Microseconds by percentile. */
  readonly latency?:
    | {
        readonly p50?: bigint | undefined;
        readonly p90?: bigint | undefined;
        readonly p95?: bigint | undefined;
        readonly p99?: bigint | undefined;
        readonly max?: bigint | undefined;
      }
    | undefined;
  /** Bytes per second that may leave the edge. */
  readonly uplink?: { readonly max: number } | undefined;
}

export interface Checkpoint {
  readonly every: bigint;
  readonly keep?: number | undefined;
  readonly mode?: 'exactly-once' | 'at-least-once' | undefined;
}

export interface Metadata {
  readonly name: string;
  readonly namespace?: string | undefined;
  readonly labels?: Readonly<Record<string, string>> | undefined;
  readonly annotations?: Readonly<Record<string, string>> | undefined;
}

export interface GraphSpec {
  /** Defaults of parameters; `--param` and the environment come before them. */
  readonly parameters?: Readonly<Record<string, ExpressionText>> | undefined;
  readonly sources: Readonly<Record<string, SourceEntry>>;
  readonly operators?: Readonly<Record<string, OperatorEntry>> | undefined;
  readonly sinks?: Readonly<Record<string, SinkEntry>> | undefined;
  readonly placement?: Readonly<Record<string, PlacementEntry>> | undefined;
  readonly objectives?: Objectives | undefined;
  readonly checkpoint?: Checkpoint | undefined;
}

export interface GraphDocument {
  readonly $schema?: string | undefined;
  readonly apiVersion: 'cloudskin.dev/v1';
  readonly kind: 'Dataflow';
  readonly metadata: Metadata;
  readonly spec: GraphSpec;
}
