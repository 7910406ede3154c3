/** Where an entry of the graph is to run, and in how many partitions, by the word of a user or a planner: over what placement chooses, and within what the graph allows. */
import type { LogicalPlan, OperatorNode, SinkNode, SourceNode } from '../../graph/plan.ts';
import type { Host } from '../fragment-plan.ts';
import type { AgentInfo } from './agent-info.ts';
import type { Demand } from './constraints.ts';

export interface Override {
  /** Absent: where it is. */
  readonly site?: string;
  /** Of the site; absent: any. */
  readonly agent?: string;
  /** Absent: as many as it has. */
  readonly partitions?: number;
}

/** A change of what runs: what it does not name stays where it is. */
export interface Change {
  /** By the name of the entry: what is asked for now. */
  readonly asked: ReadonlyMap<string, Override>;
  /** Everything else stays as it is where that is allowed, also what would else follow its inputs. */
  readonly held: boolean;
}

export const NO_CHANGE: Change = { asked: new Map(), held: false };

/** What an override demands of the agents; `before`: where the entry runs. */
export function overrideDemands(override: Override | undefined, before: readonly Host[]): readonly Demand[] {
  if (override === undefined) return [];
  const { site, agent } = override;
  if (site !== undefined) return [targetDemand(site, agent)];
  const sites = new Set(before.map((host) => host.site));
  return sites.size === 0 ? [] : [presentDemand(sites)];
}

function targetDemand(site: string, agent: string | undefined): Demand {
  const target = agent === undefined ? `site "${site}"` : `agent "${site}/${agent}"`;
  return {
    words: `is ${agent === undefined ? 'on ' : ''}${target}, where it is to go`,
    instead: (agents) => `agents that are there: ${agents.map((one) => `${one.site}/${one.agent}`).join(', ')}`,
    allows: (one) => one.site === site && (agent === undefined || one.agent === agent),
  };
}

/** Partitions are dealt to the workers of the sites where it is. */
function presentDemand(sites: ReadonlySet<string>): Demand {
  const names = [...sites].join(', ');
  return {
    words: `is on ${names}, where it runs`,
    instead: (agents) => `agents that are there: ${agents.map(({ site, agent }) => `${site}/${agent}`).join(', ')}`,
    allows: ({ site }: AgentInfo) => sites.has(site),
  };
}

export interface Situation {
  readonly plan: LogicalPlan;
  /** Where the entry runs. */
  readonly before: readonly Host[];
  /** It runs once on each site of this tier or label. */
  readonly each: string | undefined;
  /** Why it has to stay where it is; undefined where it may leave. */
  readonly stays: string | undefined;
}

/** What is asked of an entry, and what it is forbids. */
export function refusals(
  name: string,
  asked: Override,
  { plan, before, each, stays }: Situation,
): readonly { readonly code: string; readonly message: string; readonly hint: string }[] {
  const found = [];
  const bound = each === undefined ? stays : `it runs on each site that is or has "${each}"`;
  if (bound !== undefined && (each !== undefined || leaves(asked, before))) {
    const message = `"${name}" cannot go elsewhere: ${bound}`;
    found.push({ code: 'placement.stays', message, hint: 'other entries of the graph may be moved' });
  }
  const why = asked.partitions === before.length ? undefined : undealt(name, plan);
  if (asked.partitions !== undefined && why !== undefined) {
    const message = `"${name}" cannot run in ${asked.partitions} partitions: ${why}`;
    found.push({ code: 'placement.undealt', message, hint: 'what has groupBy, or joins by equal keys, may' });
  }
  return found;
}

/** Whether an override would take the entry away from an agent where it is. */
function leaves({ site, agent }: Override, before: readonly Host[]): boolean {
  return before.some((host) => (site ?? host.site) !== host.site || (agent ?? host.agent) !== host.agent);
}

/** Why the rows of an entry cannot be dealt to partitions as asked, as far as the graph tells; undefined where they may. What else stands in the way `distribute` says. */
function undealt(name: string, { sources, operators, sinks }: LogicalPlan): string | undefined {
  const node = [...sources, ...operators, ...sinks].find((one) => one.name === name);
  if (node === undefined) return undefined;
  if ('parallelism' in node && node.parallelism !== undefined && node.parallelism !== 1) return undefined;
  if ('connector' in node) return `${'inputs' in node ? 'a sink' : 'a source'} has as many partitions as its connector`;
  return hasKeys(node) ? undefined : 'it has no keys to deal its rows by';
}

function hasKeys({ steps }: OperatorNode): boolean {
  return steps.some((step) => {
    if (step.kind === 'aggregate') return step.keys.length > 0;
    if (step.kind === 'join') return step.sides.every(({ keys }) => keys.length > 0);
    return step.kind === 'component' && step.keys !== undefined;
  });
}

/** Whether a node had as many partitions as something that it reads, one by one, which has another number now. */
export function mustFollow(
  node: SourceNode | OperatorNode | SinkNode,
  before: ReadonlyMap<string, readonly Host[]>,
  now: ReadonlyMap<string, readonly Host[]>,
): boolean {
  const own = before.get(node.name)?.length ?? 1;
  if (!('inputs' in node) || own === 1) return false;
  return node.inputs.some((ref) => before.get(ref.node)?.length === own && now.get(ref.node)?.length !== own);
}

/** Where what reads an entry was. */
export function readersOf(
  name: string,
  { operators, sinks }: LogicalPlan,
  before: ReadonlyMap<string, readonly Host[]>,
): readonly Host[] {
  const readers = [...operators, ...sinks].filter(({ inputs }) => inputs.some(({ node }) => node === name));
  return readers.flatMap((reader) => before.get(reader.name) ?? []);
}
