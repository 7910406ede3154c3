/**
 * Who takes what of whom when a region goes from one plan to another without a stop: for each fragment of the new plan the sources, sinks and
 * cells that it goes on with, and the fragments of the old plan that have them. Worked out of the two plans alone, so that whoever commands the
 * handover and whoever performs it see the same. Plain data.
 */
import type { CellPlan } from '../../compile/cell-plan.ts';
import type { Channel, FragmentPlan, Host } from '../../compile/fragment-plan.ts';
import { userError } from '../../errors.ts';
import type { StreamRef } from '../../graph/plan.ts';
import { stringifyValue } from '../../json.ts';
import { shareWord } from '../../state/checkpoint/layout.ts';
import { entryOf, hasOperatorOf, isOrphan, samePartition } from '../checkpoint/restore.ts';

/** A cell of a fragment of the old plan. */
export interface FormerCell {
  readonly fragment: string;
  readonly cell: string;
}

export interface CellSuccession {
  /** `adopt`: the very cell goes on, in its thread. `carry`: its state goes by snapshot; of none: it begins without. */
  readonly how: 'adopt' | 'carry';
  readonly from: readonly FormerCell[];
  /** The one that it is the same share of, so that an image fits. */
  readonly isSame: boolean;
}

/** What a fragment of the new plan takes over. */
export interface Succession {
  /** By node, the fragment that had it. */
  readonly sources: ReadonlyMap<string, string>;
  readonly sinks: ReadonlyMap<string, string>;
  /** By cell. */
  readonly cells: ReadonlyMap<string, CellSuccession>;
  /** Fragments of the old plan whose channels have to be closed before this one opens those of the same names. */
  readonly closed: readonly string[];
}

type Fragments = readonly FragmentPlan[];

/**
 * By fragment of `after`. Throws `handover.other-graph` where the plans are not of one graph, `handover.stays` for a source or sink that would
 * leave its thread or be dealt otherwise, `handover.durable` where a durable channel is in the way: then a stop and a start do it.
 */
export function successionOf(before: Fragments, after: Fragments): ReadonlyMap<string, Succession> {
  refuseDurable([...before, ...after]);
  const needs = new Map(after.map((plan) => [plan, needsOf(before, plan)]));
  const wanted = wantedOf([...needs.values()]);
  const result = new Map<string, Succession>();
  for (const plan of after) {
    const cells = new Map<string, CellSuccession>();
    for (const [cell, need] of needs.get(plan) ?? []) cells.set(cell.name, settled(cell, need, plan, wanted));
    result.set(plan.name, {
      sources: plainOf('source', before, plan),
      sinks: plainOf('sink', before, plan),
      cells,
      closed: closedOf(before, plan),
    });
  }
  refuseLost(before, [...result.values()]);
  return result;
}

interface Candidate {
  readonly fragment: FragmentPlan;
  readonly cell: CellPlan;
}

interface Need {
  readonly same: Candidate | undefined;
  readonly all: readonly Candidate[];
}

type Needs = ReadonlyMap<CellPlan, Need>;

function needsOf(before: Fragments, plan: FragmentPlan): Needs {
  return new Map(plan.cells.map((cell) => [cell, needOf(before, plan, cell)]));
}

/** As `restoreCell` chooses, but that nobody else's partition is asked where the very same one is there. */
function needOf(before: Fragments, plan: FragmentPlan, cell: CellPlan): Need {
  const node = cell.operators[0]?.name ?? '';
  const isSites = plan.shares.get(node)?.site !== undefined;
  const all = before
    .filter(({ name }) => !isSites || name === plan.name)
    .flatMap((fragment) => fragment.cells.map((former) => ({ fragment, cell: former })))
    .filter((one) => one.cell.kind === cell.kind && hasOperatorOf(one.cell.name, cell));
  const adds = all.some((one) => one.cell.name.split('+').some((name) => isOrphan(name, cell)));
  const same = all.find((one) => {
    if (cell.kind === 'component') {
      return entryOf(one.cell.name) === entryOf(node) && samePartition(one.fragment, plan, node, one.cell.name);
    }
    const word = shareWord(one.fragment.shares.get(node));
    return !adds && one.cell.name === cell.name && word === shareWord(plan.shares.get(node));
  });
  return { same, all: same === undefined ? all : [same] };
}

const keyOf = ({ fragment, cell }: Candidate): string => `${fragment.name} ${cell.name}`;

