/**
 * One run of a physical plan, from opening to the summary.
 *
 *     opening ──> running ──> draining ──> ended        `stop` leads from running to draining,
 *        └───────────┴────────────┴──────> failed        any error to failed
 *
 * Sources are opened first, because sinks are told whether what feeds them ends; then cells and sinks. When every source has
 * ended, cells have been flushed already (the end is a call through the cells like any other), so all that is left is to wait
 * for busy sinks, close the sources, then close the sinks. On failure sinks are aborted instead, so that nothing half-written
 * looks whole.
 */
import { dirname } from 'node:path';
import process from 'node:process';
import type { Cell } from '../cell/cell.ts';
import type { CellPlan, PhysicalPlan } from '../compile/cell-plan.ts';
import { cutStep } from '../compile/cut-step.ts';
import { type CloudskinError, externalError, internalError } from '../errors.ts';
import type { Connector, Sink, SinkContext, SinkReport } from '../graph/connector.ts';
import type { SinkNode as SinkPlan } from '../graph/plan.ts';
import { environmentSecrets, resolveSecrets, type SecretLookup } from '../graph/secrets.ts';
import type { MetricsSnapshot, RunState } from '../metrics/snapshot.ts';
import { type Ports, realPorts } from '../ports.ts';
import { Control } from './control.ts';
import { readSecret } from './secret-files.ts';
import { bounded, type SinkNode, type SinkNodeOptions } from './sink-node.ts';
import { takeSnapshot } from './snapshot.ts';
import { SourceNode } from './source-node.ts';
import { Turns } from './turns.ts';
import { type Downstream, downstreamOf, meetings, type Opened, type Wired, wire } from './wiring.ts';

export interface RuntimeOptions {
  readonly connectors: readonly Connector[];
  /** Makes a cell of its plan. */
  readonly openCell: (plan: CellPlan) => Cell | Promise<Cell>;
  readonly ports?: Ports;
  /** Answers `${secret:name}` in options of connectors; `environmentSecrets` unless given. */
  readonly secrets?: SecretLookup;
  /** Where relative paths count from; the graph file's directory unless given. */
  readonly directory?: string;
  /** Where `console` writes. */
  readonly stdout?: (text: string) => void | Promise<void>;
  readonly color?: boolean;
  readonly width?: number;
  /** Bytes that may wait before each sink; 8 MiB unless given. */
  readonly queueBytes?: number;
  /** Bytes that `orderBy` may read into memory, a source; 512 MiB unless given. */
  readonly orderBytes?: number;
}

export interface SinkSummary extends SinkReport {
  readonly name: string;
}

/** What a run did, when it is over. */
export interface Summary {
  readonly name: string;
  /** True where `stop` ended it before its sources did. */
  readonly stopped: boolean;
  readonly metrics: MetricsSnapshot;
  readonly sinks: readonly SinkSummary[];
}

const QUEUE_BYTES = 8 * 1_048_576;
const ORDER_BYTES = 512 * 1_048_576;
/** Milliseconds without a row after which sinks of a run that has no end, or is paced, are flushed. */
const QUIET = 20;
/** Milliseconds that `stop` may take; sources that have not ended after the first part of it are left behind. */
const DRAIN = 5_000;
const SOURCE_GRACE = 1_500;
/** Milliseconds that each cleaning-up of a failed run may take. */
const PATIENCE = 2_000;

export class Deployment {
  readonly plan: PhysicalPlan;
  readonly #options: RuntimeOptions;
  readonly #control: Control;
  readonly #downstream: Downstream;
  #sources: readonly SourceNode[] = [];
  #wired: Wired = { cells: [], sinks: [] };
  #state: RunState = 'opening';
  #startedAt: number | undefined;
  #endedAt: number | undefined;
  #running: Promise<Summary> | undefined;
  #stopped = false;

  constructor(plan: PhysicalPlan, options: RuntimeOptions) {
    this.plan = plan;
    this.#options = options;
    this.#control = new Control(options.ports ?? realPorts);
    this.#downstream = downstreamOf(plan.logical);
  }

  get state(): RunState {
    return this.#state;
  }

  /**
   * Opens everything and runs to the end; nothing is opened where it was stopped before. Rejects with the first error, attributed to its node; then every sink has been
   * aborted, every source closed. Called again it returns the same promise.
   */
  run(): Promise<Summary> {
    this.#running ??= this.#run();
    return this.#running;
  }

