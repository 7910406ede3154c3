/**
 * The state of a running dataflow as data: what a fragment hands out when it is cut between two batches, and takes back when it starts
 * from a checkpoint. Everything is keyed by the names of the graph, so that another placement, another number of partitions or a
 * changed graph can take it.
 */
import type { Batch } from '../../batch/batch.ts';
import type { Schema } from '../../batch/types.ts';
import type { Json } from '../../json.ts';

/** Of one partition of a source. */
export interface PartitionState {
  /** As the connector gave it: before the batch of which `rows` rows have been handed on. Undefined: from the beginning. */
  readonly position?: Json;
  /** Rows after `position` that are in the state already. */
  readonly rows: number;
  /** Greatest event time so far, in the unit of its column. */
  readonly greatest?: bigint;
  readonly ended: boolean;
  /** Rows since the beginning, where partitions without event time are put in order by them; absent: none. */
  readonly taken?: number;
  /** Bad rows after `position` that were handed on or counted already; absent: none. */
  readonly rejected?: number;
}

export interface SourceState {
  /** By the partition's name. */
  readonly partitions: ReadonlyMap<string, PartitionState>;
}

/** The image: only the very same module takes it back. `memory` is a view, valid until the next call of the cell. */
export interface CellImage {
  /** Of the code: hex SHA-256. */
  readonly module: string;
  readonly memory: Uint8Array;
  /**
   * The parts of the memory that matter, from inclusive to exclusive in bytes, rising and apart; all of it where absent. What is
   * outside (input, output, scratch) changes with every batch and may come back as anything: pages wholly outside need not be kept.
   */
  readonly ranges?: readonly (readonly [from: number, to: number])[];
  /** Mutable globals by name; i64 as bigint. */
  readonly globals: ReadonlyMap<string, number | bigint>;
  /** What the host keeps for the cell: timers, counters, partly filled buffers. */
  readonly host: Json;
}

/** The `kind` of what a component exported. */
export const COMPONENT_STATE = 'component/1';

/** The `kind` of what a join keeps. */
export const JOIN_STATE = 'join/1';

/** The logical form of one operator: Arrow rows, the first column `key_group` (int32, 0 to 127; 0 where there is no key). */
export interface LogicalState {
  readonly operator: string;
  /** What kind of state, for messages and for refusing another kind: `aggregate/1`; `counters/1` of an operator that has no more than counters, whose loss loses no row. */
  readonly kind: string;
  /** With what the rows mean: window, keys and aggregates by name and type. Where it differs the state does not fit. */
  readonly schema: Schema;
  readonly batches: readonly Batch[];
  /** Microseconds; the watermark that the operator had. */
  readonly watermark?: bigint;
  readonly counters: Readonly<Record<string, number>>;
}

export interface CellSnapshot {
  /** Both where the cell has both. */
  readonly image?: CellImage;
  readonly logical?: readonly LogicalState[];
  /** Microseconds: what the cell was handed last, which it must not fall behind; absent: nothing yet. */
  readonly watermark?: bigint;
  /** Its inputs had ended and it has been flushed. */
  readonly ended?: true;
  /** With an image, the plan of its cell: with it the cell can be opened again to export the logical form, where no cell of now takes the image. */
  readonly plan?: unknown;
}

export interface SinkSnapshot {
  /** What `prepare` gave. */
  readonly prepared: Json;
  /** Output held in the checkpoint until it is complete: bytes in the connector's own form. */
  readonly frozen: readonly Uint8Array[];
}

/** Of the sending end of a durable channel. */
export interface OutletState {
  /** What its sender marked. */
  readonly sent: Json;
  /** The end was sent. */
  readonly ended: boolean;
}

/** Of the receiving end of a durable channel. */
export interface InletState {
  /** What its receiver gave. */
  readonly taken: Json;
  /** Microseconds; absent: none had come. */
  readonly watermark?: bigint;
  readonly idle: boolean;
  readonly ended: boolean;
}

export interface SnapshotShare {
  readonly partition: number;
  readonly partitions: number;
  /** Which partitions of sources its rows came from; absent where that is not known. */
  readonly origins?: string;
}

/** Of one fragment at one barrier. `partition` counts within the node's partitions. */
export interface FragmentSnapshot {
  readonly fragment: string;
  readonly sources: ReadonlyMap<string, SourceState>;
  /** By the cell's name; the operators of a cell are the parts of its name between `+`. */
  readonly cells: ReadonlyMap<string, CellSnapshot>;
  readonly sinks: ReadonlyMap<string, SinkSnapshot>;
  /** Rows counted so far, by node, so that totals go on. */
  readonly counters: ReadonlyMap<string, Readonly<Record<string, number>>>;
  readonly partition: number;
  /** By durable channel; absent: there is none. */
  readonly outlets?: ReadonlyMap<string, OutletState>;
  readonly inlets?: ReadonlyMap<string, InletState>;
  /** By node, which partition of how many was here: an image goes back only into the same. */
  readonly shares?: ReadonlyMap<string, SnapshotShare>;
  /** The checkpoint that it is of, where it was loaded from a region that was; never stored. */
  readonly checkpoint?: number;
}
