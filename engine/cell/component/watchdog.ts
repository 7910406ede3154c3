/**
 * Time limits for calls into guests. A thread that runs guests has one watchdog (a worker of `watchdog-worker.ts`) for all of them; it is started when
 * the first guest asks for a deadline and stopped when the last one gives its back.
 */
import { Worker } from 'node:worker_threads';
import { ASLEEP, LIMIT, NUMBER_MASK, WATCHDOG, WORD } from './deadline-word.ts';
import type { WatchdogData } from './watchdog-worker.ts';

/** Milliseconds for which the watchdog outlives its last guest, so that opening cells one after the other starts it once. */
const LINGER_MS = 500;

/** The guest was cut off because a call took too long. */
export class DeadlineExceeded extends Error {
  constructor(limitMs: number) {
    super(`a call took longer than ${limitMs} ms`);
    this.name = 'DeadlineExceeded';
  }
}

/** A guest's deadline: `begin` and `end` around every call. Calls of one thread's guests are never within each other. */
export class Deadline {
  readonly #watchdog: Watchdog;
  #limitMs = 0;
  #taken = false;

  constructor(watchdog: Watchdog) {
    this.#watchdog = watchdog;
  }

  /** Calls follow, at most `limitMs` milliseconds each. */
  take(limitMs: number): void {
    this.#limitMs = limitMs;
    if (this.#taken) return;
    this.#taken = true;
    this.#watchdog.take();
  }

  /** The memory that the guest's code imports. */
  get memory(): WebAssembly.Memory {
    return this.#watchdog.memory;
  }

  begin(): void {
    this.#watchdog.begin(this.#limitMs);
  }

  /** True when the call was cut off, the first time it is called after `begin`. */
  end(): boolean {
    return this.#watchdog.end();
  }

  exceeded(): DeadlineExceeded {
    return new DeadlineExceeded(this.#limitMs);
  }

  /** No call is running any more, and none will before it is taken again. */
  release(): void {
    if (!this.#taken) return;
    this.#taken = false;
    this.#watchdog.release();
  }
}

class Watchdog {
  readonly memory: WebAssembly.Memory = new WebAssembly.Memory({ initial: 1, maximum: 1, shared: true });
  readonly #words = new Int32Array(this.memory.buffer);
  #worker: Worker | undefined;
  #stopping: NodeJS.Timeout | undefined;
  #guests = 0;
  #number = 0;

  take(): void {
    clearTimeout(this.#stopping);
    this.#guests += 1;
    this.#worker ??= this.#start();
  }

  release(): void {
    this.#guests -= 1;
    if (this.#guests === 0) this.#stopping = setTimeout(() => this.#stop(), LINGER_MS).unref();
  }

  begin(limitMs: number): void {
    this.#number = ((this.#number + 2) | 1) & NUMBER_MASK;
    Atomics.store(this.#words, LIMIT, limitMs);
    Atomics.store(this.#words, WORD, this.#number);
    if (Atomics.load(this.#words, ASLEEP) === 1) this.#wake();
  }

  end(): boolean {
    return Atomics.exchange(this.#words, WORD, (this.#number + 1) & NUMBER_MASK) < 0;
  }

  #wake(): void {
    Atomics.store(this.#words, ASLEEP, 0);
    Atomics.notify(this.#words, ASLEEP);
  }

  #start(): Worker {
    const number = Atomics.add(this.#words, WATCHDOG, 1) + 1;
    const own = import.meta.url;
    const file = new URL(`./watchdog-worker${own.endsWith('.ts') ? '.ts' : '.js'}`, own);
    const workerData: WatchdogData = { words: this.#words, number };
    const worker = new Worker(file, { workerData, name: 'cloudskin-watchdog' });
    worker.unref();
    return worker;
  }

  #stop(): void {
    if (this.#guests > 0) return;
    Atomics.add(this.#words, WATCHDOG, 1);
    Atomics.notify(this.#words, WATCHDOG);
    this.#wake();
    this.#worker = undefined;
  }
}

const watchdog = new Watchdog();

/** A deadline for the calls of one guest, at most `limitMs` milliseconds each; give it back with `release`. */
export function acquireDeadline(limitMs: number): Deadline {
  const deadline = new Deadline(watchdog);
  deadline.take(limitMs);
  return deadline;
}