  /**
   * Drains: sources end, open windows are flushed as at the end of input, sinks take all and are closed; within five seconds,
   * else the run fails with `run.drain-timeout`. A second call aborts the run with `run.aborted`.
   */
  stop(): void {
    if (this.#endedAt !== undefined) return;
    if (this.#stopped) {
      this.abort();
      return;
    }
    this.#stopped = true;
    const { ports } = this.#control;
    this.#control.stop();
    const grace = ports.after(SOURCE_GRACE, () => this.#control.cut.trip());
    const deadline = ports.after(DRAIN, () => this.#control.fail(this.#drainTimeout()));
    const cancel = (): void => {
      grace.cancel();
      deadline.cancel();
    };
    void this.#running?.then(cancel, cancel);
    if (this.#running === undefined) cancel();
  }

  /** Ends the run at once, with `reason` or `run.aborted` as its error. */
  abort(reason?: CloudskinError): void {
    if (this.#endedAt !== undefined) return;
    this.#control.fail(reason ?? externalError('run.aborted', 'the run was aborted; nothing of it is kept'));
  }

  metrics(): MetricsSnapshot {
    const { ports } = this.#control;
    const end = this.#endedAt ?? ports.monotonic();
    const nodes = { sources: this.#sources, ...this.#wired };
    return takeSnapshot(nodes, this.#state, end - (this.#startedAt ?? end), ports);
  }

  async #run(): Promise<Summary> {
    const reports = await this.#passThrough().catch((error: unknown) => {
      this.#control.fail(internalError('runtime.failed', 'the runtime failed', { cause: error }));
      return [];
    });
    const { failure } = this.#control;
    this.#settle(failure === undefined ? 'ended' : 'failed');
    if (failure !== undefined) throw failure;
    const { name } = this.plan.logical;
    return { name, stopped: this.#stopped, metrics: this.metrics(), sinks: reports };
  }

  async #passThrough(): Promise<readonly SinkSummary[]> {
    const { failed, stopping } = this.#control;
    if (failed.tripped || stopping.tripped) return [];
    await this.#open();
    if (!failed.tripped) await this.#flow();
    return await this.#close();
  }

  #settle(state: RunState): void {
    this.#state = state;
    this.#endedAt = this.#control.ports.monotonic();
  }

  async #flow(): Promise<void> {
    this.#state = 'running';
    this.#startedAt = this.#control.ports.monotonic();
    await Promise.all(this.#sources.map((source) => source.run(this.#sinksBelow(source))));
    this.#state = 'draining';
  }

  #sinksBelow(source: SourceNode): readonly SinkNode[] {
    const below = this.#downstream.get(source.plan.name);
    return this.#wired.sinks.filter((sink) => below?.has(sink.plan.name) ?? false);
  }

  async #open(): Promise<void> {
    const { logical } = this.plan;
    const met = meetings(logical, this.#downstream);
    this.#sources = logical.sources.map((source) => {
      return new SourceNode(source, this.#control, {
        directory: this.#directory,
        orderBytes: this.#options.orderBytes ?? ORDER_BYTES,
        step: cutStep(logical, source),
        drift: met.get(source.name)?.drift,
        turns: met.get(source.name)?.turns ?? new Turns(),
      });
    });
    // Sources first: they wait for the disk or the network while cells are compiled.
    const openingSources = Promise.all(this.#sources.map((source) => this.#openSource(source)));
    const openingCells = this.#openCells();
    await openingSources;
    const sinks = await this.#openSinks();
    const opened: Opened = { sources: this.#sources, cells: await openingCells, sinks };
    if (this.#control.failure !== undefined) await this.#discard(opened);
    else this.#wired = wire(this.plan, opened, this.#control);
  }

  get #secrets(): SecretLookup {
    return this.#options.secrets ?? environmentSecrets(process.env, readSecret);
  }

  get #directory(): string {
    const { file } = this.plan.logical;
    return this.#options.directory ?? (file.startsWith('<') ? process.cwd() : dirname(file));
  }

