/** A graph on its sites as a Mermaid flowchart: a frame a site, in it one a fragment; durable channels are drawn thick. */
import type { FragmentDescription, Places } from './describe-places.ts';
import { quote } from './mermaid.ts';

export function mermaidPlaces({ fragments, channels }: Places): string {
  const lines = ['flowchart LR'];
  const sites = [...new Set(fragments.map(({ site }) => site))];
  for (const [index, site] of sites.entries()) {
    lines.push(`  subgraph site${index} [${quote(`site ${site}`)}]`);
    for (const fragment of fragments)
      if (fragment.site === site) lines.push(`    ${id(fragment.name)}[${quote(title(fragment))}]`);
    lines.push('  end');
  }
  for (const { from, to, stream, transport, exchange } of channels) {
    const label = quote(`${stream}: ${transport}${exchange === 'all' ? '' : `, ${exchange}`}`);
    lines.push(`  ${id(from)} ${transport === 'durable' ? '==>' : '-->'}|${label}| ${id(to)}`);
  }
  return `${lines.join('\n')}\n`;
}

function title({ name, agent, worker, sources, cells, sinks }: FragmentDescription): string {
  const nodes = [...sources, ...cells, ...sinks].join(', ');
  return nodes === name ? `${name} (${agent}, worker ${worker})` : `${name} (${agent}, worker ${worker}): ${nodes}`;
}

function id(name: string): string {
  return `f_${name.replaceAll('-', '_m_')}`;
}
