/**
 * What an agent asks of a fragment before it runs it, whoever made the plan: that it is this app's and this agent's, that its channels are its own,
 * and that what must not leave a tier does not, neither by what runs here nor over a channel. It goes by the graph in the plan, not by
 * what the plan says of its fragments.
 */
import { wholeName } from '../../compile/distribute/names.ts';
import type { Channel, DistributedPlan, FragmentPlan } from '../../compile/fragment-plan.ts';
import { type CloudskinError, userError } from '../../errors.ts';
import type { LogicalPlan, StreamRef } from '../../graph/plan.ts';
import { type Staying, stayBounds, stayProof, type Tier } from '../../graph/stays.ts';
import { type AgentName, type AppName, agentLabel, appLabel, sameAgent } from '../documents/names.ts';

export interface Here {
  readonly app: AppName;
  readonly agent: AgentName;
  readonly tier: Tier;
  /** Of another site that has something of the app; undefined where nobody has said. */
  readonly tierOf: (site: string) => Tier | undefined;
}

/** As one token of a subject: a wildcard would open the channels of others. */
const CHANNEL = /^[A-Za-z0-9_-]+$/;

/** Throws `cluster.bad-plan`, or `placement.stays` for data that would leave its tier. */
export function checkFragment(plan: DistributedPlan, fragment: FragmentPlan, here: Here): void {
  if (fragment.namespace !== here.app.namespace || fragment.app !== here.app.app) {
    throw badPlan(fragment, `is of ${appLabel(fragment)}, and ${appLabel(here.app)} is to run`);
  }
  if (!sameAgent(fragment.host, here.agent))
    throw badPlan(fragment, `is agent ${agentLabel(fragment.host)}'s, and was given to ${agentLabel(here.agent)}`);
  checkChannels(plan, fragment);
  checkStays(plan, fragment, here);
}

function checkChannels({ fragments }: DistributedPlan, fragment: FragmentPlan): void {
  const known = new Set(fragments.map(({ name }) => name));
  for (const { id, from, to } of fragment.inlets.flatMap(({ channels }) => channels)) {
    if (to !== fragment.name || !known.has(from) || !CHANNEL.test(id))
      throw badPlan(fragment, `opens channel ${id}, which is not its own`);
  }
  for (const { id, from, to } of fragment.outlets.flatMap(({ channels }) => channels)) {
    if (from !== fragment.name || !known.has(to) || !CHANNEL.test(id))
      throw badPlan(fragment, `opens channel ${id}, which is not its own`);
  }
}

function badPlan({ name }: FragmentPlan, what: string): CloudskinError {
  return userError('cluster.bad-plan', `the plan's fragment ${name} ${what}`, {
    hint: 'deploy the app again; where that does not help, somebody else writes plans: cloudskin auth says who may',
  });
}

function checkStays(plan: DistributedPlan, fragment: FragmentPlan, { tier, tierOf }: Here): void {
  const { nodes } = stayBounds(plan.logical);
  for (const name of nodesOf(fragment)) {
    const stray = (nodes.get(wholeName(name)) ?? []).find((bound) => bound.tier !== tier);
    if (stray !== undefined) throw leaves(stray, `fragment ${fragment.name} is to run in tier ${tier}`);
  }
  const host = new Map(plan.fragments.map(({ name, host }) => [name, host]));
  const leading = (channel: Channel): Tier | undefined => {
    const site = host.get(channel.to)?.site;
    return site === undefined || site === fragment.host.site ? tier : tierOf(site);
  };
  for (const { stream, channels } of fragment.outlets) {
    for (const bound of boundsOf(plan.logical, nodes, stream)) {
      const out = channels.find((channel) => leading(channel) !== bound.tier);
      if (out !== undefined) throw leaves(bound, `channel ${out.id} leads out of it`);
    }
  }
}

function nodesOf({ sources, cells, sinks }: FragmentPlan): readonly string[] {
  return [...sources, ...cells.flatMap(({ operators }) => operators), ...sinks].map(({ name }) => name);
}

/** An operator that says `anywhere` frees what it yields, but not what flows between its own parts. */
function boundsOf(
  { operators }: LogicalPlan,
  bounds: ReadonlyMap<string, readonly Staying[]>,
  { node }: StreamRef,
): readonly Staying[] {
  const operator = operators.find(({ name }) => name === node);
  if (operator?.stays === 'anywhere') return [];
  return bounds.get(wholeName(node)) ?? [];
}

function leaves(bound: Staying, what: string): CloudskinError {
  return userError('placement.stays', `${stayProof(bound)}, and ${what}`, {
    hint: 'the graph says what may not leave its tier, and the plan that was made of it would have it leave',
  });
}
