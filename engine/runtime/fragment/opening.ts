/**
 * Opens what a fragment consists of. Sources first: they wait for the disk or the network while cells are compiled, and sinks are told
 * whether what feeds them ends. Failures go to the control; then what was opened so far is discarded, but for sources, which are closed at the
 * end like any other.
 */

import type { Cell } from '../../cell/cell.ts';
import type { FragmentPlan } from '../../compile/fragment-plan.ts';
import { defined } from '../../defined.ts';
import { internalError } from '../../errors.ts';
import type { SinkContext } from '../../graph/connector.ts';
import type { SinkNode as SinkPlan, SourceNode as SourcePlan } from '../../graph/plan.ts';
import { resolveSecrets } from '../../graph/secrets.ts';
import type { RecordLog } from '../../state/log/log.ts';
import { countersOf, durablePast, partitionsOf, type Restored, sinkOf } from '../checkpoint/restore.ts';
import type { Control } from '../control.ts';
import type { Channels } from '../exchange/channels.ts';
import { InletNode } from '../exchange/inlet-node.ts';
import { OutletNode } from '../exchange/outlet-node.ts';
import { bounded, SinkNode } from '../node/sink-node.ts';
import {
  connectorNamed,
  ORDER_BYTES,
  PATIENCE,
  QUEUE_BYTES,
  QUIET,
  type RuntimeOptions,
  secretsOf,
  writeStdout,
} from '../options.ts';
import { SourceNode } from '../source/source-node.ts';
import { Turns } from '../source/turns.ts';
import { Cells } from './cells.ts';
import { identityOf } from './identity.ts';
import {
  type Downstream,
  downstreamOf,
  inletKey,
  meetings,
  NO_PARTS,
  type Parts,
  sinkKey,
  sourceKey,
  wire,
} from './wiring.ts';

/** All partitions of a source. */
const WHOLE = { index: 0, of: 1 };

export interface OpeningOptions {
  readonly runtime: RuntimeOptions;
  readonly directory: string;
  readonly epoch: number;
  /** The fragment is cut for checkpoints. */
  readonly checkpointed: boolean;
  readonly restored: Restored | undefined;
  /** Opens the journal of a source's partition. */
  readonly journal: ((source: string, partition: string) => Promise<RecordLog>) | undefined;
}

export class Opening {
  readonly #plan: FragmentPlan;
  readonly #options: OpeningOptions;
  readonly #control: Control;
  readonly #channels: Channels;
  readonly #downstream: Downstream;
  readonly #cells: Cells;
  readonly sources: readonly SourceNode[];
  /** Sources and sinks that are being opened. */
  readonly pending: Set<string> = new Set<string>();

