/** Which sinks hold output back until a checkpoint is complete, and where it goes then: known once all that they read is. */
import { defined } from '../../defined.ts';
import { sourcesOf } from '../guarantee.ts';
import type { SinkNode } from '../plan.ts';
import type { Build } from './context.ts';
import type { Nodes } from './nodes.ts';

export function withHolding(nodes: Nodes, build: Build): Nodes {
  const ends = new Map(build.ends.filter(({ side }) => side === 'sink').map((end) => [end.name, end]));
  const sinks = nodes.sinks.map((sink): SinkNode => {
    const bounded = sourcesOf(nodes, sink).every((source) => source.bounded === true);
    const spec = ends.get(sink.name)?.connector.sink;
    const holds = spec?.holds?.(sink.options, bounded);
    if (holds === undefined) return sink;
    return { ...sink, holds, ...defined({ header: spec?.header?.(sink.options, sink.input, bounded) }) };
  });
  return { ...nodes, sinks };
}
