/**
 * A dataflow that a program has opened. Rows begin to flow when the first output is read, the first observer subscribes, or
 * `done` or `start` is used, once the code that runs then has come to its next `await`; so every output asked for by then sees
 * every row.
 */

import type { RecordBatch, TypeMap } from 'apache-arrow';
import type { Observable } from 'rxjs';
import type { PhysicalPlan } from '../../compile/cell-plan.ts';
import { fuse } from '../../compile/fuse.ts';
import { defined } from '../../defined.ts';
import { CloudskinError, internalError, userError } from '../../errors.ts';
import type { LogicalPlan } from '../../graph/plan.ts';
import { didYouMean } from '../../graph/suggest.ts';
import type { MetricsSnapshot } from '../../metrics/snapshot.ts';
import { type Ports, realPorts, type Timer } from '../../ports.ts';
import { Control } from '../control.ts';
import { takeSnapshot } from '../fragment/snapshot.ts';
import { Deployment, type RuntimeOptions, type Summary } from '../run/deployment.ts';
import type { Outputs } from './graph-types.ts';
import { guardedObservable } from './guarded.ts';
import { type ObserveOptions, ObserverSink } from './observer.ts';
import { OutputQueue } from './output-queue.ts';
import { outputNames, type Tap, tapConnector, withTaps } from './taps.ts';

/** Milliseconds between two values of `metrics$`. */
const METRICS_INTERVAL = 1_000;

export interface DataflowOptions extends RuntimeOptions {
  /** Bytes that may wait in each output before the sources upstream wait; 8 MiB unless given. */
  readonly outputBytes?: number;
  /** Aborting it gives the run up. */
  readonly signal?: AbortSignal;
}

const OUTPUT_BYTES = 8 * 1_048_576;

export class Dataflow<O extends Outputs = Outputs> implements AsyncDisposable {
  readonly #logical: LogicalPlan;
  readonly #options: DataflowOptions;
  readonly #ports: Ports;
  readonly #outputs: OutputQueue[] = [];
  readonly #observed = new Map<string, ObserverSink>();
  readonly #taps: Tap[] = [];
  #deployment: Deployment | undefined;
  /** What was asked of the deployment before there was one. */
  readonly #endings: ((deployment: Deployment) => void)[] = [];
  #done: Promise<Summary> | undefined;
  /** Called when the run is over. */
  readonly #whenOver = new Set<() => void>();
  #isErrorTold = false;
  #isDisposed = false;

  /** For `open`; not for programs. */
  constructor(logical: LogicalPlan, options: DataflowOptions) {
    this.#logical = logical;
    this.#options = options;
    this.#ports = options.ports ?? realPorts;
  }

  /** What runs, or would: operators fused into cells. Outputs that are read inside a chain split it. */
  get plan(): PhysicalPlan {
    return this.#deployment?.plan ?? fuse(withTaps(this.#logical, this.#taps));
  }

  /** Warnings of the graph. */
  get warnings(): LogicalPlan['warnings'] {
    return this.#logical.warnings;
  }