  constructor(plan: FragmentPlan, options: OpeningOptions, control: Control, channels: Channels) {
    this.#plan = plan;
    this.#options = options;
    this.#control = control;
    this.#channels = channels;
    this.#downstream = downstreamOf(plan);
    this.#cells = new Cells(plan, options.runtime, control, options.checkpointed);
    const met = meetings(plan.sources, this.#downstream);
    this.sources = plan.sources.map((source) => {
      const meeting = met.get(source.name);
      return new SourceNode(
        source,
        control.member(),
        this.#sourceOptions(source, meeting?.turns ?? new Turns(), meeting?.drift),
      );
    });
  }

  get downstream(): Downstream {
    return this.#downstream;
  }

  /** Everything, wired; only the sources once the run has failed. */
  async open(): Promise<Parts> {
    const openingSources = Promise.all(this.sources.map((source) => this.#openSource(source)));
    const past = durablePast(this.#options.restored);
    const openingChannels = this.#channels.open(this.#plan, this.#control, past);
    const openingCells = this.#cells.open(this.#plan.cells);
    await openingSources;
    const sinks = await this.#openSinks();
    const cells = await openingCells;
    const senders = await openingChannels;
    const parts: Parts = {
      sources: this.sources,
      inlets: this.#attempt(() =>
        this.#plan.inlets.map((inlet) => new InletNode(inlet, this.#control, this.#channels, past)),
      ),
      cells: await this.#cells.restored(cells, this.#options.restored),
      sinks,
      outlets: this.#attempt(() =>
        senders.map(({ outlet, ends }) => new OutletNode(outlet, ends, this.#control, this.#channels, past)),
      ),
    };
    if (this.#control.failure === undefined) {
      this.#attempt(() => {
        this.#restoreCounters(parts);
        wire(this.#plan, parts);
        return [];
      });
    }
    if (this.#control.failure === undefined) return parts;
    await this.#discard(cells, sinks);
    return { ...NO_PARTS, sources: this.sources };
  }

  #attempt<T>(make: () => readonly T[]): readonly T[] {
    if (this.#control.failure !== undefined) return [];
    try {
      return make();
    } catch (error) {
      this.#control.failNode('cell', this.#plan.name, error);
      return [];
    }
  }

  #sourceOptions(source: SourcePlan, turns: Turns, drift: ConstructorParameters<typeof SourceNode>[2]['drift']) {
    const { runtime, directory, checkpointed, restored, journal } = this.#options;
    const share = this.#plan.shares.get(source.name);
    return {
      directory,
      orderBytes: source.memory?.bytes ?? runtime.orderBytes ?? ORDER_BYTES,
      step: source.time === undefined ? 0n : (this.#plan.cutSteps?.get(source.name) ?? 1n),
      drift,
      turns,
      share: share === undefined || share.site !== undefined ? WHOLE : { index: share.partition, of: share.partitions },
      tracked: checkpointed,
      identity: identityOf(this.#plan, source.name),
      listening: runtime.listening,
      restored: partitionsOf(restored, this.#plan, source.name),
      journal: journal && ((partition: string) => journal(source.name, partition)),
    };
  }

  async #openSource(source: SourceNode): Promise<void> {
    const { name, connector } = source.plan;
    try {
      const spec = connectorNamed(this.#options.runtime, connector).source;
      if (spec === undefined) throw internalError('runtime.no-source', `connector ${connector} has no source`);
      this.pending.add(source.label);
      await source.open(spec, resolveSecrets(source.plan.options, secretsOf(this.#options.runtime)));
    } catch (error) {
      this.#control.failNode('source', name, error);
    } finally {
      this.pending.delete(source.label);
    }
  }

  #restoreCounters({ sources, cells, sinks }: Parts): void {
    for (const { counters } of [...sources, ...cells, ...sinks]) {
      const before = countersOf(this.#options.restored, this.#plan, `${counters.kind} ${counters.name}`);
      if (before !== undefined) counters.restore(before);
    }
  }

  async #openSinks(): Promise<readonly SinkNode[]> {
    const sinks: SinkNode[] = [];
    for (const plan of this.#plan.sinks) {
      if (this.#control.failure !== undefined) break;
      const label = `sink ${plan.name}`;
      this.pending.add(label);
      try {
        const node = await this.#openSink(plan);
        if (node === undefined) break;
        sinks.push(node);
      } catch (error) {
        this.#control.failNode('sink', plan.name, error);
      } finally {
        this.pending.delete(label);
      }
    }
    return sinks;
  }

  async #openSink(plan: SinkPlan): Promise<SinkNode | undefined> {
    const { runtime } = this.#options;
    const spec = connectorNamed(runtime, plan.connector).sink;
    if (spec === undefined) throw internalError('runtime.no-sink', `connector ${plan.connector} has no sink`);
    const control = this.#control.member();
    const { context, quiet } = this.#sinkContext(plan, control);
    const opening = spec.open(resolveSecrets(plan.options, secretsOf(runtime)), plan.input, context);
    const sink = await this.#control.orDiscard(opening, (late) => late.abort());
    if (sink === undefined) return undefined;
    return new SinkNode(plan, sink, control, { quiet, queueBytes: runtime.queueBytes ?? QUEUE_BYTES });
  }

  #sinkContext(
    plan: SinkPlan,
    control: Control,
  ): { readonly context: SinkContext; readonly quiet: number | undefined } {
    const { runtime, directory, epoch, checkpointed } = this.#options;
    const feeds = (key: string): boolean => this.#downstream.get(key)?.has(sinkKey(plan.name)) ?? false;
    const feeding = this.sources.filter((source) => feeds(sourceKey(source.plan.name)));
    const isEndless = this.#plan.inlets.some(({ stream, bounded }) => bounded !== true && feeds(inletKey(stream)));
    const isBounded = !isEndless && feeding.every((source) => source.bounded);
    const isPaced = feeding.some((source) => source.plan.speed !== undefined);
    const past = sinkOf(this.#options.restored, this.#plan, plan.name);
    const context: SinkContext = {
      name: plan.name,
      directory,
      signal: control.sinkSignal,
      ports: control.ports,
      trouble: control.troubles.reporter(`sink ${plan.name}`),
      bounded: isBounded,
      stdout: runtime.stdout ?? writeStdout,
      color: runtime.color ?? false,
      width: runtime.width ?? 120,
      identity: identityOf(this.#plan, plan.name),
      epoch,
      ...(checkpointed ? { checkpointed } : {}),
      ...defined({ delivery: plan.delivery }),
      ...(past === undefined
        ? {}
        : {
            restored: {
              checkpoint: past.checkpoint,
              prepared: { state: past.state.prepared, frozen: past.state.frozen },
            },
          }),
    };
    return { context, quiet: isBounded && !isPaced ? undefined : QUIET };
  }

  /** Frees what was opened when something else could not be. */
  async #discard(cells: ReadonlyMap<string, Cell>, sinks: readonly SinkNode[]): Promise<void> {
    this.#cells.close(cells);
    for (const sink of sinks) await bounded(sink.abort(PATIENCE), PATIENCE, this.#control);
  }
}
