/**
 * Calls of one task: a bounded queue in front of so many runners (the calling thread, or worker threads). A call that finds the queue full is
 * shed: answered at once with `task.overloaded` and when to try again, and counted.
 *
 *   call ──> [queue, by count and bytes] ──> runner: fresh cells, rows, end ──> result
 *     └── full: task.overloaded
 */
import type { Batch } from '../batch/batch.ts';
import { batchBytes } from '../batch/reader.ts';
import type { PoolFigures } from '../cell/pools.ts';
import { CloudskinError, externalError, internalError, messageOf, userError } from '../errors.ts';
import type { Ports } from '../ports.ts';
import { Histogram } from './histogram.ts';
import { type TaskOutput, timedOut } from './task-program.ts';

/** What runs calls, one at a time. */
export interface Runner {
  /** Rejects as `TaskProgram.run` throws. */
  run(batches: readonly Batch[], milliseconds: number): Promise<TaskOutput>;
  /** What its thread keeps for the next calls, as it said last. */
  pools?(): readonly PoolFigures[];
  close(): Promise<void>;
}

export interface PoolOptions {
  readonly ports: Ports;
  /** Names it in errors. */
  readonly name: string;
  readonly runners: readonly Runner[];
  /** Calls and bytes of input that may wait. */
  readonly queueCalls: number;
  readonly queueBytes: number;
  /** Milliseconds a call may take, the waiting included, unless it says so itself. */
  readonly deadline: number;
}

export interface Times {
  readonly p50: number;
  readonly p99: number;
  readonly p999: number;
  readonly mean: number;
}

/** Counts since the task was opened; times in milliseconds, right within 5 per cent. */
export interface TaskStats {
  /** Answered with a result. */
  readonly calls: number;
  readonly failed: number;
  readonly timeouts: number;
  /** Refused because the queue was full. */
  readonly shed: number;
  readonly queued: number;
  readonly queuedBytes: number;
  readonly running: number;
  /** Threads that run calls; 1 is the calling one where there are no workers. */
  readonly runners: number;
  /** From the call to its beginning. */
  readonly waited: Times;
  /** From its beginning to its end. */
  readonly ran: Times;
}

/** What a call brings, read when its turn comes; `bytes` is what it takes until then. */
export interface CallInput {
  readonly bytes: number;
  read(): Promise<readonly Batch[]>;
}

/** What a call yielded, and the milliseconds that it waited and ran. */
export interface Answered extends TaskOutput {
  readonly waited: number;
  readonly ran: number;
}

interface Waiting {
  readonly input: readonly Batch[] | CallInput;
  readonly bytes: number;
  readonly since: number;
  readonly milliseconds: number;
  readonly timer: { cancel(): void };
  readonly resolve: (answered: Answered) => void;
  readonly reject: (error: CloudskinError) => void;
}

export class TaskPool {
  readonly #options: PoolOptions;
  readonly #free: Runner[];
  /** In the order of arrival. */
  readonly #queue = new Set<Waiting>();
  #queuedBytes = 0;
  #running = 0;
  #calls = 0;
  #failed = 0;
  #timeouts = 0;
  #shed = 0;
  readonly #waited = new Histogram();
  readonly #ran = new Histogram();
  #closing: Promise<void> | undefined;
  #idle: (() => void) | undefined;

  constructor(options: PoolOptions) {
    this.#options = options;
    this.#free = [...options.runners];
  }

