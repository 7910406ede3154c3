/** The explanation as text for people: one block a source, cell and sink, then streams, guarantees, state, and where all of it runs. */
import type { PathGuarantee } from '../../engine/graph/guarantee.ts';
import { paint } from '../output/paint.ts';
import type { CellDescription, Explanation, StreamDescription } from './describe.ts';
import { placesText } from './places-text.ts';

const INDENT = '         ';

export function explanationText(plan: Explanation, color: boolean): string {
  const head = (kind: string, name: string, rest: string): string =>
    `${paint(kind.padEnd(7), 'dim', color)}${paint(name, 'bold', color)}  ${rest}`.trimEnd();
  const lines: string[] = [];
  for (const source of plan.sources) {
    lines.push(
      head('source', source.name, source.connector),
      `${INDENT}${source.schema}`,
      `${INDENT}time: ${source.time}`,
      '',
    );
  }
  for (const cell of plan.cells) lines.push(head('cell', cell.name, cellRest(cell)), ...cellLines(cell, color), '');
  for (const sink of plan.sinks) lines.push(head('sink', sink.name, `${sink.connector}, from ${sink.from.join(', ')}`));
  lines.push('', paint('streams', 'dim', color), ...streamLines(plan.streams));
  lines.push('', paint('guarantees, when the graph is deployed or run with --state', 'dim', color));
  for (const guarantee of plan.guarantees) lines.push(...guaranteeLines(guarantee));
  if (plan.state.length > 0) lines.push('', paint('state', 'dim', color), ...stateLines(plan));
  if (plan.stays.length > 0) lines.push('', paint('bound to a tier', 'dim', color), ...stayLines(plan));
  if (plan.places !== undefined) lines.push(...placesText(plan.places, color));
  return `${lines.join('\n')}\n`;
}

function streamLines(streams: readonly StreamDescription[]): string[] {
  const width = Math.max(0, ...streams.map((stream) => `${stream.from} -> ${stream.to}`.length));
  return streams.map(
    ({ from, to, transport, why }) => `${INDENT}${`${from} -> ${to}`.padEnd(width)}  ${transport.padEnd(5)}  ${why}`,
  );
}

function guaranteeLines({ sink, sources, guarantee, limits, conditions }: PathGuarantee): string[] {
  const path = `${INDENT}${sources.join(', ')} -> ${sink}: ${guarantee}`;
  return [
    path,
    ...limits.map(({ why, mend }) => `${INDENT}  ${why}${mend === undefined ? '' : `; ${mend}`}`),
    ...conditions.map((condition) => `${INDENT}  as long as ${condition}`),
  ];
}

function stateLines({ state }: Explanation): string[] {
  return state.flatMap(({ operator, parallelism, keeps, bound }) => [
    `${INDENT}${operator}, partitions: ${parallelism}`,
    `${INDENT}  keeps ${keeps}`,
    `${INDENT}  at most ${bound}`,
  ]);
}

function stayLines({ stays }: Explanation): string[] {
  return stays.map(({ node, tier, why }) => `${INDENT}${node} to ${tier}: ${why}`);
}

function cellRest(cell: CellDescription): string {
  const what = { compiled: 'compiled, one Wasm module', component: 'component', join: 'join, one Wasm module' }[
    cell.kind
  ];
  return `${what}${cell.stateful ? ', keeps state' : ''}`;
}

function cellLines(cell: CellDescription, color: boolean): string[] {
  const width = Math.max(...cell.steps.map((step) => step.operator.length));
  const steps = cell.steps.map(
    (step) => `${INDENT}${step.operator.padEnd(width)}  ${paint(step.kind.padEnd(9), 'cyan', color)}  ${step.text}`,
  );
  return [...steps, ...cell.outputs.map((output) => `${INDENT}-> ${output.name}: ${output.schema}`)];
}
