/**
 * What a fragment takes of a checkpoint: of the snapshots of all fragments that were, whatever belongs to its own nodes. An image goes back
 * only into the fragment and the code that it came from; elsewhere state goes by its logical form, key group by key group.
 */
import type { Cell } from '../../cell/cell.ts';
import type { CellPlan } from '../../compile/cell-plan.ts';
import { type Component, setupDifference } from '../../compile/compare-states.ts';
import { type FragmentPlan, KEY_GROUPS } from '../../compile/fragment-plan.ts';
import { CloudskinError, externalError, internalError, userError } from '../../errors.ts';
import { earlier, TIME_MAX } from '../../progress/time.ts';
import { shareWord } from '../../state/checkpoint/layout.ts';
import {
  type CellSnapshot,
  COMPONENT_STATE,
  type FragmentSnapshot,
  JOIN_STATE,
  type LogicalState,
  type PartitionState,
  type SinkSnapshot,
} from '../../state/checkpoint/state.ts';
import type { DurablePast } from '../exchange/channels.ts';

export interface Restored {
  readonly checkpoint: number;
  /** Of all fragments that may hold state of this one's nodes. */
  readonly snapshots: readonly FragmentSnapshot[];
}

/** Time went on in it by the same rows, too: what it was promised holds for those to come. */
function sameShare({ shares }: FragmentSnapshot, plan: FragmentPlan, node: string): boolean {
  return shareWord(shares?.get(node)) === shareWord(plan.shares.get(node));
}

