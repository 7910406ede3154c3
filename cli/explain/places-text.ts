/** Fragments by site, channels and regions, as text. */
import { paint } from '../output/paint.ts';
import type { ChannelDescription, FragmentDescription, Places } from './describe-places.ts';

const INDENT = '         ';

export function placesText({ fragments, channels, regions }: Places, color: boolean): string[] {
  const lines: string[] = [];
  for (const site of new Set(fragments.map((fragment) => fragment.site))) {
    lines.push('', `${paint('site   ', 'dim', color)}${paint(site, 'bold', color)}`);
    for (const fragment of fragments) if (fragment.site === site) lines.push(fragmentLine(fragment));
  }
  if (channels.length > 0) lines.push('', paint('channels', 'dim', color), ...channelLines(channels));
  lines.push('', paint('regions, each checkpointed and recovered on its own', 'dim', color));
  for (const { name, fragments: own, sites } of regions)
    lines.push(`${INDENT}${name}: ${own.join(', ')} on ${sites.join(', ')}`);
  return lines;
}

function fragmentLine({ name, agent, worker, partition, sources, cells, sinks }: FragmentDescription): string {
  const part = partition === undefined ? '' : `, partition ${partition}`;
  return `${INDENT}${name} on ${agent}, worker ${worker}${part}: ${[...sources, ...cells, ...sinks].join(', ')}`;
}

function channelLines(channels: readonly ChannelDescription[]): string[] {
  const ends = channels.map(({ stream, from, to }) => `${from} -> ${to}  ${stream}`);
  const width = Math.max(0, ...ends.map(({ length }) => length));
  return channels.map(({ transport, exchange, why, bound }, index) => {
    return `${INDENT}${(ends[index] ?? '').padEnd(width)}  ${transport.padEnd(7)}  ${exchange}; ${why}; at most ${bound}`;
  });
}
