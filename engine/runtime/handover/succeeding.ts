/**
 * Puts a fragment together of what fragments of the plan before leave: cells that are carried are opened ahead, so that everything is there
 * before rows are held up; the rest is taken when it has been left. Failures go to the control.
 */
import { IpcEncoder } from '../../batch/ipc.ts';
import type { Cell } from '../../cell/cell.ts';
import type { CellPlan } from '../../compile/cell-plan.ts';
import type { FragmentPlan, Outlet } from '../../compile/fragment-plan.ts';
import { defined } from '../../defined.ts';
import { userError } from '../../errors.ts';
import type { CellSnapshot, FragmentSnapshot } from '../../state/checkpoint/state.ts';
import type { PageRoom } from '../../state/precopy/page-target.ts';
import type { Sender } from '../../transport/transport.ts';
import type { Control } from '../control.ts';
import { type Channels, NO_PAST } from '../exchange/channels.ts';
import { InletNode } from '../exchange/inlet-node.ts';
import { OutletNode } from '../exchange/outlet-node.ts';
import { Cells } from '../fragment/cells.ts';
import type { Cut } from '../fragment/cuts.ts';
import { type Downstream, downstreamOf, NO_PARTS, type Parts, wire } from '../fragment/wiring.ts';
import type { Takeover } from '../fragment-handle.ts';
import type { CellNode } from '../node/cell-node.ts';
import { bounded, type SinkNode } from '../node/sink-node.ts';
import { PATIENCE, type RuntimeOptions } from '../options.ts';
import type { SourceNode } from '../source/source-node.ts';
import { Arrivals } from './arrivals.ts';
import type { WayOptions } from './bequeathing.ts';
import { carriedCounts } from './carried-counts.ts';
import type { Brought, Estate, Former } from './estate.ts';
import { inheritedCuts } from './inherited-cuts.ts';
import type { Legacy } from './legacy.ts';
import type { ParcelCell, Settled } from './parcel.ts';
import type { CellSuccession, Succession } from './succession.ts';

export interface SucceedingOptions {
  readonly runtime: RuntimeOptions;
  readonly estate: Estate;
  readonly takeover: Takeover;
  /** That begins. */
  readonly epoch: number;
  readonly ways: WayOptions;
}

/** What a fragment has taken over. */
export interface Taken {
  readonly adopted: number;
  readonly carried: number;
  /** Of snapshots. */
  readonly bytes: number;
  /** As `TookOver`. */
  readonly rounds: number;
  readonly predicted?: number;
  /** When the first of what it took was cut; milliseconds of the clock that never goes back. */
  readonly leftAt: number;
}

export class Succeeding {
  readonly downstream: Downstream;
  readonly pending: ReadonlySet<string> = new Set();
  readonly #plan: FragmentPlan;
  readonly #options: SucceedingOptions;
  readonly #control: Control;
  readonly #channels: Channels;
  readonly #cells: Cells;
  readonly #sources: SourceNode[] = [];
  readonly #sinks: SinkNode[] = [];
  readonly #nodes: CellNode[] = [];
  /** Opened ahead, and not yet a node. */
  readonly #ahead = new Map<string, Cell>();
  /** Made ahead. */
  readonly #encoders = new Map<Outlet, IpcEncoder>();
  readonly #legacies = new Map<string, Legacy>();
  readonly #brought = new Map<string, Brought>();
  readonly #arrivals: Arrivals;
  #settled: readonly Settled[] = [];

  constructor(plan: FragmentPlan, options: SucceedingOptions, control: Control, channels: Channels) {
    this.#plan = plan;
    this.#options = options;
    this.#control = control;
    this.#channels = channels;
    this.downstream = downstreamOf(plan);
    this.#cells = new Cells(plan, options.runtime, control, true);
    const { takeover, epoch, ways } = options;
    const roomOf = (fragment: string, cell: ParcelCell) => this.#roomOf(fragment, cell);
    this.#arrivals = new Arrivals(plan, { ...ways, takeover, epoch, roomOf });
  }

