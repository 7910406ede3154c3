/**
 * Cuts a fragment for checkpoints and commits them. At a cut nothing flows: between two batches all of the fragment is in one state. Taken then:
 * where every partition and every durable channel is, views of the cells' state, counts; the barrier goes out on all channels. Sinks prepare, what
 * durable channels have sent is made safe, and everything is saved while rows flow again.
 */
import type { FragmentPlan } from '../../compile/fragment-plan.ts';
import { defined } from '../../defined.ts';
import type { Prepared } from '../../graph/connector.ts';
import type { FragmentReceipt, FragmentSaver } from '../../state/checkpoint/checkpoints.ts';
import type {
  CellSnapshot,
  FragmentSnapshot,
  InletState,
  OutletState,
  SinkSnapshot,
  SourceState,
} from '../../state/checkpoint/state.ts';
import type { Control } from '../control.ts';
import type { Parts } from './wiring.ts';

/** Cuts whose fate is not known that are kept: what an older one prepared goes with a later commit. */
const KEPT = 4;

/** Where a fragment is, but for its cells. */
interface Places {
  readonly sources: ReadonlyMap<string, SourceState>;
  /** Of durable channels. */
  readonly outlets: ReadonlyMap<string, OutletState>;
  readonly inlets: ReadonlyMap<string, InletState>;
}

export interface Cut extends Places {
  readonly sinks: Promise<ReadonlyMap<string, Prepared>>;
}

export interface CutEvents {
  saved(checkpoint: number, receipt: FragmentReceipt): void;
  notSaved(checkpoint: number, error: Error): void;
}

export class Cuts {
  readonly #plan: FragmentPlan;
  readonly #parts: Parts;
  readonly #control: Control;
  readonly #saver: FragmentSaver;
  readonly #events: CutEvents;
  readonly #cuts = new Map<number, Cut>();
  #committing: Promise<void> = Promise.resolve();
  #saving: Promise<FragmentReceipt> | undefined;

  constructor(plan: FragmentPlan, parts: Parts, control: Control, saver: FragmentSaver, events: CutEvents) {
    this.#plan = plan;
    this.#parts = parts;
    this.#control = control;
    this.#saver = saver;
    this.#events = events;
  }

  /** Of a fragment before this one, whose sinks and sources it has taken over: what they prepared is committed here. */
  inherit(cuts: ReadonlyMap<number, Cut>): void {
    for (const [id, cut] of cuts) this.#cuts.set(id, cut);
  }

  /** By checkpoint, those that may still be committed. */
  get open(): ReadonlyMap<number, Cut> {
    return new Map(this.#cuts);
  }

  /**
   * `last`: all has flowed out, nothing will come after; `handover`: nothing comes after it from here, and is called with what was taken as soon as it was. What was taken,
   * as views.
   */
  cut(id: number, last: boolean, handover: ((snapshot: FragmentSnapshot) => void) | undefined): FragmentSnapshot {
    const { ports } = this.#control;
    const started = ports.monotonic();
    const places = this.#places();
    const sinks = this.#prepare(id, last);
    const safe = Promise.all(this.#parts.outlets.map((outlet) => outlet.safe()));
    const frozen = Promise.all([sinks, safe]).then(([prepared]) => snapshotsOf(prepared));
    frozen.catch(() => undefined);
    const snapshot = this.#snapshot(places);
    for (const outlet of this.#parts.outlets) outlet.barrier(id, handover !== undefined);
    handover?.(snapshot);
    const save = (): Promise<FragmentReceipt> => this.#save(id, snapshot, frozen);
    // what others wait for leaves first; whoever takes the cells over comes after this
    const saving = handover === undefined ? save() : Promise.resolve().then(save);
    this.#cuts.set(id, { ...places, sinks });
    for (const known of this.#cuts.keys()) if (this.#cuts.size > KEPT) this.#cuts.delete(known);
    const paused = ports.monotonic() - started;
    saving.then(
      (receipt) => this.#events.saved(id, { ...receipt, paused }),
      (error: unknown) => this.#events.notSaved(id, error instanceof Error ? error : new Error(String(error))),
    );
    this.#saving = saving;
    return snapshot;
  }

  /** Resolves when the last cut is saved, or could not be. */
  async saved(): Promise<void> {
    await this.#saving?.catch(() => undefined);
  }

  /** Sinks and durable channels make visible what they prepared for the checkpoint, then sources may forget what came up to it. One after the other. */
  commit(id: number): Promise<void> {
    const cut = this.#cuts.get(id);
    for (const known of this.#cuts.keys()) if (known <= id) this.#cuts.delete(known);
    if (cut === undefined) return this.#committing;
    const committing = this.#committing.then(() => this.#commit(id, cut));
    this.#committing = committing.catch(() => undefined);
    return committing;
  }

  async #commit(id: number, { sinks, sources, outlets, inlets }: Cut): Promise<void> {
    const prepared = await sinks;
    await Promise.all(
      this.#parts.sinks.map(async (sink) => {
        const own = prepared.get(sink.plan.name);
        if (own !== undefined) await sink.commit(id, own);
      }),
    );
    for (const outlet of this.#parts.outlets) outlet.commit(outlets);
    for (const inlet of this.#parts.inlets) inlet.acknowledge(inlets);
    for (const source of this.#parts.sources) {
      const state = sources.get(source.plan.name);
      if (state !== undefined) await source.acknowledge(state);
    }
  }

  /** A saver that throws at once has not saved, like one that rejects. */
  async #save(
    id: number,
    snapshot: FragmentSnapshot,
    sinks: Promise<ReadonlyMap<string, SinkSnapshot>>,
  ): Promise<FragmentReceipt> {
    return await this.#saver.save(id, snapshot, sinks);
  }

  async #prepare(id: number, last: boolean): Promise<ReadonlyMap<string, Prepared>> {
    const prepared = await Promise.all(
      this.#parts.sinks.map(async (sink) => [sink.plan.name, await sink.prepare(id, last)] as const),
    );
    return new Map(prepared.flatMap(([name, own]) => (own === undefined ? [] : [[name, own] as const])));
  }

  #places(): Places {
    const { sources, outlets, inlets } = this.#parts;
    return {
      sources: new Map(sources.map((source) => [source.plan.name, source.state()])),
      outlets: new Map(outlets.flatMap((outlet) => outlet.states())),
      inlets: new Map(inlets.flatMap((inlet) => inlet.states())),
    };
  }

  #snapshot({ sources, outlets, inlets }: Places): FragmentSnapshot {
    const { cells, sinks } = this.#parts;
    const counted = [...this.#parts.sources, ...cells, ...sinks];
    return {
      fragment: this.#plan.name,
      sources,
      cells: new Map<string, CellSnapshot>(cells.map((cell) => [cell.plan.name, cell.snapshot()])),
      sinks: new Map(),
      counters: new Map(counted.map(({ counters }) => [`${counters.kind} ${counters.name}`, counters.counts()])),
      ...(outlets.size === 0 ? {} : { outlets }),
      ...(inlets.size === 0 ? {} : { inlets }),
      partition: [...this.#plan.shares.values()][0]?.partition ?? 0,
      shares: new Map(
        [...this.#plan.shares].map(([node, { partition, partitions, origins }]) => [
          node,
          { partition, partitions, ...defined({ origins }) },
        ]),
      ),
    };
  }
}

function snapshotsOf(prepared: ReadonlyMap<string, Prepared>): ReadonlyMap<string, SinkSnapshot> {
  return new Map([...prepared].map(([name, { state, frozen }]) => [name, { prepared: state, frozen: frozen ?? [] }]));
}
