/** The explanation as text for people: one block a source, cell and sink, then the streams. */
import { paint } from '../paint.ts';
import type { CellDescription, Explanation } from './describe.ts';

export function explanationText(plan: Explanation, color: boolean): string {
  const head = (kind: string, name: string, rest: string): string =>
    `${paint(kind.padEnd(7), 'dim', color)}${paint(name, 'bold', color)}  ${rest}`.trimEnd();
  const lines: string[] = [];
  for (const source of plan.sources) {
    lines.push(
      head('source', source.name, source.connector),
      `         ${source.schema}`,
      `         time: ${source.time}`,
      '',
    );
  }
  for (const cell of plan.cells) lines.push(head('cell', cell.name, cellRest(cell)), ...cellLines(cell, color), '');
  for (const sink of plan.sinks) lines.push(head('sink', sink.name, `${sink.connector}, from ${sink.from.join(', ')}`));
  lines.push('', paint('streams', 'dim', color));
  const width = Math.max(0, ...plan.streams.map((stream) => `${stream.from} -> ${stream.to}`.length));
  for (const stream of plan.streams) {
    lines.push(
      `         ${`${stream.from} -> ${stream.to}`.padEnd(width)}  ${stream.transport.padEnd(5)}  ${stream.why}`,
    );
  }
  return `${lines.join('\n')}\n`;
}

function cellRest(cell: CellDescription): string {
  const what = cell.kind === 'compiled' ? 'compiled, one Wasm module' : 'component';
  return `${what}${cell.stateful ? ', keeps state' : ''}`;
}

function cellLines(cell: CellDescription, color: boolean): string[] {
  const width = Math.max(...cell.steps.map((step) => step.operator.length));
  const steps = cell.steps.map(
    (step) => `         ${step.operator.padEnd(width)}  ${paint(step.kind.padEnd(9), 'cyan', color)}  ${step.text}`,
  );
  return [...steps, ...cell.outputs.map((output) => `         -> ${output.name}: ${output.schema}`)];
}
