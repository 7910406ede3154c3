/**
 * How finely a source must cut its batches: the step in which lateness is counted everywhere downstream of it
 * (`event-time.ts` says what for). Windows count in their size; a component may look at any watermark.
 */
import type { LogicalPlan, OperatorNode, SourceNode, StreamRef } from '../graph/plan.ts';

/** The finest step: every microsecond may matter. */
const FINEST = 1n;

/**
 * The step of a source in microseconds: the greatest that divides every window it feeds; 1 where a component is fed or the
 * time column is computed on the way; 0 where nothing downstream can be late.
 */
export function cutStep(plan: LogicalPlan, source: SourceNode): bigint {
  const time = source.schema.time;
  if (time === undefined) return 0n;
  let step = 0n;
  const visited = new Set<string>();
  const follow = (stream: StreamRef, column: number): void => {
    const key = `${stream.node}.${stream.port}.${column}`;
    if (visited.has(key)) return;
    visited.add(key);
    for (const operator of plan.operators) {
      if (!operator.inputs.some((input) => input.node === stream.node && input.port === stream.port)) continue;
      const passed = stepOf(operator, column);
      step = commonDivisor(step, passed.step);
      if (operator.outputs.has('late')) follow({ node: operator.name, port: 'late' }, column);
      if (passed.column !== undefined) follow({ node: operator.name, port: '' }, passed.column);
    }
  };
  follow({ node: source.name, port: '' }, time);
  return step;
}

/** What an operator counts in, and at which column its main output still carries the source's own times. */
function stepOf(operator: OperatorNode, time: number): { readonly step: bigint; readonly column?: number } {
  let column = time;
  for (const step of operator.steps) {
    switch (step.kind) {
      case 'filter':
        break;
      case 'project': {
        const output = step.output.time;
        if (output === undefined) return { step: 0n };
        const expr = step.columns[output]?.expr;
        if (expr?.node !== 'column' || expr.index !== column) return { step: FINEST };
        column = output;
        break;
      }
      case 'aggregate':
        return { step: step.time === column ? step.window.size : FINEST };
      case 'join': {
        const times = step.sides.map((side) => side.time);
        return { step: times.every((each) => each === column) ? step.window.size : FINEST };
      }
      case 'component':
        return { step: FINEST };
    }
  }
  return { step: 0n, column };
}

function commonDivisor(a: bigint, b: bigint): bigint {
  return b === 0n ? a : commonDivisor(b, a % b);
}
