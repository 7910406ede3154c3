/** What of an app leaves the sites that are drained, or lost, and what has to stay there and why. Pure. */
import { wholeName } from '../../compile/distribute/names.ts';
import type { Avoid } from '../../compile/distribute.ts';
import type { DistributedPlan, Host } from '../../compile/fragment-plan.ts';
import { placementOf } from '../../graph/placement.ts';
import type { LogicalPlan } from '../../graph/plan.ts';
import type { AssignmentDocument, LeftBehind } from '../documents/assignment.ts';

export interface Leaving {
  readonly plan: LogicalPlan;
  /** What is in force, and the plan that it is of; absent where nothing was placed. */
  readonly before: AssignmentDocument;
  readonly former: DistributedPlan | undefined;
  readonly draining: ReadonlySet<string>;
  /** Sites that have not been heard of for so long that what may be rebuilt is. */
  readonly lost: ReadonlySet<string>;
  /** Agents that are about to leave, as `<site>/<agent>`. */
  readonly parting: ReadonlySet<string>;
}

export function avoidance(leaving: Leaving): Avoid {
  const { draining, lost, parting } = leaving;
  return { sites: new Set([...draining, ...lost]), agents: parting, stays: (node) => whyStays(node, leaving) };
}

/** Nodes that are on lost sites and, with all others of their regions there, may be rebuilt elsewhere. */
export function rebuildable({ plan, before, former, lost }: Leaving): ReadonlySet<string> {
  const onLost = (node: string): boolean => (before.nodes[node] ?? []).some(({ site }) => lost.has(site));
  const nodes = Object.keys(before.nodes).filter(onLost);
  const stuck = new Set(nodes.filter((node) => !says(node, plan)).flatMap((node) => regionsOf(node, former)));
  return new Set(nodes.filter((node) => !regionsOf(node, former).some((region) => stuck.has(region))));
}

/** What placement left at sites to be left though it names no reason. */
export function leftWithoutReason(
  nodes: ReadonlyMap<string, readonly Host[]>,
  left: readonly LeftBehind[],
  draining: ReadonlySet<string>,
): readonly LeftBehind[] {
  return [...nodes].flatMap(([node, hosts]) => {
    const there = hosts.find(({ site }) => draining.has(site));
    if (there === undefined || left.some((one) => one.node === node)) return [];
    return [{ node, site: there.site, why: 'placement gives it no other place' }];
  });
}

function whyStays(node: string, leaving: Leaving): string | undefined {
  const { plan, before, former, lost } = leaving;
  if (keepsStream(node, former)) return 'the durable stream of its rows is kept there';
  if ((before.nodes[node] ?? []).some(({ site }) => lost.has(site))) {
    if (rebuildable(leaving).has(node)) return undefined;
    return 'its site cannot be reached, and not all of its region there says rebuild: true';
  }
  const end = [...plan.sources, ...plan.sinks].find(({ name }) => name === node);
  const isFixed = end !== undefined && end.location !== 'any';
  return isFixed ? 'sources and sinks stay where they are unless they say location: any' : undefined;
}

function says(node: string, { placement }: LogicalPlan): boolean {
  return placementOf(node, placement)?.rebuild === true;
}

function keepsStream(node: string, former: DistributedPlan | undefined): boolean {
  return (former?.fragments ?? []).some(({ outlets }) =>
    outlets.some(
      ({ stream, channels }) =>
        wholeName(stream.node) === node && channels.some(({ transport }) => transport === 'durable'),
    ),
  );
}

function regionsOf(node: string, former: DistributedPlan | undefined): readonly string[] {
  return (former?.fragments ?? []).flatMap(({ region, sources, cells, sinks }) => {
    const all = [...sources, ...cells.flatMap(({ operators }) => operators), ...sinks];
    return all.some(({ name }) => wholeName(name) === node) ? [region] : [];
  });
}
