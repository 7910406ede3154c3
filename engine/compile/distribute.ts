/**
 * From a logical plan and an assignment to fragments and channels.
 *
 *     logical plan ──expand──> parts ──links──> what is dealt how, stages ──group──> fragments ──wire──> channels ──> regions
 *
 * Nodes whose partitions run pairwise in the same threads, with nothing to be dealt anew between them, are one fragment a partition. Everything
 * else goes over channels. A graph on one worker is one fragment a region, with the cells that `fuse` gives it.
 */

import { CELL_KINDS, formatType } from '../batch/types.ts';
import { userError } from '../errors.ts';
import { type LogicalPlan, type OperatorNode, PLAN_VERSION, type SinkNode, type StreamRef } from '../graph/plan.ts';
import { type Bounds, stayBounds, stayProof } from '../graph/stays.ts';
import { withBounds } from './bounds.ts';
import { cutStep } from './cut-step.ts';
import { groupRange, inputKey, type Wired, wireChannels } from './distribute/channels.ts';
import { type Expanded, expand } from './distribute/expand.ts';
import { type Grouping, groupFragments } from './distribute/grouping.ts';
import { type Link, linksOf } from './distribute/links.ts';
import { wholeName } from './distribute/names.ts';
import { type OriginsOf, originsOf } from './distribute/origins.ts';
import { regionsOf } from './distribute/regions.ts';
import { type Assignment, type DistributedPlan, type FragmentPlan, KEY_GROUPS, type Share } from './fragment-plan.ts';
import { fuseOperators } from './fuse.ts';
import { atSite } from './site-column.ts';

export type { AgentInfo } from './distribute/agent-info.ts';
export { type Avoid, assign, type Placed } from './distribute/assign.ts';
export { type Change, NO_CHANGE, type Override } from './distribute/overrides.ts';

/** `revision`: of the desired state that the plan is made for. Throws user errors `placement.…` for what no placement of the planner's gives. */
export function distribute(
  logical: LogicalPlan,
  assignment: Assignment,
  { revision }: { readonly revision: number },
): DistributedPlan {
  const expanded = expand(logical, assignment);
  const { links, stages } = linksOf(logical, expanded);
  checkColumns(links);
  const grouping = groupFragments(expanded, links);
  const wired = wireChannels(links, grouping, (node) => expanded.hosts.get(node)?.length ?? 0);
  const names = inOrder(expanded, grouping, stages);
  const regionOf = regionsOf(logical, expanded.sites);
  const origins = originsOf(links, expanded);
  const steps = new Map(logical.sources.map((source) => [source.name, cutStep(logical, source)]));
  const { nodes: bounds } = stayBounds(logical);
  const fragments = names.map((name) => {
    const nodes = nodesOf(name, expanded, grouping, wired);
    return fragmentOf(name, nodes, { logical, grouping, wired, regionOf, steps, expanded, origins, revision, bounds });
  });
  return { planVersion: PLAN_VERSION, logical, fragments: withBounds(fragments) };
}

/** Fragments by stage, each after those it reads. */
function inOrder(
  { plan, hosts }: Expanded,
  { fragmentOf }: Grouping,
  stages: ReadonlyMap<string, number>,
): readonly string[] {
  const found = new Map<string, number>();
  for (const { name } of [...plan.sources, ...plan.operators, ...plan.sinks]) {
    for (const partition of (hosts.get(name) ?? []).keys())
      found.set(fragmentOf(name, partition), stages.get(name) ?? 0);
  }
  return [...found].sort(([, one], [, other]) => one - other).map(([name]) => name);
}

interface Nodes {
  readonly sources: LogicalPlan['sources'];
  readonly operators: readonly OperatorNode[];
  readonly sinks: readonly SinkNode[];
}