/** How many want each cell of the old plan. */
function wantedOf(all: readonly Needs[]): ReadonlyMap<string, number> {
  const wanted = new Map<string, number>();
  for (const needs of all) {
    for (const need of needs.values()) {
      for (const one of need.all) wanted.set(keyOf(one), (wanted.get(keyOf(one)) ?? 0) + 1);
    }
  }
  return wanted;
}

function settled(
  cell: CellPlan,
  { same, all }: Need,
  plan: FragmentPlan,
  wanted: ReadonlyMap<string, number>,
): CellSuccession {
  const stays =
    same !== undefined &&
    wanted.get(keyOf(same)) === 1 &&
    sameThread(same.fragment.host, plan.host) &&
    bare(same.cell) === bare(cell);
  const from = all.map((one) => ({ fragment: one.fragment.name, cell: one.cell.name }));
  return { how: stays ? 'adopt' : 'carry', from, isSame: same !== undefined };
}

/** A plan of a node without what its inputs are called inside its fragment. */
function bare(plan: object): string {
  const plain = (ref: StreamRef): StreamRef => ({ node: ref.node, port: ref.port.replace(/@.*$/, '') });
  const stripped = <Node extends object>(node: Node): Node =>
    'inputs' in node ? { ...node, inputs: (node.inputs as readonly StreamRef[]).map(plain) } : node;
  const { operators = [] } = plan as { readonly operators?: readonly object[] };
  return stringifyValue({ ...stripped(plan), operators: operators.map(stripped) });
}

/** Whether live parts can go from the one to the other. */
export function sameThread(one: Host, other: Host): boolean {
  return one.site === other.site && one.agent === other.agent && one.worker === other.worker;
}

function plainOf(kind: 'source' | 'sink', before: Fragments, plan: FragmentPlan): ReadonlyMap<string, string> {
  const of = (fragment: FragmentPlan) => (kind === 'source' ? fragment.sources : fragment.sinks);
  return new Map(
    of(plan).map((node) => {
      const { name } = node;
      const word = shareWord(plan.shares.get(name));
      const site = plan.shares.get(name)?.site;
      const former = before.find(
        (one) =>
          sameThread(one.host, plan.host) &&
          shareWord(one.shares.get(name)) === word &&
          one.shares.get(name)?.site === site &&
          of(one).some((own) => own.name === name && bare(own) === bare(node)),
      );
      if (former === undefined) throw stays(kind, name);
      return [name, former.name];
    }),
  );
}

function stays(kind: string, name: string): Error {
  const message = `${kind} ${name} would go to another thread, or be dealt otherwise, while rows flow`;
  return userError('handover.stays', message, { hint: 'stop and start it there: nothing is lost' });
}

/** Those that have an end of a channel whose name the fragment uses. */
function closedOf(before: Fragments, plan: FragmentPlan): readonly string[] {
  const own = new Set(channelsOf(plan).map(({ id }) => id));
  return before.filter((one) => channelsOf(one).some(({ id }) => own.has(id))).map(({ name }) => name);
}

function channelsOf({ inlets, outlets }: FragmentPlan): readonly Channel[] {
  return [...inlets, ...outlets].flatMap(({ channels }) => channels);
}

function refuseDurable(all: Fragments): void {
  const found = all.flatMap(channelsOf).find(({ transport }) => transport === 'durable');
  if (found === undefined) return;
  throw userError('handover.durable', `the durable channel ${found.id} cannot be handed over while rows flow`, {
    hint: 'stop and start the region: nothing is lost',
  });
}

/** Whatever the old plan reads and writes must go on being read and written. */
function refuseLost(before: Fragments, all: readonly Succession[]): void {
  const taken = new Set(all.flatMap(takenBy));
  for (const { name, sources, sinks } of before) {
    const own = [...sources.map((node) => `source ${node.name}`), ...sinks.map((node) => `sink ${node.name}`)];
    const lost = own.find((node) => !taken.has(`${name} ${node}`));
    if (lost === undefined) continue;
    throw userError('handover.other-graph', `nothing of the new plan takes over ${lost} of ${name}`, {
      hint: 'a changed graph is stopped and started',
    });
  }
}

function takenBy({ sources, sinks }: Succession): readonly string[] {
  return [
    ...[...sources].map(([node, fragment]) => `${fragment} source ${node}`),
    ...[...sinks].map(([node, fragment]) => `${fragment} sink ${node}`),
  ];
}
