/**
 * A cell: a running operator, or a fused chain of them, in its Wasm sandbox. Compiled cells, kernel cells (the fallback) and component cells
 * are used through this one interface; all calls are synchronous and come from one thread.
 *
 * Call order: any number of `process` and `onWatermark`, watermarks strictly rising; `onEnd` once; `close` once. `onEnd` flushes
 * every open window. A call that throws leaves the cell unusable unless the error says otherwise.
 */
import type { Batch } from '../batch/batch.ts';
import type { OutputPort } from '../compile/cell-plan.ts';
import type { CellImage, LogicalState } from '../state/checkpoint/state.ts';
import type { PageRoom } from '../state/precopy/page-target.ts';

/** Receives output `port` (an index into `outputs`) of a call; the batch is valid until the receiver returns. */
export type Emit = (port: number, batch: Batch) => void;

/** Rows that a cell left out, by operator; read by the runtime after any call, never reset. */
export interface CellCounters {
  readonly late: number;
  readonly errors: number;
  /** Groups that were put out before their time, because the operator's `memory` was full; absent: none. */
  readonly evicted?: number;
}

/** What an operator keeps between calls. */
export interface StateSize {
  readonly operator: string;
  /** Groups; undefined where the cell does not know. */
  readonly keys: number | undefined;
  readonly bytes: number;
}

export interface Cell {
  readonly name: string;
  readonly outputs: readonly OutputPort[];
  /** `input` counts the cell's inputs from 0; a compiled cell has one. */
  process(input: number, batch: Batch, emit: Emit): void;
  /** `time` in microseconds since the epoch: no row with an earlier event time will come that is not late. */
  onWatermark(time: bigint, emit: Emit): void;
  onEnd(emit: Emit): void;
  counters(): CellCounters;
  /** Bytes of memory that the cell holds. */
  memory(): number;
  /** By operator that has state; cheap enough to be asked once a second. */
  stateSize?(): readonly StateSize[];
  /** Absent where the cell's state cannot be taken. */
  readonly state?: CellState;
  /** Why there is no `state`, as the end of a sentence. */
  readonly noState?: string;
  /** Each call from now on may take so many milliseconds; absent where nothing that a cell does can take long. */
  limitCalls?(milliseconds: number): void;
  close(): void;
}

/** The state of a cell, between two calls of it; both ways in come before the first call. */
export interface CellState {
  /** Taking memory and globals as they are. Absent for cells without a memory of their own. */
  image?(): CellImage;
  /** Throws `state.foreign-module` where the image is of another module; then the logical form is the way. */
  restoreImage?(image: CellImage): void;
  /** Where the memory of an image of this code can be written ahead of `restoreImage`, which then copies nothing; undefined where it cannot. Nothing is called in between. */
  imageRoom?(module: string): PageRoom | undefined;
  /** The logical form, one entry an operator that has state; absent for a component that does not export it. */
  exportLogical?(): readonly LogicalState[];
  /**
   * Takes rows of any number of former cells, those of key groups outside `groups` left out. Throws `state.mismatch` where
   * an operator's state is of another kind or schema.
   */
  importLogical?(states: readonly LogicalState[], groups: { readonly first: number; readonly last: number }): void;
}