function nodesOf(fragment: string, { plan, hosts }: Expanded, grouping: Grouping, { renamed }: Wired): Nodes {
  const partition = grouping.partitions.get(fragment) ?? 0;
  const site = grouping.hosts.get(fragment)?.site ?? '';
  const isHere = ({ name }: { readonly name: string }): boolean =>
    partition < (hosts.get(name)?.length ?? 0) && grouping.fragmentOf(name, partition) === fragment;
  const inside = <Node extends { readonly name: string; readonly inputs: readonly StreamRef[] }>(node: Node): Node => ({
    ...node,
    inputs: node.inputs.map((ref, input) => renamed.get(inputKey(fragment, node.name, input)) ?? ref),
  });
  return {
    sources: plan.sources.filter(isHere),
    operators: plan.operators.filter(isHere).map((operator) => inside(atSite(operator, site))),
    sinks: plan.sinks.filter(isHere).map(inside),
  };
}

interface Whole {
  readonly logical: LogicalPlan;
  readonly expanded: Expanded;
  readonly grouping: Grouping;
  readonly wired: Wired;
  readonly regionOf: (node: string, site: string) => string;
  readonly steps: ReadonlyMap<string, bigint>;
  readonly origins: OriginsOf;
  readonly revision: number;
  readonly bounds: Bounds['nodes'];
}

function fragmentOf(name: string, nodes: Nodes, whole: Whole): FragmentPlan {
  const { logical, grouping, wired, regionOf, steps, revision } = whole;
  const [first] = [...nodes.sources, ...nodes.operators, ...nodes.sinks];
  const host = grouping.hosts.get(name);
  if (host === undefined) throw userError('placement.unplaced', `nothing says where "${name}" runs`);
  const outlets = wired.outlets.get(name) ?? [];
  const reads = outlets.map(({ stream }) => stream);
  return {
    namespace: logical.namespace,
    app: logical.name,
    revision,
    name,
    host: { site: host.site, agent: host.agent, worker: host.worker },
    region: regionOf(wholeName(first?.name ?? name), host.site),
    sources: nodes.sources,
    cells: fuseOperators(nodes, reads),
    sinks: nodes.sinks,
    shares: sharesOf(name, nodes, whole),
    inlets: wired.inlets.get(name) ?? [],
    outlets,
    ...stayOf(nodes, whole),
    ...(logical.checkpoint?.mode === undefined ? {} : { mode: logical.checkpoint.mode }),
    cutSteps: new Map(nodes.sources.map((source) => [source.name, steps.get(source.name) ?? 1n])),
  };
}

/** Where its nodes have to be; `assign` sees to it, and whoever hosts it looks again. */
function stayOf({ sources, operators, sinks }: Nodes, { bounds }: Whole): Pick<FragmentPlan, 'stays'> {
  const [staying] = [...sources, ...operators, ...sinks].flatMap(({ name }) => bounds.get(wholeName(name)) ?? []);
  return staying === undefined ? {} : { stays: { tier: staying.tier, why: stayProof(staying) } };
}

function sharesOf(fragment: string, nodes: Nodes, { expanded, grouping, origins }: Whole): ReadonlyMap<string, Share> {
  const partition = grouping.partitions.get(fragment) ?? 0;
  const shares = new Map<string, Share>();
  for (const { name } of [...nodes.sources, ...nodes.operators, ...nodes.sinks]) {
    const partitions = expanded.hosts.get(name)?.length ?? 1;
    const site = expanded.sites.get(name)?.[partition];
    const [firstGroup, lastGroup] = site === undefined ? groupRange(partition, partitions) : [0, KEY_GROUPS - 1];
    const own = site === undefined ? { origins: origins(name, partition) } : { site };
    shares.set(name, { partition, partitions, firstGroup, lastGroup, ...own });
  }
  return shares;
}

/** Channels carry only columns that cells take. */
function checkColumns(links: readonly Link[]): void {
  for (const { kind, schema, from, to } of links) {
    const column = kind === 'direct' ? undefined : schema.fields.find(({ type }) => !CELL_KINDS.has(type.kind));
    if (column === undefined) continue;
    const message = `the column "${column.name}" of "${wholeName(from)}" is ${formatType(column.type)}, which cannot be carried to "${wholeName(to)}"`;
    throw userError('placement.column-type', message, {
      hint: 'run the two in the same place, or leave the column out',
    });
  }
}