  /** Every name that `output` and `observe` take: `readings`, `minutes`, `minutes.late`. */
  get outputNames(): readonly string[] {
    return outputNames(this.#logical);
  }

  /**
   * The rows of a source or operator, or of a side output, as apache-arrow record batches. To be asked for before rows flow, and then
   * to be read: when it is full, the whole graph upstream waits. Leaving the loop early drops what would still come. Each
   * call is an output of its own. When the run fails, the iteration throws its error.
   *
   * Throws `api.unknown-output`, `api.output-late` when rows flow already.
   */
  output<N extends keyof O & string>(name: N): AsyncIterableIterator<RecordBatch<O[N]>> {
    this.#mustNotFlow(name, 'output');
    const limit = this.#options.outputBytes ?? OUTPUT_BYTES;
    const queue = new OutputQueue(name, limit, this.#ports, () => this.start());
    this.#taps.push({ stream: this.#resolve(name), sink: queue });
    this.#outputs.push(queue);
    return this.#records<O[N]>(queue);
  }

  /**
   * The same as an RxJS Observable, which cannot make the graph wait: each subscriber has a buffer of `buffer` bytes, and more than that
   * at once is the error `api.observe-overflow` to it, unless `overflow` says what to drop. Subscribing starts the flow; a
   * later subscriber is shown what comes from then on. One that throws is told nothing more, and the flow goes on: the error is a
   * warning of the process, `api.subscriber-failed`.
   */
  observe<N extends keyof O & string>(name: N, options: ObserveOptions = {}): Observable<RecordBatch<O[N]>> {
    const sink = this.#observerSink(name);
    return guardedObservable(name, (subscriber) => {
      let end = (): void => {};
      let isOver = false;
      import('../../batch/arrow.ts').then(
        ({ toRecordBatch }) => {
          if (isOver) return;
          const observer = {
            next: (batch: Parameters<typeof toRecordBatch>[0]) =>
              subscriber.next(toRecordBatch(batch, { copy: false }) as RecordBatch<O[N]>),
            error: (error: CloudskinError) => {
              this.#isErrorTold = true;
              subscriber.error(error);
            },
            complete: () => subscriber.complete(),
          };
          end = sink.watch(observer, options);
          this.start();
        },
        (error: unknown) => subscriber.error(error),
      );
      return () => {
        isOver = true;
        end();
      };
    });
  }

  /** Lets rows flow, as soon as the code that runs now has asked for its outputs; does nothing when they do. */
  start(): void {
    if (this.#done !== undefined) return;
    if (this.#isDisposed) throw userError('api.closed', 'the dataflow was closed before it began');
    this.#done = Promise.resolve().then(() => this.#begin().run());
    this.#done.catch((error: unknown) => this.#failed(error));
    const over = (): void => {
      for (const end of this.#whenOver) end();
    };
    this.#done.then(over, over);
    this.#heed(this.#options.signal);
  }

  /** Starts the flow; resolves when everything has ended and every sink is closed, or rejects with the first error. */
  get done(): Promise<Summary> {
    this.start();
    this.#isErrorTold = true;
    return this.#done ?? Promise.reject(internalError('runtime.failed', 'the run has not begun'));
  }

  /** The figures of now; `METRICS` says what each means. */
  metrics(): MetricsSnapshot {
    const nothing = { sources: [], cells: [], sinks: [] };
    return this.#deployment?.metrics() ?? takeSnapshot(nothing, 'opening', 0, new Control(this.#ports));
  }

  /** The figures of every second while the dataflow runs, and of its end. Subscribing does not start it. */
  get metrics$(): Observable<MetricsSnapshot> {
    return guardedObservable('metrics$', (subscriber) => {
      let timer: Timer | undefined;
      const tick = (): void => {
        const snapshot = this.metrics();
        const isOver = snapshot.state === 'ended' || snapshot.state === 'failed' || this.#isDisposed;
        subscriber.next(snapshot);
        if (isOver) subscriber.complete();
        else if (!subscriber.closed) timer = this.#ports.after(METRICS_INTERVAL, tick);
      };
      const end = (): void => {
        timer?.cancel();
        tick();
      };
      this.#whenOver.add(end);
      tick();
      return () => {
        timer?.cancel();
        this.#whenOver.delete(end);
      };
    });
  }

  /**
   * Drains: sources end, open windows are flushed as at the end of input, outputs and sinks take what is left and are closed,
   * within five seconds. Further calls wait like the first; `abort` or the signal gives up. Resolves like `done`.
   */
  stop(): Promise<Summary> {
    const { done } = this;
    this.#end((deployment) => deployment.stop());
    return done;
  }

  /** Gives up at once: sinks leave nothing half-written, `done` rejects with `run.aborted`. */
  abort(reason?: unknown): void {
    if (this.#done === undefined) this.#isDisposed = true;
    const message = 'the run was aborted; nothing of it is kept';
    this.#end((deployment) =>
      deployment.abort(new CloudskinError('run.aborted', message, { domain: 'external', cause: reason })),
    );
  }

  /** Drains what runs and waits for it; throws an error of the run that nobody was told of. Outputs must not be read afterwards. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#isDisposed = true;
    for (const output of this.#outputs) await output.return();
    if (this.#done === undefined) return;
    const isTold = this.#isErrorTold;
    this.#end((deployment) => {
      if (deployment.state !== 'failed') deployment.stop();
    });
    try {
      await this.#done;
    } catch (error) {
      if (!isTold) throw error;
    }
  }

  #begin(): Deployment {
    const plan = fuse(withTaps(this.#logical, this.#taps));
    const connectors = [...this.#options.connectors, tapConnector(this.#taps)];
    this.#deployment = new Deployment(plan, { ...this.#options, connectors });
    for (const ending of this.#endings) ending(this.#deployment);
    return this.#deployment;
  }

  /** Ends what runs, or what is about to. */
  #end(ending: (deployment: Deployment) => void): void {
    if (this.#deployment === undefined) this.#endings.push(ending);
    else ending(this.#deployment);
  }

  #failed(error: unknown): void {
    const known = error instanceof CloudskinError ? error : internalError('runtime.failed', String(error));
    for (const output of this.#outputs) output.fail(known);
    for (const observed of this.#observed.values()) observed.fail(known);
  }

  #heed(signal: AbortSignal | undefined): void {
    if (signal === undefined) return;
    const abort = (): void => this.abort(signal.reason);
    if (signal.aborted) abort();
    else signal.addEventListener('abort', abort, { once: true });
    this.#whenOver.add(() => signal.removeEventListener('abort', abort));
  }

  #observerSink(name: string): ObserverSink {
    const known = this.#observed.get(name);
    if (known !== undefined) return known;
    this.#mustNotFlow(name, 'observe');
    const sink = new ObserverSink(name, this.#ports);
    this.#taps.push({ stream: this.#resolve(name), sink });
    this.#observed.set(name, sink);
    return sink;
  }

  #mustNotFlow(name: string, method: string): void {
    if (this.#isDisposed) throw userError('api.closed', `${method}('${name}'): the dataflow is closed`);
    if (this.#deployment === undefined) return;
    const hint = `call ${method}('${name}') before the first output is read and before done, start or stop`;
    throw userError('api.output-late', `${method}('${name}'): rows flow already, and some would be missed`, { hint });
  }

  #resolve(name: string): Tap['stream'] {
    const names = this.outputNames;
    if (!names.includes(name)) {
      const hint = didYouMean(name, names);
      const options = defined({ hint });
      throw userError('api.unknown-output', `the graph ${this.#logical.name} has no output "${name}"`, options);
    }
    const [node = '', port = ''] = name.split('.');
    return { node, port };
  }

  #records<T extends TypeMap>(queue: OutputQueue): AsyncIterableIterator<RecordBatch<T>> {
    const loading = import('../../batch/arrow.ts');
    const iterator: AsyncIterableIterator<RecordBatch<T>> = {
      next: async () => {
        try {
          const result = await queue.next();
          if (result.done === true) return { done: true, value: undefined };
          const { toRecordBatch } = await loading;
          return { done: false, value: toRecordBatch(result.value, { copy: false }) as RecordBatch<T> };
        } catch (error) {
          this.#isErrorTold = true;
          throw error;
        }
      },
      return: async () => {
        await queue.return();
        return { done: true, value: undefined };
      },
      [Symbol.asyncIterator]: () => iterator,
    };
    return iterator;
  }
}
