/**
 * The physical plan of one site: which operators share a cell, and how cells, sources and sinks are wired. `fuse.ts` makes
 * it of a logical plan; `explain` prints it; the runtime runs it.
 */
import type { Schema } from '../batch/types.ts';
import type { LogicalPlan, OperatorNode, StreamRef } from '../graph/plan.ts';

export interface OutputPort {
  /** The operator that the output belongs to; in a fused chain not always the last one (`valid.errors`). */
  readonly operator: string;
  /** `''`, `late`, `errors` or a component's output name. */
  readonly port: string;
  readonly schema: Schema;
}

/** `compiled`: a fused chain of declared operators, one Wasm module. `component`: one Wasm component. `join`: a windowed join. */
export interface CellPlan {
  /** The names of its operators, joined by `+`. */
  readonly name: string;
  readonly kind: 'compiled' | 'component' | 'join';
  /** In the order that rows take; a component or join cell has exactly one. */
  readonly operators: readonly OperatorNode[];
  /** Streams that feed it; a compiled cell takes the union of them as its one input, a component may tell them apart, and a join does. */
  readonly inputs: readonly StreamRef[];
  readonly input: Schema;
  /**
   * Outputs that something downstream reads, and the main output of the last operator always. In a chain the last
   * operator's `''` comes first.
   */
  readonly outputs: readonly OutputPort[];
}

export interface PhysicalPlan {
  /** As the graph has it: what is deployed elsewhere. */
  readonly graph: LogicalPlan;
  /** Components alone in their operators, site columns put in. */
  readonly logical: LogicalPlan;
  /** In an order in which every cell comes after those it reads. */
  readonly cells: readonly CellPlan[];
}