  async #openSource(source: SourceNode): Promise<void> {
    const { name, connector } = source.plan;
    try {
      const spec = this.#connector(connector).source;
      if (spec === undefined) throw internalError('runtime.no-source', `connector ${connector} has no source`);
      await source.open(spec, resolveSecrets(source.plan.options, this.#secrets));
    } catch (error) {
      this.#control.failNode('source', name, error);
    }
  }

  async #openCells(): Promise<ReadonlyMap<string, Cell>> {
    const cells = new Map<string, Cell>();
    for (const plan of this.plan.cells) {
      try {
        const cell = this.#options.openCell(plan);
        cells.set(plan.name, cell instanceof Promise ? await cell : cell);
      } catch (error) {
        this.#control.failNode('cell', plan.name, error);
      }
    }
    return cells;
  }

  async #openSinks(): Promise<Opened['sinks']> {
    const sinks = new Map<string, { readonly sink: Sink; readonly options: SinkNodeOptions }>();
    for (const plan of this.plan.logical.sinks) {
      if (this.#control.failure !== undefined) break;
      try {
        const spec = this.#connector(plan.connector).sink;
        if (spec === undefined) throw internalError('runtime.no-sink', `connector ${plan.connector} has no sink`);
        const { context, quiet } = this.#sinkContext(plan);
        const sink = await this.#control.orDiscard(spec.open(plan.options, plan.input, context), (late) =>
          late.abort(),
        );
        if (sink === undefined) break;
        sinks.set(plan.name, { sink, options: { quiet, queueBytes: this.#options.queueBytes ?? QUEUE_BYTES } });
      } catch (error) {
        this.#control.failNode('sink', plan.name, error);
      }
    }
    return sinks;
  }

  #sinkContext(plan: SinkPlan): { readonly context: SinkContext; readonly quiet: number | undefined } {
    const feeding = this.#sources.filter((source) => this.#downstream.get(source.plan.name)?.has(plan.name));
    const isBounded = feeding.every((source) => source.bounded);
    const isPaced = feeding.some((source) => source.plan.speed !== undefined);
    const context: SinkContext = {
      name: plan.name,
      directory: this.#directory,
      signal: this.#control.sinkSignal,
      now: () => this.#control.ports.now(),
      bounded: isBounded,
      stdout: this.#options.stdout ?? writeStdout,
      color: this.#options.color ?? false,
      width: this.#options.width ?? 120,
    };
    return { context, quiet: isBounded && !isPaced ? undefined : QUIET };
  }

  #connector(name: string): Connector {
    const found = this.#options.connectors.find((connector) => connector.name === name);
    if (found === undefined) throw internalError('runtime.no-connector', `there is no connector ${name}`);
    return found;
  }

  /** Sources, then sinks one after the other, so that a failing one leaves as many of the others unwritten as possible. */
  async #close(): Promise<readonly SinkSummary[]> {
    const { failed } = this.#control;
    for (const sink of this.#wired.sinks) await sink.drained();
    await Promise.all(this.#sources.map((source) => bounded(source.close(), PATIENCE, this.#control)));
    const reports: SinkSummary[] = [];
    for (const sink of this.#wired.sinks) {
      const report = failed.tripped ? undefined : await sink.close();
      if (report !== undefined) reports.push({ name: sink.plan.name, ...report });
    }
    if (failed.tripped) await Promise.all(this.#wired.sinks.map((sink) => sink.abort(PATIENCE)));
    for (const cell of this.#wired.cells) cell.close();
    return reports;
  }

  /** Frees what was opened when something else could not be. */
  async #discard({ cells, sinks }: Opened): Promise<void> {
    for (const [name, cell] of cells) {
      try {
        cell.close();
      } catch (error) {
        this.#control.failNode('cell', name, error);
      }
    }
    for (const [name, { sink }] of sinks) {
      await bounded(sink.abort(), PATIENCE, this.#control).catch((error: unknown) => {
        this.#control.failNode('sink', name, error);
      });
    }
  }

  #drainTimeout(): CloudskinError {
    const busy = this.#wired.sinks.filter((sink) => sink.isBusy).map((sink) => `sink ${sink.plan.name}`);
    const open = this.#sources.filter((source) => !source.ended).map((source) => `source ${source.plan.name}`);
    const waiting = [...open, ...busy].join(', ') || 'a sink to close';
    const message = `the run could not be drained within ${DRAIN / 1000} s; still waiting for ${waiting}`;
    return externalError('run.drain-timeout', message);
  }
}

function writeStdout(text: string): void | Promise<void> {
  if (process.stdout.write(text)) return;
  return new Promise((resolve) => process.stdout.once('drain', resolve));
}
