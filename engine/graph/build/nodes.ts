/** The nodes of a graph that have no errors of their own. */
import type { OperatorNode, SinkNode, SourceNode } from '../plan.ts';

export interface Nodes {
  readonly sources: readonly SourceNode[];
  readonly operators: readonly OperatorNode[];
  readonly sinks: readonly SinkNode[];
}
