/** Checkpoint regions: the fragments that channels join, durable ones apart. */
import { userError } from '../../errors.ts';
import type { Channel } from '../fragment-plan.ts';

/** A graph that is one region has it under this name, whatever its nodes are called. */
const ONLY = 'main';

/** The region of every fragment, named by the first of its fragments. Throws `placement.durable-inside` for a durable channel that ends where it begins. */
export function regionsOf(fragments: readonly string[], channels: readonly Channel[]): ReadonlyMap<string, string> {
  const regions = new Map(fragments.map((name) => [name, name]));
  for (const { transport, from, to } of channels) {
    if (transport === 'durable') continue;
    const [one, other] = [regions.get(from) ?? from, regions.get(to) ?? to];
    if (one === other) continue;
    const [kept, left] = fragments.indexOf(one) < fragments.indexOf(other) ? [one, other] : [other, one];
    for (const [name, region] of regions) if (region === left) regions.set(name, kept);
  }
  const inside = channels.find(
    ({ transport, from, to }) => transport === 'durable' && regions.get(from) === regions.get(to),
  );
  if (inside !== undefined) {
    const message = `a durable stream ends the region of ${inside.from}, but other streams lead from there to ${inside.to}, too`;
    throw userError('placement.durable-inside', message, { hint: 'make all streams between the two durable, or none' });
  }
  const isOne = new Set(regions.values()).size === 1;
  return isOne ? new Map(fragments.map((name) => [name, ONLY])) : regions;
}
