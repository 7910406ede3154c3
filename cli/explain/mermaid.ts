/** The explanation as a Mermaid flowchart: sources and sinks as rounded boxes, every cell a frame around its operators. */
import type { Explanation } from './describe.ts';

export function mermaidChart(plan: Explanation): string {
  const lines = ['flowchart LR'];
  for (const source of plan.sources)
    lines.push(`  ${id(source.name)}([${quote(`${source.name}: ${source.connector}`)}])`);
  for (const [index, cell] of plan.cells.entries()) {
    lines.push(`  subgraph cell${index} [${quote(`cell ${cell.name}`)}]`);
    for (const name of new Set(cell.steps.map((step) => step.operator))) {
      const kinds = cell.steps.filter((step) => step.operator === name).map((step) => step.kind);
      lines.push(`    ${id(name)}[${quote(`${name}: ${kinds.join(', ')}`)}]`);
    }
    lines.push('  end');
  }
  for (const sink of plan.sinks) lines.push(`  ${id(sink.name)}([${quote(`${sink.name}: ${sink.connector}`)}])`);
  for (const { from, to, transport } of plan.streams) {
    const [node = from, port] = from.split('.');
    lines.push(
      `  ${id(node)} ${transport === 'fused' ? '==>' : '-->'}${port === undefined ? '' : `|${port}|`} ${id(to)}`,
    );
  }
  return `${lines.join('\n')}\n`;
}

/** Mermaid reserves words such as `end`; a prefix keeps every name clear of them. */
function id(name: string): string {
  return `n_${name.replaceAll('-', '_')}`;
}

export function quote(text: string): string {
  return `"${text.replaceAll('"', '#quot;')}"`;
}
