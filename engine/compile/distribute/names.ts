/**
 * Names of fragments and channels: of the nodes they belong to and nothing else, so that the same graph in the same places has the same
 * names in every revision. Names of nodes are DNS labels, so that `_` and capitals can part what they are made of.
 *
 *     readings   readings_2   readings_plant-7   minutes__partial_0        fragments, by the first of their nodes
 *     valid_FROM_readings_0_TO_minutes_1                                   a channel, by its stream and its ends
 */
import type { StreamRef } from '../../graph/plan.ts';

/** What tells the partitions of a node apart: nothing, a number, a site. */
export interface PartitionLabel {
  readonly partition: number;
  readonly partitions: number;
  readonly site?: string;
}

export function fragmentName(head: string, { partition, partitions, site }: PartitionLabel): string {
  const name = token(head);
  if (site !== undefined) return `${name}_${site}`;
  return partitions === 1 ? name : `${name}_${partition}`;
}

export function channelId(stream: StreamRef, from: string, to: string): string {
  return `${streamToken(stream)}_FROM_${from}_TO_${to}`;
}

/** The fragments at both ends of a channel, and its stream as people write it (`late`, `split.hot`), by its name alone. */
export function channelEnds(id: string): { readonly stream: string; readonly from: string; readonly to: string } {
  const [stream = '', ends = ''] = id.split('_FROM_');
  const [from = '', to = ''] = ends.split('_TO_');
  return { stream: stream.replace('_PORT_', '.'), from, to };
}

function streamToken({ node, port }: StreamRef): string {
  return port === '' ? token(node) : `${token(node)}_PORT_${token(port)}`;
}

/** Parts of nodes (`minutes/partial`) and whatever else an output's name may hold. */
function token(name: string): string {
  return name
    .split('/')
    .map((part) => part.replace(/[^A-Za-z0-9-]/g, (character) => `_x${character.codePointAt(0)?.toString(16)}_`))
    .join('__');
}

/** The node of the graph that a part belongs to: `minutes` of `minutes/partial`. */
export function wholeName(part: string): string {
  const slash = part.indexOf('/');
  return slash < 0 ? part : part.slice(0, slash);
}