/** A node without a share is whole. */
export function samePartition(
  { shares }: Pick<FragmentSnapshot, 'shares'>,
  plan: FragmentPlan,
  node: string,
  former: string,
): boolean {
  const { partition = 0, partitions = 1 } = shares?.get(former) ?? {};
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

/** Of the partition of the sink that runs in `plan`; where partitions were dealt otherwise, of the first that there is. With the checkpoint that it is of. */
export function sinkOf(
  restored: Restored | undefined,
  plan: FragmentPlan,
  sink: string,
): { readonly checkpoint: number; readonly state: SinkSnapshot } | undefined {
  const all = snapshotsOf(restored, plan, sink).filter(({ sinks }) => sinks.has(sink));
  const from = all.find(({ fragment }) => fragment === plan.name) ?? all[0];
  const state = from?.sinks.get(sink);
  if (restored === undefined || state === undefined) return undefined;
  return { checkpoint: from?.checkpoint ?? restored.checkpoint, state };
}

/** Of the ends of durable channels, whichever fragment had them: an id is of the whole app. */
export function durablePast(restored: Restored | undefined): DurablePast {
  const all = restored?.snapshots ?? [];
  return {
    outlet: (id) => all.find(({ outlets }) => outlets?.has(id) === true)?.outlets?.get(id),
    inlet: (id) => all.find(({ inlets }) => inlets?.has(id) === true)?.inlets?.get(id),
  };
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

interface Opened {
  readonly plan: CellPlan;
  readonly cell: Cell;
}

/**
 * Puts back the state of a cell that has just been opened; `open` opens former ones, for their logical form. Throws `state.mismatch`
 * where it does not fit, `state.foreign-module` where an image is of code that is not made any more.
 */
export async function restoreCell(
  restored: Restored,
  fragment: FragmentPlan,
  { plan, cell }: Opened,
  open: (plan: CellPlan) => Cell | Promise<Cell>,
): Promise<CellPast> {
  const node = plan.operators[0]?.name ?? '';
  const found = snapshotsOf(restored, fragment, node).flatMap((from) =>
    [...from.cells].flatMap(([key, snapshot]) =>
      hasOperatorOf(key, plan) && isOfKind(snapshot, plan) ? [{ from, key, snapshot }] : [],
    ),
  );
  if (found.length === 0) return { watermark: undefined, ended: false };
  const adds = found.some(({ key }) => key.split('+').some((name) => isOrphan(name, plan)));
  const same = found.find(({ from, key, snapshot }) => {
    if (plan.kind === 'component') {
      const isPart = entryOf(key) === entryOf(node) && samePartition(from, fragment, node, key);
      return isPart && isSetUpAlike(snapshot, { plan, cell });
    }
    return !adds && key === plan.name && sameShare(from, fragment, node);
  });
  if (same !== undefined && restoreImage(cell, same.snapshot)) {
    return { watermark: same.snapshot.watermark, ended: same.snapshot.ended === true };
  }
  const time = timeOf(found, fragment, plan);
  await restoreLogical(fragment, plan, cell, found, time, open);
  const marks = time.isKnown ? found.map(time.markOf).filter((mark) => mark !== TIME_MAX) : [];
  const known = marks.filter((mark) => mark !== undefined);
  return {
    watermark: known.length < marks.length ? undefined : known.reduce<bigint | undefined>(least, undefined),
    ended: time.isOver,
  };
}

/** False where its logical form can go to a component that is configured otherwise; throws where there is none. */
function isSetUpAlike({ plan: former }: CellSnapshot, { plan, cell }: Opened): boolean {
  const [before, after] = [former as CellPlan | undefined, plan].map(componentOf);
  const why = before === undefined || after === undefined ? undefined : setupDifference(before, after);
  if (why === undefined || cell.state?.importLogical !== undefined) return why === undefined;
  throw userError('state.mismatch', `the state of ${plan.name} does not fit: ${why}`, {
    hint: 'restore the operator as it was, give the new one another name, or drop its state',
  });
}

function componentOf(plan: CellPlan | undefined): Component | undefined {
  const [operator] = plan?.operators ?? [];
  const [step] = operator?.steps ?? [];
  return operator === undefined || step?.kind !== 'component' ? undefined : [operator, step];
}

function least(a: bigint | undefined, b: bigint): bigint {
  return a === undefined ? b : earlier(a, b);
}

interface Found {
  readonly from: FragmentSnapshot;
  readonly key: string;
  readonly snapshot: CellSnapshot;
}

/** How far those that a cell goes on from had come, in what it reads now. */
interface Time {
  /** All had ended, and nothing else is read now: it is not ended again. */
  readonly isOver: boolean;
  readonly isKnown: boolean;
  /** Undefined: nothing yet; `TIME_MAX` of one that has ended and holds nobody's time back. */
  markOf(found: Found): bigint | undefined;
}

/**
 * Of what nobody of them read, nothing is known. A whole keeps its time even so, that no window comes out twice; a first half would lose what
 * another half, which is no more, was to take.
 */
function timeOf(found: readonly Found[], fragment: FragmentPlan, { operators }: CellPlan): Time {
  const [node = ''] = operators.map(({ name }) => name);
  const now = sourcesOf(fragment.shares.get(node)?.origins);
  const before = found.map(({ from, key }) => sourcesOf(from.shares?.get(key.split('+')[0] ?? key)?.origins));
  const isFed = now.every((source) => before.some((sources) => sources.includes(source)));
  const flows = found.some(({ snapshot }) => snapshot.ended !== true);
  const isHalf = operators.some(({ name }) => HALF.test(name));
  return {
    isOver: !flows && isFed,
    isKnown: isFed || (flows && !isHalf),
    markOf: ({ snapshot }) => (flows && snapshot.ended === true ? TIME_MAX : snapshot.watermark),
  };
}

/** The sources in words of `originsOf` (engine/compile/distribute/origins.ts). */
function sourcesOf(origins: string | undefined): readonly string[] {
  return origins === undefined || origins === '' ? [] : origins.split(' ').map((word) => word.replace(/:.*$/, ''));
}

/** What the first half of an aggregate done in two is called behind the aggregate's name (engine/compile/distribute/expand.ts). */
const PARTIAL = /^\/partial(-\d+)?$/;
const HALF = /\/partial(-\d+)?$/;

/** What the component or the join of an operator that does more besides is called behind the operator's name (engine/compile/split.ts). */
const COMPONENT = /\/(component|join)$/;

/** The operator as the graph names it: whether its component or join is called by that name depends on what stands beside it. */
export function entryOf(name: string): string {
  return name.replace(COMPONENT, '');
}

/** Kinds of cells that only one kind of state comes from. */
const KINDS = [
  [COMPONENT_STATE, 'component'],
  [JOIN_STATE, 'join'],
] as const;

/** Of an operator that was split, a component or a join and what stands beside it have taken each other's names. */
function isOfKind(snapshot: CellSnapshot | undefined, { kind }: CellPlan): boolean {
  if (snapshot === undefined) return false;
  const { plan, logical = [] } = snapshot;
  const former =
    (plan as CellPlan | undefined)?.kind ?? KINDS.find(([state]) => logical.some((one) => one.kind === state))?.[1];
  return (former ?? 'compiled') === kind;
}

/** True where a cell that was had an operator of this one, by its name. */
export function hasOperatorOf(name: string, plan: CellPlan): boolean {
  return name.split('+').some((operator) => ownerOf(operator, plan) !== undefined);
}

/** The operator of the cell that takes the state of one that was: itself; an aggregate that of first halves that are no more. */
function ownerOf(former: string, { kind, operators }: CellPlan): string | undefined {
  if (kind !== 'compiled') return operators.find(({ name }) => entryOf(name) === entryOf(former))?.name;
  if (operators.some(({ name }) => name === former)) return former;
  const whole = operators.find(({ name, inputs }) => {
    return (
      PARTIAL.test(former.slice(name.length)) && former.startsWith(name) && !inputs.some(({ node }) => node === former)
    );
  });
  return whole?.name;
}

/** A first half that is no more, whose groups the cell takes besides its own. */
export function isOrphan(former: string, plan: CellPlan): boolean {
  return plan.kind === 'compiled' && ![undefined, former].includes(ownerOf(former, plan));
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

async function restoreLogical(
  fragment: FragmentPlan,
  plan: CellPlan,
  cell: Cell,
  found: readonly Found[],
  time: Time,
  open: (plan: CellPlan) => Cell | Promise<Cell>,
): Promise<void> {
  const share = fragment.shares.get(plan.operators[0]?.name ?? '');
  const groups = { first: share?.firstGroup ?? 0, last: share?.lastGroup ?? KEY_GROUPS - 1 };
  const former: Cell[] = [];
  try {
    const states: LogicalState[] = [];
    for (const one of found) {
      const parts = one.snapshot.logical ?? (await logicalOf(one, open, former));
      states.push(...parts.map((part) => (time.isKnown ? timed(part, one, time) : timeless(part))));
    }
    const own = states.flatMap((state) => {
      const operator = ownerOf(state.operator, plan);
      return operator === undefined ? [] : [{ ...state, operator }];
    });
    if (own.length === 0) return;
    if (cell.state?.importLogical === undefined) {
      throw internalError('state.mismatch', `cell ${plan.name} cannot take state in its logical form`);
    }
    cell.state.importLogical(own, groups);
  } finally {
    for (const one of former) one.close();
  }
}

/** One that has ended and holds nobody's time back says so; each operator else keeps its own. */
function timed(state: LogicalState, found: Found, time: Time): LogicalState {
  return time.markOf(found) === TIME_MAX ? { ...state, watermark: TIME_MAX } : state;
}

function timeless({ watermark: _, ...state }: LogicalState): LogicalState {
  return state;
}

/** Has the cell that was export what its image holds; it stays open in `former` as long as its rows are needed. */
async function logicalOf(
  { key, snapshot: { image, plan } }: Found,
  open: (plan: CellPlan) => Cell | Promise<Cell>,
  former: Cell[],
): Promise<readonly LogicalState[]> {
  if (image === undefined) return [];
  const cell = plan === undefined ? undefined : await open(plan as CellPlan);
  if (cell !== undefined) former.push(cell);
  if (cell?.state?.restoreImage === undefined || cell.state.exportLogical === undefined) {
    throw externalError(
      'state.foreign-module',
      `the state of ${key} is an image that only the very same cell can take`,
      {
        hint: 'go on with the graph as it was, or begin anew',
      },
    );
  }
  cell.state.restoreImage(image);
  return cell.state.exportLogical();
}
