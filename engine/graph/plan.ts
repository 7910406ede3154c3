/**
 * The logical plan: a checked graph, every name resolved and every stream's schema known. Pure data; the compiler fuses it
 * into cells (`engine/compile/fuse.ts`) and the runtime runs them.
 */
import type { Schema } from '../batch/types.ts';
import type { Place, Problem } from '../errors.ts';
import type { ColumnExpr, Expr } from '../expression/ir.ts';
import type { Delivery, JournalPromise } from './connector.ts';
import type { Checkpoint, Objectives, PlacementEntry } from './document.ts';

/** An output of a source or operator: `port` is `''` for the main one, else `late`, `errors` or a component's output name. */
export interface StreamRef {
  readonly node: string;
  readonly port: string;
}

/** Event time of a source; durations in microseconds. */
export interface TimePolicy {
  /** The time column's index in the source's schema. */
  readonly column: number;
  readonly maxDelay: bigint;
  /** Silence after which a partition no longer holds the watermark back; absent: never. */
  readonly idleAfter?: bigint;
  /** How far this source may run ahead of the slowest; absent: any. */
  readonly maxDrift?: bigint;
}

/** Rises where plans mean something that older versions would overlook; a plan without one is of version 1. */
export const PLAN_VERSION = 1;

/** A stream that outlives what yields it: kept by JetStream on the near side, it ends a checkpoint region. */
export interface Durable {
  /** Bytes that may be kept for readers that are away. */
  readonly maxBytes: number;
  /** On that bound: what yields the stream waits, or the oldest rows go, counted. */
  readonly onFull: 'block' | 'dropOldest';
}

/** Of all streams that a source or an operator yields, and of where it runs. */
export interface NodePolicy {
  /** Partitions that it runs in; `auto`: as many as there are workers where it runs. Absent: one. */
  readonly parallelism?: number | 'auto';
  readonly durable?: Durable;
  /** Bytes that may be on their way in each channel of its streams; absent: as the transport has it. */
  readonly queue?: number;
  /**
   * A tier that what flows here, and all that is made of it, must not leave. `anywhere`: what this operator yields may leave
   * again, though what it reads may not.
   */
  readonly stays?: 'edge' | 'cloud' | 'anywhere';
}

/** What happens to a row that a connector or an expression cannot take. */
export type OnError = 'fail' | 'skip' | 'divert';

export interface SourceNode extends NodePolicy {
  readonly name: string;
  readonly connector: string;
  /** As the connector's own option schema parsed them. */
  readonly options: unknown;
  readonly schema: Schema;
  /** Column name -> path into a nested payload (`data.temp`), where the graph gave one. */
  readonly paths: ReadonlyMap<string, string>;
  /** Trailing columns that the connector fills with what it knows of a row (`file`, `line`). */
  readonly attach: readonly string[];
  /** Absent: event time is ingestion time and the runtime adds no column. */
  readonly time?: TimePolicy;
  readonly onError: OnError;
  /** A bounded source read whole and put in order of this column before its first batch. */
  readonly orderBy?: string;
  /** Bytes that putting it in order may take; absent: as the runtime has it. */
  readonly memory?: MemoryLimit;
  /** Replay speed as a multiple of event time, by `orderBy` (else the time column); absent: as fast as it goes. */
  readonly speed?: number;
  /** What it reads can be read again from any position. */
  readonly replayable?: boolean;
  /** It ends by itself, as its connector says of its options. */
  readonly bounded?: true;
  /** It cannot, and is written down before it is acknowledged. */
  readonly journal?: true;
  /** What the journal gives; absent: each row once. */
  readonly journaled?: JournalPromise;
  /** It may go to another site; otherwise it stays where it runs first. */
  readonly location?: 'any';
  /** It runs once a site, and the last column of its schema is that site: put in by the plan, not by the connector (engine/compile/site-column.ts). */
  readonly site?: true;
  readonly place: Place;
}

export interface FilterStep {
  readonly kind: 'filter';
  readonly text: string;
  readonly predicate: Expr;
  readonly place: Place;
}

export interface ProjectStep {
  readonly kind: 'project';
  readonly columns: readonly {
    readonly name: string;
    readonly text: string;
    readonly expr: Expr;
    readonly place: Place;
  }[];
  readonly output: Schema;
}

export type AggregateFunction = 'count' | 'sum' | 'avg' | 'min' | 'max';

/** Tumbling windows of `size` microseconds, aligned to the epoch. */
export interface Window {
  readonly kind: 'tumbling';
  readonly size: bigint;
}

/**
 * A windowed aggregate. Output columns: `window_start`, `window_end` (the time column's type), the keys, the aggregates.
 * A row is late when its window's end is not after the watermark.
 */
export interface AggregateStep {
  readonly kind: 'aggregate';
  readonly window: Window;
  /** The time column's index in the step's input. */
  readonly time: number;
  /** The time column holds ends of smaller windows, which count one tick (of its unit) earlier than they read. */
  readonly timeIsEnd?: true;
  readonly keys: readonly { readonly name: string; readonly text: string; readonly expr: Expr }[];
  /** `arg` is absent for `count(*)`. */
  readonly aggregates: readonly {
    readonly name: string;
    readonly fn: AggregateFunction;
    readonly text: string;
    readonly arg?: Expr;
  }[];
  readonly late: 'drop' | 'divert';
  readonly input: Schema;
  readonly output: Schema;
  readonly place: Place;
  /**
   * One half of an aggregate that is done in two, in front of an exchange and behind it (engine/compile/pre-aggregate.ts). A `partial`
   * yields a group's accumulators as soon as the watermark has passed its window, and knows no late rows; a `final` merges them.
   */
  readonly phase?: 'partial' | 'final';
  /** Of a half: the aggregate as the graph has it. */
  readonly whole?: AggregateStep;
}