  /**
   * Resolves to what the rows yield. The batches must stay as they are until it settles. Rejects with `task.overloaded` (try again
   * after `retryAfterOf` milliseconds), `task.timeout`, `task.failed`, `task.result-too-large`, `task.input-too-large`, `task.closed`.
   */
  call(input: readonly Batch[] | CallInput, milliseconds: number = this.#options.deadline): Promise<Answered> {
    const { name, ports, queueBytes } = this.#options;
    const bytes = 'read' in input ? input.bytes : input.reduce((sum, batch) => sum + batchBytes(batch), 0);
    const refusal = this.#refusal(bytes);
    if (refusal !== undefined) return Promise.reject(refusal);
    if (bytes > queueBytes) {
      const message = `a call of task ${name} brings ${bytes} bytes, and ${queueBytes} are taken`;
      return Promise.reject(userError('task.input-too-large', message));
    }
    return new Promise((resolve, reject) => {
      const timer = ports.after(milliseconds, () => this.#expire(waiting));
      const waiting = { input, bytes, since: ports.monotonic(), milliseconds, timer, resolve, reject };
      this.#queue.add(waiting);
      this.#queuedBytes += bytes;
      // after whoever calls now, so that a burst meets the queue and not a thread that is busy
      void Promise.resolve().then(() => this.#next());
    });
  }

  stats(): TaskStats {
    return {
      calls: this.#calls,
      failed: this.#failed,
      timeouts: this.#timeouts,
      shed: this.#shed,
      queued: this.#queue.size,
      queuedBytes: this.#queuedBytes,
      running: this.#running,
      runners: this.#options.runners.length,
      waited: timesOf(this.#waited),
      ran: timesOf(this.#ran),
    };
  }

  /** What the threads of its runners keep for the next calls. */
  pools(): readonly (readonly PoolFigures[])[] {
    return this.#options.runners.map((runner) => runner.pools?.() ?? []);
  }

  /** Takes no more calls; resolves when those that wait and run are answered. */
  close(): Promise<void> {
    this.#closing ??= this.#drain();
    return this.#closing;
  }

  async #drain(): Promise<void> {
    if (this.#queue.size > 0 || this.#running > 0) {
      await new Promise<void>((resolve) => {
        this.#idle = resolve;
      });
    }
    for (const runner of this.#options.runners) await runner.close();
  }

  #refusal(bytes: number): CloudskinError | undefined {
    const { name, queueCalls, queueBytes } = this.#options;
    if (this.#closing !== undefined) return userError('task.closed', `the task ${name} takes no more calls`);
    const isFull = this.#queue.size >= queueCalls || (this.#queue.size > 0 && this.#queuedBytes + bytes > queueBytes);
    if (!isFull) return undefined;
    this.#shed += 1;
    return overloaded(name, this.#queue.size, this.#retryAfter());
  }

  /** Milliseconds in which half of what waits now will have been run. */
  #retryAfter(): number {
    const { runners } = this.#options;
    return Math.max(1, Math.ceil(((this.#ran.mean || 1) * this.#queue.size) / runners.length / 2));
  }

  #take(waiting: Waiting): boolean {
    if (!this.#queue.delete(waiting)) return false;
    this.#queuedBytes -= waiting.bytes;
    return true;
  }

  /** It has waited until its time was over. */
  #expire(waiting: Waiting): void {
    if (!this.#take(waiting)) return;
    this.#timeouts += 1;
    waiting.reject(timedOut(this.#options.name, waiting.milliseconds));
    this.#settle();
  }

  #next(): void {
    const [waiting] = this.#queue;
    if (waiting === undefined) return;
    const runner = this.#free.pop();
    if (runner === undefined) return;
    this.#take(waiting);
    waiting.timer.cancel();
    this.#running += 1;
    void this.#run(runner, waiting);
  }

  async #run(runner: Runner, waiting: Waiting): Promise<void> {
    const { ports, name } = this.#options;
    const began = ports.monotonic();
    const waited = began - waiting.since;
    this.#waited.add(waited);
    try {
      const left = waiting.milliseconds - waited;
      if (left <= 0) throw timedOut(name, waiting.milliseconds);
      const { input } = waiting;
      const output = await runner.run('read' in input ? await input.read() : input, left);
      this.#calls += 1;
      waiting.resolve({ ...output, waited, ran: ports.monotonic() - began });
    } catch (error) {
      this.#reject(waiting, error);
    } finally {
      this.#ran.add(ports.monotonic() - began);
      this.#running -= 1;
      this.#free.push(runner);
      this.#settle();
    }
    this.#next();
  }

  #reject(waiting: Waiting, error: unknown): void {
    const known =
      error instanceof CloudskinError ? error : internalError('task.failed', messageOf(error), { cause: error });
    if (known.code === 'task.timeout') this.#timeouts += 1;
    else this.#failed += 1;
    waiting.reject(known);
  }

  #settle(): void {
    if (this.#queue.size === 0 && this.#running === 0) this.#idle?.();
  }
}

class Overloaded extends CloudskinError {
  readonly retryAfter: number;

  constructor(message: string, retryAfter: number) {
    super('task.overloaded', message, { domain: 'external', retry: true, hint: `try again in ${retryAfter} ms` });
    this.retryAfter = retryAfter;
  }
}

function overloaded(name: string, queued: number, retryAfter: number): CloudskinError {
  return new Overloaded(`task ${name} has ${queued} calls waiting and takes no more`, retryAfter);
}

/** Milliseconds after which a call that was shed may be tried again; undefined for any other error. */
export function retryAfterOf(error: unknown): number | undefined {
  return error instanceof Overloaded ? error.retryAfter : undefined;
}

function timesOf(histogram: Histogram): Times {
  const { mean } = histogram;
  const at = (q: number): number => histogram.quantile(q);
  return { p50: at(0.5), p99: at(0.99), p999: at(0.999), mean };
}

/** Used where a runner is lost. */
export function lost(name: string, reason: string): CloudskinError {
  return externalError('task.failed', `task ${name}: its worker thread ended: ${reason}`, { retry: true });
}
