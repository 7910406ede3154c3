/**
 * What a fragment takes of a checkpoint: of the snapshots of all fragments that were, whatever belongs to its own nodes. An image goes back
 * only into the fragment and the code that it came from; elsewhere state goes by its logical form, key group by key group.
 */
import type { Cell } from '../cell/cell.ts';
import type { CellPlan } from '../compile/cell-plan.ts';
import { type FragmentPlan, KEY_GROUPS } from '../compile/fragment-plan.ts';
import { CloudskinError, internalError } from '../errors.ts';
import { earlier } from '../progress/time.ts';
import type { CellSnapshot, FragmentSnapshot, PartitionState, SinkSnapshot } from '../state/state.ts';

export interface Restored {
  readonly checkpoint: number;
  /** Of all fragments that may hold state of this one's nodes. */
  readonly snapshots: readonly FragmentSnapshot[];
}

/**
 * Of a checkpoint with the snapshots `fragments`, those that a fragment needs: its own where all its nodes were dealt as they are
 * now, otherwise all, because its state may be spread over them.
 */
export async function snapshotsFor(
  plan: FragmentPlan,
  fragments: readonly string[],
  load: (fragment: string) => Promise<FragmentSnapshot>,
): Promise<readonly FragmentSnapshot[]> {
  const own = fragments.includes(plan.name) ? await load(plan.name) : undefined;
  if (own !== undefined && covers(own, plan)) return [own];
  const others = await Promise.all(fragments.filter((name) => name !== plan.name).map(load));
  return own === undefined ? others : [own, ...others];
}

function covers(snapshot: FragmentSnapshot, plan: FragmentPlan): boolean {
  const cells = plan.cells.every(({ name }) => snapshot.cells.has(name));
  const sources = plan.sources.every(({ name }) => snapshot.sources.has(name));
  return cells && sources && [...plan.shares.keys()].every((node) => sameShare(snapshot, plan, node));
}

/** A node without a share is whole. */
function sameShare({ shares }: FragmentSnapshot, plan: FragmentPlan, node: string): boolean {
  const { partition = 0, partitions = 1 } = shares?.get(node) ?? {};
  const now = plan.shares.get(node);
  return partition === (now?.partition ?? 0) && partitions === (now?.partitions ?? 1);
}

/** Those that hold state of a node; of one that runs once a site, its own alone. */
function snapshotsOf(restored: Restored | undefined, plan: FragmentPlan, node: string): readonly FragmentSnapshot[] {
  const all = restored?.snapshots ?? [];
  return plan.shares.get(node)?.site === undefined ? all : all.filter(({ fragment }) => fragment === plan.name);
}

export function partitionsOf(
  restored: Restored | undefined,
  plan: FragmentPlan,
  source: string,
): ReadonlyMap<string, PartitionState> {
  const states = snapshotsOf(restored, plan, source).flatMap(({ sources }) => [
    ...(sources.get(source)?.partitions ?? []),
  ]);
  return new Map(states);
}

/** Of the partition of the sink that runs in `plan`; where partitions were dealt otherwise, of the first that there is. */
export function sinkOf(restored: Restored | undefined, plan: FragmentPlan, sink: string): SinkSnapshot | undefined {
  const all = snapshotsOf(restored, plan, sink);
  const own = all.find(({ fragment }) => fragment === plan.name)?.sinks.get(sink);
  return own ?? all.find(({ sinks }) => sinks.has(sink))?.sinks.get(sink);
}

/** Sums over the snapshots of the fragment itself; another one's counts stay its own. */
export function countersOf(
  restored: Restored | undefined,
  plan: FragmentPlan,
  node: string,
): Readonly<Record<string, number>> | undefined {
  return restored?.snapshots.find(({ fragment }) => fragment === plan.name)?.counters.get(node);
}

/** How far the cell had come, where there was one. */
export interface CellPast {
  readonly watermark: bigint | undefined;
  readonly ended: boolean;
}

/** Puts back the state of a cell that has just been opened. Throws `state.mismatch` where it does not fit. */
export function restoreCell(restored: Restored, fragment: FragmentPlan, plan: CellPlan, cell: Cell): CellPast {
  const node = plan.operators[0]?.name ?? '';
  const found = snapshotsOf(restored, fragment, node).flatMap((from) =>
    [...from.cells].flatMap(([key, snapshot]) => (shares(key, plan) ? [{ from, key, snapshot }] : [])),
  );
  if (found.length === 0) return { watermark: undefined, ended: false };
  const same = found.find(({ from, key }) => key === plan.name && sameShare(from, fragment, node));
  if (same !== undefined && restoreImage(cell, same.snapshot)) {
    return { watermark: same.snapshot.watermark, ended: same.snapshot.ended === true };
  }
  restoreLogical(fragment, plan, cell, found);
  const marks = found.flatMap(({ snapshot }) => (snapshot.ended === true ? [] : [snapshot.watermark]));
  const known = marks.filter((mark) => mark !== undefined);
  return {
    watermark: known.length < marks.length ? undefined : known.reduce<bigint | undefined>(least, undefined),
    ended: found.every(({ snapshot }) => snapshot.ended === true),
  };
}

function least(a: bigint | undefined, b: bigint): bigint {
  return a === undefined ? b : earlier(a, b);
}

/** True where a cell that was had an operator of this one. */
function shares(name: string, plan: CellPlan): boolean {
  const operators = name.split('+');
  return plan.operators.some((operator) => operators.includes(operator.name));
}

/** False where the image is of other code, or there is none. */
function restoreImage(cell: Cell, { image }: CellSnapshot): boolean {
  if (image === undefined || cell.state?.restoreImage === undefined) return false;
  try {
    cell.state.restoreImage(image);
    return true;
  } catch (error) {
    if (error instanceof CloudskinError && error.code === 'state.foreign-module') return false;
    throw error;
  }
}

function restoreLogical(
  fragment: FragmentPlan,
  plan: CellPlan,
  cell: Cell,
  found: readonly { readonly key: string; readonly snapshot: CellSnapshot }[],
): void {
  const names = plan.operators.map(({ name }) => name);
  const lost = found.find(({ snapshot }) => snapshot.image !== undefined && snapshot.logical === undefined);
  if (lost !== undefined) {
    const message = `the state of ${lost.key} is an image of other code, and there is no logical form of it`;
    throw internalError('state.foreign-module', message);
  }
  const states = found
    .flatMap(({ snapshot }) => snapshot.logical ?? [])
    .filter(({ operator }) => names.includes(operator));
  if (states.length === 0) return;
  if (cell.state?.importLogical === undefined) {
    throw internalError('state.mismatch', `cell ${plan.name} cannot take state in its logical form`);
  }
  const share = fragment.shares.get(names[0] ?? '');
  cell.state.importLogical(states, { first: share?.firstGroup ?? 0, last: share?.lastGroup ?? KEY_GROUPS - 1 });
}