/** One of the two inputs of a join, in the order of `inputs`. */
export interface JoinSide {
  readonly alias: string;
  /** The columns that come in, of which the first `columns` go out; any further are keys that were computed in front of the join (engine/compile/split.ts). */
  readonly input: Schema;
  readonly columns: number;
  /** The time column's index in `input`. */
  readonly time: number;
  /** As of an aggregate. */
  readonly timeIsEnd?: true;
  /** What has to be equal on both sides, key by key of the same type on either; null equals nothing. */
  readonly keys: readonly Expr[];
}

/**
 * The inner join of the rows of one window. Output columns: `window_start`, `window_end` (the first side's time type), the columns of either side; a name
 * that both have is `alias.name`. Pairs come out when the window closes, in the order of the first side's rows, then of the second's. What the condition asks
 * for besides equal keys is a filter behind it. A row is late when its window's end is not after the watermark; late rows are dropped and counted.
 */
export interface JoinStep {
  readonly kind: 'join';
  readonly window: Window;
  /** The whole condition, as the graph has it. */
  readonly text: string;
  /** What the keys are computed of, whatever columns they have become. */
  readonly keyText: string;
  readonly sides: readonly [JoinSide, JoinSide];
  readonly output: Schema;
  readonly place: Place;
}

/** How much an operator's state may take, and what happens when it would take more. */
export interface MemoryLimit {
  readonly bytes: number;
  /**
   * `fail`: `cell.memory-limit`, naming the operator and its largest keys. `evict`: the earliest windows are closed and put out before their time, and
   * counted; later rows of theirs are late.
   */
  readonly onLimit: 'fail' | 'evict';
}

export interface ComponentStep {
  readonly kind: 'component';
  /** Absolute path, or the name of a standard operator. */
  readonly component: string;
  readonly config: Readonly<Record<string, unknown>>;
  /** What the component itself yields, by output name; `''` is the main one. */
  readonly outputs: ReadonlyMap<string, Schema>;
  /** Columns of its input by which rows may be dealt to partitions; absent: they may not. */
  readonly keys?: readonly ColumnExpr[];
  readonly place: Place;
}

export type Step = FilterStep | ProjectStep | AggregateStep | JoinStep | ComponentStep;

export interface OperatorNode extends NodePolicy {
  readonly name: string;
  /** In the order of `from`; several are a union and have one schema, unless the operator is a join, or a component with named inputs. */
  readonly inputs: readonly StreamRef[];
  /** The first input's schema, or that of the union. */
  readonly input: Schema;
  /** Of named inputs: the names, and a schema each, in the order of `inputs`. */
  readonly aliases?: readonly string[];
  readonly inputSchemas?: readonly Schema[];
  /** Run in this order on every row: filter, the kind, having (a filter), with or select (a project). */
  readonly steps: readonly Step[];
  /** Schemas by port; `''` always, `late` when diverted, `errors` when diverted, a component's further outputs. */
  readonly outputs: ReadonlyMap<string, Schema>;
  readonly onError: OnError;
  /** Of its state; absent: what the cell as a whole may take. */
  readonly memory?: MemoryLimit;
  readonly place: Place;
}

export interface SinkNode {
  readonly name: string;
  readonly inputs: readonly StreamRef[];
  readonly input: Schema;
  readonly connector: string;
  readonly options: unknown;
  /** What the connector promises with these options; absent: at least once. */
  readonly promises?: Delivery;
  /** What the graph insists on. `at-least-once`: output need not be held for a checkpoint. */
  readonly delivery?: 'exactly-once' | 'at-least-once';
  /** Where output goes that it holds back until a checkpoint is complete, in the connector's words; absent: it holds none back. */
  readonly holds?: string;
  /** What of its columns must stay as long as it holds output back, in words; absent: nothing. */
  readonly header?: string;
  /** It may go to another site; otherwise it stays where it runs first. */
  readonly location?: 'any';
  readonly place: Place;
}

export interface LogicalPlan {
  readonly planVersion?: number;
  readonly name: string;
  readonly namespace: string;
  /** The graph file's absolute path, or `<object>`. */
  readonly file: string;
  readonly sources: readonly SourceNode[];
  /** In an order in which every operator comes after its inputs. */
  readonly operators: readonly OperatorNode[];
  readonly sinks: readonly SinkNode[];
  readonly warnings: readonly Problem[];
  /** As the graph gave them, for the planner and the coordinator. */
  readonly placement?: Readonly<Record<string, PlacementEntry>>;
  readonly objectives?: Objectives;
  readonly checkpoint?: Checkpoint;
}

/** at timestamp[us], operator utf8, code utf8, message utf8, position utf8, raw utf8: what an `.errors` output carries. */
export const ERRORS_SCHEMA: Schema = {
  fields: [
    { name: 'at', type: { kind: 'timestamp', unit: 'us' }, nullable: false },
    { name: 'operator', type: { kind: 'utf8' }, nullable: false },
    { name: 'code', type: { kind: 'utf8' }, nullable: false },
    { name: 'message', type: { kind: 'utf8' }, nullable: false },
    { name: 'position', type: { kind: 'utf8' }, nullable: true },
    { name: 'raw', type: { kind: 'utf8' }, nullable: true },
  ],
};
