/**
 * Runs calls in a worker thread, started and warm before the first. A thread that does not answer in time, or ends, is replaced: so a call is
 * bounded in time whatever it does.
 */
import { Worker } from 'node:worker_threads';
import type { Batch } from '../batch/batch.ts';
import type { PoolFigures } from '../cell/pools.ts';
import { type CloudskinError, messageOf } from '../errors.ts';
import { ERRORS_SCHEMA } from '../graph/plan.ts';
import type { Ports, Timer } from '../ports.ts';
import { type Answer, batchesOf, type CallMessage, errorOf, partsOf, type WorkerSetup } from './task-messages.ts';
import { lost, type Runner } from './task-pool.ts';
import { type TaskOutput, timedOut } from './task-program.ts';

/** Milliseconds beyond a call's own time after which its thread is given up. */
const PATIENCE = 250;

interface Pending {
  readonly id: number;
  readonly timer: Timer;
  readonly resolve: (output: TaskOutput) => void;
  readonly reject: (error: CloudskinError) => void;
}

export class WorkerRunner implements Runner {
  readonly #setup: WorkerSetup;
  readonly #ports: Pick<Ports, 'after'>;
  #worker: Promise<Worker>;
  #pending: Pending | undefined;
  #calls = 0;
  #pools: readonly PoolFigures[] = [];
  #closed = false;
  /** Its thread ended while nothing ran; the next call has another started. */
  #ended = false;

  constructor(setup: WorkerSetup, ports: Pick<Ports, 'after'>) {
    this.#setup = setup;
    this.#ports = ports;
    this.#worker = this.#start();
  }

  /** Resolves when it is warm; rejects where the task cannot be prepared. */
  async ready(): Promise<void> {
    await this.#worker;
  }

  async run(batches: readonly Batch[], milliseconds: number): Promise<TaskOutput> {
    if (this.#ended) this.#worker = this.#start();
    const worker = await this.#worker;
    this.#calls += 1;
    const id = this.#calls;
    const message: CallMessage = { id, milliseconds, batches: partsOf(batches) };
    return new Promise((resolve, reject) => {
      const timer = this.#ports.after(milliseconds + PATIENCE, () =>
        this.#giveUp(worker, timedOut(this.#setup.plan.operator, milliseconds)),
      );
      this.#pending = { id, timer, resolve, reject };
      worker.postMessage(message);
    });
  }

  pools(): readonly PoolFigures[] {
    return this.#pools;
  }

  async close(): Promise<void> {
    this.#closed = true;
    const worker = await this.#worker.catch(() => undefined);
    await worker?.terminate();
  }

  #start(): Promise<Worker> {
    this.#ended = false;
    const own = import.meta.url;
    const file = new URL(`./task-worker${own.endsWith('.ts') ? '.ts' : '.js'}`, own);
    const worker = new Worker(file, { workerData: this.#setup, name: 'cloudskin-task' });
    worker.unref();
    const started = new Promise<Worker>((resolve, reject) => {
      worker.on('message', (answer: Answer) => {
        if (answer.kind === 'ready') resolve(worker);
        else if (answer.kind === 'pools') this.#pools = answer.pools;
        else if (answer.id === 0 && answer.kind === 'error') reject(errorOf(answer.error));
        else this.#answered(answer);
      });
      worker.on('error', (error) => reject(this.#end(worker, messageOf(error))));
      worker.on('exit', (code) => reject(this.#end(worker, `exit ${code}`)));
    });
    started.catch(() => {});
    return started;
  }

  #answered(answer: Exclude<Answer, { readonly kind: 'ready' | 'pools' }>): void {
    const pending = this.#pending;
    if (pending?.id !== answer.id) return;
    this.#pending = undefined;
    pending.timer.cancel();
    if (answer.kind === 'error') pending.reject(errorOf(answer.error));
    else {
      const batches = batchesOf(answer.batches, this.#setup.plan.result);
      pending.resolve({ batches, errors: batchesOf(answer.errors, ERRORS_SCHEMA) });
    }
  }

  #end(worker: Worker, reason: string): CloudskinError {
    const error = lost(this.#setup.plan.operator, reason);
    this.#giveUp(worker, error);
    return error;
  }

  /** Another thread takes its place. */
  #giveUp(worker: Worker, error: CloudskinError): void {
    worker.removeAllListeners();
    void worker.terminate();
    const pending = this.#pending;
    this.#pending = undefined;
    this.#ended = pending === undefined;
    if (!this.#closed && pending !== undefined) this.#worker = this.#start();
    pending?.timer.cancel();
    pending?.reject(error);
  }
}
