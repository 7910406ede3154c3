/**
 * A run of a physical plan in this process: one fragment that holds the whole graph, from opening to the summary.
 */
import type { PhysicalPlan } from '../../compile/cell-plan.ts';
import { cutStep } from '../../compile/cut-step.ts';
import type { FragmentPlan } from '../../compile/fragment-plan.ts';
import { type CloudskinError, externalError } from '../../errors.ts';
import type { MetricsSnapshot, RunState } from '../../metrics/snapshot.ts';
import { type Ports, realPorts } from '../../ports.ts';
import { Fragment } from '../fragment/fragment.ts';
import type { SinkSummary } from '../fragment-handle.ts';
import { directoryOf, type RuntimeOptions } from '../options.ts';

export type { SinkSummary } from '../fragment-handle.ts';
export type { RuntimeOptions } from '../options.ts';

/** What a run did, when it is over. */
export interface Summary {
  readonly name: string;
  /** True where `stop` ended it before its sources did. */
  readonly stopped: boolean;
  /** The checkpoint that the run went on from; counts are of all runs since the beginning, `elapsed` of this one. */
  readonly restoredFrom?: number;
  /** The checkpoint at which `stop` left off, so that the next run goes on from there. */
  readonly leftOffAt?: number;
  readonly metrics: MetricsSnapshot;
  readonly sinks: readonly SinkSummary[];
}

/** Milliseconds that `stop` may take. */
const DRAIN = 5_000;

export class Deployment {
  readonly plan: PhysicalPlan;
  readonly #fragment: Fragment;
  readonly #ports: Ports;
  #running: Promise<Summary> | undefined;
  #stopped = false;

  constructor(plan: PhysicalPlan, options: RuntimeOptions) {
    this.plan = plan;
    this.#ports = options.ports ?? realPorts;
    const runtime = { ...options, directory: options.directory ?? directoryOf(plan.logical.file) };
    this.#fragment = new Fragment(wholeFragment(plan), { runtime });
  }

  get state(): RunState {
    return this.#fragment.state;
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
   * else the run fails with `run.drain-timeout`. Called again it changes nothing; `abort` gives up.
   */
  stop(): void {
    if (this.#fragment.isOver || this.#stopped) return;
    this.#stopped = true;
    this.#fragment.drain();
    if (this.#running === undefined) return;
    const deadline = this.#ports.after(DRAIN, () => this.#fragment.fail(this.#drainTimeout()));
    const cancel = (): void => deadline.cancel();
    void this.#running.then(cancel, cancel);
  }

  /** Ends the run at once, with `reason` or `run.aborted` as its error. */
  abort(reason?: CloudskinError): void {
    this.#fragment.fail(reason ?? externalError('run.aborted', 'the run was aborted; nothing of it is kept'));
  }

  metrics(): MetricsSnapshot {
    return this.#fragment.metrics();
  }

  async #run(): Promise<Summary> {
    const sinks = await this.#fragment.run();
    return { name: this.plan.logical.name, stopped: this.#stopped, metrics: this.metrics(), sinks };
  }

  #drainTimeout(): CloudskinError {
    const waiting = this.#fragment.waitingFor.join(', ') || 'a sink to close';
    const message = `the run could not be drained within ${DRAIN / 1000} s; still waiting for ${waiting}`;
    return externalError('run.drain-timeout', message);
  }
}

/** The whole graph as one fragment. */
export function wholeFragment({ logical, cells }: PhysicalPlan): FragmentPlan {
  return {
    namespace: logical.namespace,
    app: logical.name,
    revision: 1,
    name: 'all',
    host: { site: 'local', agent: 'local', worker: 0 },
    region: 'all',
    sources: logical.sources,
    cells,
    sinks: logical.sinks,
    shares: new Map(),
    inlets: [],
    outlets: [],
    cutSteps: new Map(logical.sources.map((source) => [source.name, cutStep(logical, source)])),
  };
}
