/** What the graph demands of the agent that a node runs on, and, where no agent meets it, the smallest set of demands that exclude each other. */
import type { PlacementEntry } from '../../graph/document.ts';
import type { AgentInfo } from './agent-info.ts';

export interface Demand {
  /** As the end of `no agent …`: `is on site "plant-7"`. */
  readonly words: string;
  /** What there is instead, as a sentence. */
  readonly instead: (agents: readonly AgentInfo[]) => string;
  readonly allows: (agent: AgentInfo) => boolean;
}

/** `stays`: the tier that what the node reads must not leave, with the proof. */
export function demandsOf(
  entry: PlacementEntry | undefined,
  stays: { readonly tier: string; readonly why: string } | undefined,
): readonly Demand[] {
  const demands: Demand[] = [];
  if (entry?.site !== undefined) demands.push(siteDemand(entry.site));
  if (entry?.tier !== undefined) demands.push(tierDemand(entry.tier));
  for (const [label, value] of Object.entries(entry?.labels ?? {})) demands.push(labelDemand(label, value));
  if (entry?.device !== undefined && entry.device !== 'cpu') demands.push(deviceDemand(entry.device));
  if (entry?.each !== undefined) demands.push(eachDemand(entry.each));
  if (stays !== undefined)
    demands.push({ ...tierDemand(stays.tier), words: `is in tier ${stays.tier} (${stays.why})` });
  return demands;
}

/** The fewest demands that no agent meets together; the whole of them where each few can be met. */
export function conflict(demands: readonly Demand[], agents: readonly AgentInfo[]): readonly Demand[] {
  for (let size = 1; size < demands.length; size++) {
    for (const some of subsets(demands, size)) {
      if (!agents.some((agent) => some.every((demand) => demand.allows(agent)))) return some;
    }
  }
  return demands;
}

/** As the end of `no agent …`. */
export function wordsOf(demands: readonly Demand[]): string {
  return demands.length === 0 ? 'is there' : demands.map(({ words }) => words).join(' and ');
}

/** All choices of `size` items, in their order. */
export function* subsets<T>(items: readonly T[], size: number, from = 0): Generator<readonly T[]> {
  if (size === 0) {
    yield [];
    return;
  }
  for (let at = from; at <= items.length - size; at++) {
    const first = items[at];
    if (first === undefined) continue;
    for (const rest of subsets(items, size - 1, at + 1)) yield [first, ...rest];
  }
}

function siteDemand(site: string): Demand {
  return {
    words: `is on site "${site}"`,
    instead: (agents) => `sites with agents: ${listed(agents.map((agent) => agent.site))}`,
    allows: (agent) => agent.site === site,
  };
}

function tierDemand(tier: string): Demand {
  return {
    words: `is in tier ${tier}`,
    instead: (agents) => `tiers with agents: ${listed(agents.map((agent) => agent.tier))}`,
    allows: (agent) => agent.tier === tier,
  };
}

function labelDemand(label: string, value: string): Demand {
  const text = value === '' ? label : `${label}=${value}`;
  return {
    words: `has the label ${text}`,
    instead: (agents) => `labels of agents: ${listed(agents.flatMap(({ labels }) => labels))}`,
    allows: ({ labels }) => labels.includes(text),
  };
}

function deviceDemand(device: string): Demand {
  return {
    words: `has a ${device}`,
    instead: (agents) => `devices of agents: ${listed(agents.flatMap(({ devices }) => devices))}`,
    allows: ({ devices }) => devices.includes(device),
  };
}

function eachDemand(each: string): Demand {
  return {
    words: `is of tier, or has the label, ${each}`,
    instead: (agents) => {
      const names = agents.flatMap(({ tier, labels }) => [tier, ...labels]);
      return `tiers and labels of agents: ${listed(names)}`;
    },
    allows: ({ tier, labels }) => tier === each || labels.includes(each),
  };
}

function listed(names: readonly string[]): string {
  const distinct = [...new Set(names)].sort();
  return distinct.length === 0 ? 'none' : distinct.join(', ');
}
