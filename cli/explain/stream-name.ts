/** Streams as graphs name them. */
import type { StreamRef } from '../../engine/graph/plan.ts';

export function streamName(ref: StreamRef): string {
  return ref.port === '' ? ref.node : `${ref.node}.${ref.port}`;
}
