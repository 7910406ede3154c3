/**
 * A cell: a running operator, or a fused chain of them, in its Wasm sandbox. Compiled cells, kernel cells (the fallback) and component cells
 * are used through this one interface; all calls are synchronous and come from one thread.
 *
 * Call order: any number of `process` and `onWatermark`, watermarks strictly rising; `onEnd` once; `close` once. `onEnd` flushes
 * every open window. A call that throws leaves the cell unusable unless the error says otherwise.
 */
import type { Batch } from '../batch/batch.ts';
import type { OutputPort } from '../compile/cell-plan.ts';

/** Receives output `port` (an index into `outputs`) of a call; the batch is valid until the receiver returns. */
export type Emit = (port: number, batch: Batch) => void;

/** Rows that a cell left out, by operator; read by the runtime after any call, never reset. */
export interface CellCounters {
  readonly late: number;
  readonly errors: number;
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
  close(): void;
}
