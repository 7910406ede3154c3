/**
 * Where a region of a new assignment takes its state from: the regions of the former one that had any of its nodes. Names of regions and of
 * fragments come from the graph and from places, and state belongs to nodes; so a region may go on from one that was called otherwise, was
 * somewhere else, or was more than it is.
 */

import { wholeName } from '../../compile/distribute/names.ts';
import type { DistributedPlan, FragmentPlan } from '../../compile/fragment-plan.ts';
import { isStateful } from '../../compile/fuse.ts';
import { defined } from '../../defined.ts';
import { userError } from '../../errors.ts';
import type { AssignmentDocument, RegionAssignment, RegionOrigin } from '../documents/assignment.ts';

export type Lineage = Pick<RegionAssignment, 'since' | 'from'>;

export interface Ancestry {
  /** What is in force, and the plan that it is of; absent where nothing was ever placed. */
  readonly before: AssignmentDocument;
  readonly former: DistributedPlan | undefined;
  /** The user wants it to begin anew. */
  readonly fresh: boolean;
  readonly epoch: number;
  /** Whether a region is known to have been started, at this epoch or later. */
  readonly hasStarted: (region: string, since: number) => boolean;
  readonly isForgotten: (site: string) => boolean;
}

/** Of the region `name` of the new plan, which keeps its record in `domain`. Throws `deploy.regions-joined` where there is no common cut to go on from. */
export function lineageOf(
  name: string,
  domain: string | undefined,
  fragments: readonly FragmentPlan[],
  ancestry: Ancestry,
): Lineage {
  const { before, former, fresh, epoch } = ancestry;
  if (fresh) return { since: epoch, from: [] };
  const names = formerRegions(name, fragments, ancestry);
  const [only] = names;
  const known = before.regions[name];
  if (names.length === 1 && only === name && known !== undefined && known.domain === domain)
    return continued(name, known, ancestry);
  if (names.length === 0) return former === undefined ? {} : { since: epoch, from: [] };
  if (former !== undefined) mustBeApart(names, former);
  return { since: epoch, from: names.flatMap((region) => originOf(region, ancestry)) };
}

/** It stays where its record is. */
function continued(name: string, { since = 0, from = [] }: RegionAssignment, { hasStarted }: Ancestry): Lineage {
  if (from.length > 0 && !hasStarted(name, since)) return { since, from };
  return since === 0 ? {} : { since };
}

function originOf(region: string, { before, hasStarted, isForgotten }: Ancestry): readonly RegionOrigin[] {
  const known = before.regions[region];
  if (known === undefined) return [];
  const { domain, since = 0, from = [], leader } = known;
  return [
    {
      region,
      since,
      lost: isForgotten(leader.site),
      from: hasStarted(region, since) ? [] : from,
      ...defined({ domain }),
    },
  ];
}

/** Those that had state of its nodes; itself where it was there and none had. */
function formerRegions(
  name: string,
  fragments: readonly FragmentPlan[],
  { before, former }: Ancestry,
): readonly string[] {
  const nodes = new Set(fragments.flatMap(keepers));
  const found = new Set<string>();
  for (const fragment of former?.fragments ?? []) {
    if (keepers(fragment).some((node) => nodes.has(node))) found.add(fragment.region);
  }
  if (found.size === 0 && before.regions[name] !== undefined) found.add(name);
  return [...found];
}

/** What runs once a site is each site's own: `node@site`. Nodes of the graph that keep something from batch to batch, or at sources and sinks from run to run. */
function keepers({ sources, cells, sinks, shares }: FragmentPlan): readonly string[] {
  const operators = cells
    .flatMap((cell) => cell.operators)
    .filter(({ steps }) => steps.some((step) => isStateful(step) || step.kind === 'component'));
  return [...sources, ...operators, ...sinks].map(({ name }) => {
    const site = shares.get(name)?.site;
    return site === undefined ? wholeName(name) : `${wholeName(name)}@${site}`;
  });
}

/** Between regions with a durable stream between them there is no common cut: rows are on their way in it. */
function mustBeApart(names: readonly string[], { fragments }: DistributedPlan): void {
  const regionOf = new Map(fragments.map(({ name, region }) => [name, region]));
  for (const { stream, channels } of fragments.flatMap(({ outlets }) => outlets)) {
    for (const { transport, from, to } of channels) {
      const [one = '', other = ''] = [regionOf.get(from), regionOf.get(to)];
      if (transport !== 'durable' || !names.includes(one) || !names.includes(other)) continue;
      throw userError(
        'deploy.regions-joined',
        `the stream of "${wholeName(stream.node)}" was durable and is not any more: what is on its way in it has no place in the new graph`,
        {
          hint: 'leave the stream durable, or let everything flow out by undeploy first, or begin anew by --drop-state',
        },
      );
    }
  }
}

/** Throws `deploy.stream-changed` where rows that a durable stream keeps would not be read by anybody, though their reader is there. */
export function checkStreams(former: DistributedPlan | undefined, next: DistributedPlan): void {
  if (former === undefined) return;
  const kept = new Set(durableOf(next).map(({ id }) => id));
  const nodes = new Set(next.fragments.flatMap(allNodes));
  for (const { id, node, to } of durableOf(former)) {
    const readers = former.fragments.find(({ name }) => name === to);
    const isRead = nodes.has(node) && readers !== undefined && allNodes(readers).some((reader) => nodes.has(reader));
    if (kept.has(id) || !isRead) continue;
    throw userError(
      'deploy.stream-changed',
      `the durable stream of "${node}" is dealt otherwise in the new graph: what is on its way in it would be lost`,
      {
        hint: 'leave its ends as they are, or let everything flow out by undeploy first, or begin anew by --drop-state',
      },
    );
  }
}

function durableOf({ fragments }: DistributedPlan) {
  return fragments.flatMap(({ outlets }) =>
    outlets.flatMap(({ stream, channels }) =>
      channels
        .filter(({ transport }) => transport === 'durable')
        .map(({ id, to }) => ({ id, to, node: wholeName(stream.node) })),
    ),
  );
}

function allNodes({ sources, cells, sinks }: FragmentPlan): readonly string[] {
  return [...sources, ...cells.flatMap(({ operators }) => operators), ...sinks].map(({ name }) => wholeName(name));
}
