/** What a move or a rescaling would come to, before anything is changed: which entries of the graph go where, in which regions, and whether rows go on flowing meanwhile. Pure. */
import { wholeName } from '../../compile/distribute/names.ts';
import type { Change } from '../../compile/distribute.ts';
import type { DistributedPlan, Host } from '../../compile/fragment-plan.ts';
import { KEY_GROUPS } from '../../compile/fragment-plan.ts';
import { userError } from '../../errors.ts';
import { didYouMean } from '../../graph/suggest.ts';
import type { AppDocument, AskedOverride } from '../documents/app.ts';
import type { AgentStatus } from '../documents/status.ts';
import { type Manner, mannerOf } from './foreseen-manner.ts';
import { type Trial, tryPlacing } from './try-placing.ts';

/** What is asked for: entries to a place, or into so many partitions where they are, or both. */
export interface MoveRequest {
  /** Names of operators, or of sources and sinks with `location: any`. */
  readonly entries: readonly string[];
  readonly site?: string;
  /** Of the site; absent: any. */
  readonly agent?: string;
  /** From 1 to the number of key groups. */
  readonly partitions?: number;
  /** Milliseconds that rows may be held up, if that can be had. */
  readonly pauseBudget?: number;
}

/** Of one entry that would be somewhere else, or in another number of partitions. */
export interface ForeseenEntry {
  readonly entry: string;
  readonly from: readonly Host[];
  readonly to: readonly Host[];
}

export interface ForeseenMove extends Manner {
  readonly entries: readonly ForeseenEntry[];
  /** Regions of the new plan in which something changes. */
  readonly regions: readonly string[];
  readonly distributed: DistributedPlan;
}

/** The app document with a move asked for, one revision later. */
export function withMove(known: AppDocument, request: MoveRequest, now: number): AppDocument {
  const { entries, pauseBudget } = request;
  const revision = known.revision + 1;
  const asked = entries.map((entry): [string, AskedOverride] => [entry, { ...overrideOf(request), asked: revision }]);
  const { pauseBudget: _, ...rest } = known;
  return {
    ...rest,
    revision,
    overrides: { ...known.overrides, ...Object.fromEntries(asked) },
    ...(pauseBudget === undefined ? {} : { pauseBudget }),
    changed: now,
  };
}

/** What of a request is not so already. */
export function outstanding(request: MoveRequest, nodes: Readonly<Record<string, readonly Host[]>>): MoveRequest {
  const { site, agent, partitions } = request;
  const isThere = (hosts: readonly Host[]): boolean =>
    (site === undefined || hosts.every((host) => host.site === site)) &&
    (agent === undefined || hosts.every((host) => host.agent === agent)) &&
    (partitions === undefined || hosts.length === partitions);
  return { ...request, entries: request.entries.filter((entry) => !isThere(nodes[entry] ?? [])) };
}

/** Throws what the coordinator would say of it: what of the graph stands in the way. */
export function tryMoving(
  trial: Omit<Trial, 'change' | 'fresh'>,
  request: MoveRequest,
  statuses: readonly AgentStatus[],
): ForeseenMove {
  checkPartitions(request);
  const change: Change = { asked: new Map(request.entries.map((entry) => [entry, overrideOf(request)])), held: true };
  const { nodes, distributed } = tryPlacing({ ...trial, fresh: false, change }, statuses);
  const { before, former } = trial;
  const entries = [...nodes].flatMap(([entry, to]): ForeseenEntry[] => {
    const from = before.nodes[entry] ?? [];
    return JSON.stringify(from) === JSON.stringify(to) ? [] : [{ entry, from, to }];
  });
  const regions = changedRegions(former, distributed);
  return { entries, regions, distributed, ...mannerOf(before, former, distributed, regions, statuses) };
}

/** Entries that a word of a user means: an operator, source or sink, or all operators of a cell. Throws `move.no-cell` with the nearest right name. */
export function entriesOf(word: string, plan: DistributedPlan): readonly string[] {
  const { sources, operators, sinks } = plan.logical;
  const entries = [...sources, ...operators, ...sinks].map(({ name }) => name);
  if (entries.includes(word)) return [word];
  const cells = plan.fragments.flatMap(({ cells: own }) => own);
  const cell = cells.find(({ name }) => name === word);
  if (cell !== undefined) return [...new Set(cell.operators.map(({ name }) => wholeName(name)))];
  const parts = word.split('+');
  if (parts.length > 1 && parts.every((part) => entries.includes(part))) return [...new Set(parts)];
  const names = [...new Set([...operators.map(({ name }) => name), ...cells.map(({ name }) => name)])];
  const hint = didYouMean(word, [...names, ...sources.map(({ name }) => name), ...sinks.map(({ name }) => name)]);
  throw userError('move.no-cell', `there is no cell or operator "${word}" in ${plan.logical.name}`, {
    hint: hint ?? 'cloudskin status APP shows those there are',
  });
}

function overrideOf({ site, agent, partitions }: MoveRequest): Omit<AskedOverride, 'asked'> {
  return {
    ...(site === undefined ? {} : { site }),
    ...(agent === undefined ? {} : { agent }),
    ...(partitions === undefined ? {} : { partitions }),
  };
}

function checkPartitions({ partitions = 1 }: MoveRequest): void {
  if (Number.isInteger(partitions) && partitions >= 1 && partitions <= KEY_GROUPS) return;
  throw userError('scale.partitions', `expected a number of partitions from 1 to ${KEY_GROUPS}, not ${partitions}`, {
    hint: `there are ${KEY_GROUPS} key groups, and a partition has one at least`,
  });
}

/** Regions with other fragments, or the same ones elsewhere. */
function changedRegions(former: DistributedPlan | undefined, next: DistributedPlan): readonly string[] {
  const shownOf = (plan: DistributedPlan | undefined, region: string): string =>
    (plan?.fragments ?? [])
      .filter((one) => one.region === region)
      .map(({ name, host }) => `${name} ${host.site}/${host.agent}/${host.worker}`)
      .sort()
      .join();
  const names = new Set(next.fragments.map(({ region }) => region));
  return [...names].filter((name) => shownOf(former, name) !== shownOf(next, name));
}