  /** Opens what is carried, and waits until as much as fits has been copied ahead. */
  async prepare(): Promise<void> {
    const carried = this.#plan.cells.filter(({ name }) => this.#of(name).how === 'carry');
    for (const [name, cell] of await this.#cells.open(carried)) this.#ahead.set(name, cell);
    for (const plan of carried) this.#attempt(() => this.#refuse(plan));
    this.#attempt(() => {
      this.#channels.reserve(this.#plan);
      for (const outlet of this.#plan.outlets) this.#encoders.set(outlet, new IpcEncoder(outlet.schema));
    });
    if (this.#control.failure === undefined) await this.#copied();
    if (this.#control.failure === undefined) return;
    await this.#arrivals.close();
    this.#cells.close(this.#ahead);
  }

  async #copied(): Promise<void> {
    try {
      await this.#control.failed.until(this.#arrivals.open());
      this.#settled = (await this.#control.failed.until(this.#arrivals.settled())) ?? [];
    } catch (error) {
      this.#control.failNode('cell', this.#plan.name, error);
    }
  }

  /** Everything, taken and wired; nothing once the run has failed. */
  async open(): Promise<Parts> {
    try {
      await this.#gather();
      await this.#takeCells();
      if (this.#control.failure === undefined) return await this.#wired();
    } catch (error) {
      this.#control.failNode('cell', this.#plan.name, error);
    }
    return await this.#discarded();
  }

  /** Nothing was taken: nobody is waited for any more. */
  forget(): void {
    for (const fragment of this.#formers) {
      if (!this.#legacies.has(fragment)) this.#options.estate.forget(this.#former(fragment));
    }
  }

  get taken(): Taken {
    const all = [...this.#succession.cells.values()];
    const snapshots = [...this.#brought.values()].map(({ snapshot }) => snapshot);
    return {
      adopted: all.filter(({ how }) => how === 'adopt').length + this.#sources.length + this.#sinks.length,
      carried: all.filter(({ how }) => how === 'carry').length,
      bytes: this.#carriedCells(snapshots).reduce((sum, cell) => sum + bytesOf(cell), 0),
      rounds: Math.max(0, ...this.#settled.map(({ rounds }) => rounds)),
      ...defined({ predicted: greatest(this.#settled.flatMap(({ predicted }) => predicted ?? [])) }),
      leftAt: Math.min(...this.#lefts),
    };
  }

  /** All is taken: what it was taken of, and before that, may go. */
  letGo(): void {
    this.#legacies.clear();
    this.#brought.clear();
  }

  /** What sinks and sources that were taken had prepared and reached, by checkpoint. */
  get cuts(): ReadonlyMap<number, Cut> {
    const { sources, sinks } = this.#succession;
    return inheritedCuts({ sources, sinks }, this.#legacies);
  }

  get #succession(): Succession {
    return this.#options.takeover.succession;
  }

  get #lefts(): readonly number[] {
    return [
      ...[...this.#legacies.values()].map(({ options }) => options.leftAt),
      ...[...this.#brought.values()].map(({ leftAt }) => leftAt),
    ];
  }

  get #formers(): ReadonlySet<string> {
    const { sources, sinks, cells, closed } = this.#succession;
    const from = [...cells.values()].flatMap((cell) => cell.from.map(({ fragment }) => fragment));
    return new Set([...sources.values(), ...sinks.values(), ...from, ...closed]);
  }

  #former(fragment: string): Former {
    const { namespace, app } = this.#plan;
    return { namespace, app, epoch: this.#options.takeover.from, fragment };
  }

  #of(cell: string): CellSuccession {
    return this.#succession.cells.get(cell) ?? { how: 'carry', from: [], isSame: false };
  }

  /** What would be found out only when rows are held up. */
  #refuse(plan: CellPlan): void {
    const cell = this.#ahead.get(plan.name);
    const { from, isSame } = this.#of(plan.name);
    if (cell === undefined) return;
    this.#cells.refuseStateless(plan, cell);
    if (from.length === 0 || isSame || cell.state?.importLogical !== undefined) return;
    const message = `the state of ${plan.name} can go to another place, but not be dealt otherwise`;
    throw userError('handover.whole', message, {
      hint: 'keep its partitions, or have the component export and import its state',
    });
  }

  /** Waits for all that is taken. */
  async #gather(): Promise<void> {
    const { sources, sinks, cells } = this.#succession;
    const all = [...cells.values()];
    const adopted = all.flatMap(({ how, from }) => (how === 'adopt' ? from : []));
    const live = new Set([...sources.values(), ...sinks.values(), ...adopted.map(({ fragment }) => fragment)]);
    const carried = all.flatMap(({ how, from }) => (how === 'carry' ? from : []));
    const states = new Set(carried.map(({ fragment }) => fragment));
    await this.#control.failed.until(
      Promise.all([
        ...[...live].map(async (fragment) => {
          this.#legacies.set(fragment, await this.#options.estate.left(this.#former(fragment)));
        }),
        ...[...states].map(async (fragment) => {
          this.#brought.set(fragment, await this.#carriedOf(fragment));
        }),
      ]),
    );
    if (this.#control.failure === undefined) this.#takePlain();
  }

  /** The state of its cells, wherever it was. */
  async #carriedOf(fragment: string): Promise<Brought> {
    if (this.#arrivals.handles(fragment)) return await this.#arrivals.left(fragment);
    const legacy = await this.#options.estate.left(this.#former(fragment));
    return { ...legacy.options, exported: (cell) => legacy.exported(cell) };
  }

  /** Where the memory of a cell can be written to before the rest of it comes. */
  #roomOf(fragment: string, { cell, module }: ParcelCell): PageRoom | undefined {
    const found = [...this.#succession.cells].find(
      ([, { how, isSame, from }]) =>
        how === 'carry' && isSame && from.some((one) => one.fragment === fragment && one.cell === cell),
    );
    return this.#ahead.get(found?.[0] ?? '')?.state?.imageRoom?.(module);
  }

  #takePlain(): void {
    const { sources, sinks } = this.#succession;
    for (const [name, fragment] of sources) {
      const source = this.#legacy(fragment).takeSource(name);
      source.join(this.#control);
      this.#sources.push(source);
    }
    for (const plan of this.#plan.sinks) {
      const sink = this.#legacy(sinks.get(plan.name) ?? '').takeSink(plan.name);
      sink.join(this.#control, plan);
      this.#sinks.push(sink);
    }
  }

  #legacy(fragment: string): Legacy {
    const legacy = this.#legacies.get(fragment);
    if (legacy === undefined) throw new Error(`${fragment} has left nothing`);
    return legacy;
  }

  async #takeCells(): Promise<void> {
    for (const plan of this.#plan.cells) {
      if (this.#control.failure !== undefined) return;
      const succession = this.#of(plan.name);
      this.#nodes.push(
        succession.how === 'adopt' ? this.#adopt(plan, succession) : await this.#carry(plan, succession),
      );
    }
  }

  #adopt(plan: CellPlan, { from }: CellSuccession): CellNode {
    const [{ fragment, cell } = { fragment: '', cell: '' }] = from;
    return this.#legacy(fragment).takeCell(cell).handOn(plan, this.#control);
  }

  async #carry(plan: CellPlan, { from, isSame }: CellSuccession): Promise<CellNode> {
    const cell = this.#ahead.get(plan.name);
    if (cell === undefined) throw new Error(`cell ${plan.name} was not opened`);
    const snapshots = from.flatMap(({ fragment, cell: name }) => {
      const { snapshot, exported } = this.#brought.get(fragment) ?? {};
      const state = snapshot?.cells.get(name);
      if (snapshot === undefined || state === undefined) return [];
      const logical = isSame ? undefined : exported?.(name);
      return [{ ...snapshot, cells: new Map([[name, { ...state, ...defined({ logical }) }]]) }];
    });
    const node = await this.#cells.restoredCell(plan, cell, { checkpoint: 0, snapshots });
    this.#ahead.delete(plan.name);
    const counts = carriedCounts(this.#plan, plan, snapshots);
    if (counts !== undefined) node.counters.restore(counts);
    return node;
  }

  async #wired(): Promise<Parts> {
    const { closed } = this.#succession;
    const closing = closed.map((fragment) =>
      this.#arrivals.handles(fragment)
        ? this.#arrivals.closed(fragment)
        : this.#options.estate.closed(this.#former(fragment)),
    );
    await this.#control.failed.until(Promise.all(closing));
    await this.#arrivals.close();
    if (this.#control.failure !== undefined) return await this.#discarded();
    const senders = await this.#channels.open(this.#plan, this.#control, NO_PAST);
    if (this.#control.failure !== undefined) return await this.#discarded();
    const parts: Parts = {
      sources: this.#sources,
      inlets: this.#plan.inlets.map((inlet) => new InletNode(inlet, this.#control, this.#channels, NO_PAST)),
      cells: this.#nodes,
      sinks: this.#sinks,
      outlets: senders.map(({ outlet, ends }) => this.#outlet(outlet, ends)),
    };
    wire(this.#plan, parts);
    return parts;
  }

  #outlet(outlet: Outlet, ends: readonly Sender[]): OutletNode {
    return new OutletNode(outlet, ends, this.#control, this.#channels, NO_PAST, this.#encoders.get(outlet));
  }

  async #discarded(): Promise<Parts> {
    await this.#arrivals.close();
    this.#cells.close(this.#ahead);
    for (const node of this.#nodes) node.close();
    for (const sink of this.#sinks) await bounded(sink.abort(PATIENCE), PATIENCE, this.#control);
    return { ...NO_PARTS, sources: this.#sources };
  }

  #attempt(call: () => void): void {
    try {
      call();
    } catch (error) {
      this.#control.failNode('cell', this.#plan.name, error);
    }
  }

  #carriedCells(snapshots: readonly FragmentSnapshot[]): readonly CellSnapshot[] {
    const carried = [...this.#succession.cells.values()].filter(({ how }) => how === 'carry');
    const names = new Set(carried.flatMap(({ from }) => from.map(({ fragment, cell }) => `${fragment} ${cell}`)));
    return snapshots.flatMap(({ fragment, cells }) =>
      [...cells].flatMap(([name, cell]) => (names.has(`${fragment} ${name}`) ? [cell] : [])),
    );
  }
}

function greatest(all: readonly number[]): number | undefined {
  return all.length === 0 ? undefined : Math.max(...all);
}

/** Of memory that matters, or of rows. */
function bytesOf({ image, logical = [] }: CellSnapshot): number {
  const ranges = image === undefined ? [] : (image.ranges ?? [[0, image.memory.length] as const]);
  const rows = image === undefined ? logical.flatMap(({ batches }) => batches) : [];
  return (
    ranges.reduce((sum, [from, to]) => sum + to - from, 0) + rows.reduce((sum, { body }) => sum + body.byteLength, 0)
  );
}
