/**
 * Time limits for calls into guests. One thread a process (a worker of `watchdog-worker.ts`) serves all cells; it is started when the
 * first cell asks for a deadline and stopped when the last one gives its back.
 */
import { MessageChannel, type MessagePort, Worker } from 'node:worker_threads';
import { CONTROL, LIMIT, NUMBER_MASK, WORD } from './deadline-word.ts';
import type { WatchdogData, WatchdogMessage } from './watchdog-worker.ts';

/** Milliseconds for which the thread outlives its last cell, so that opening cells one after the other starts it once. */
const LINGER_MS = 500;
const MAX_SPARE = 32;

/** The guest was cut off because a call took too long. */
export class DeadlineExceeded extends Error {
  constructor(limitMs: number) {
    super(`a call took longer than ${limitMs} ms`);
    this.name = 'DeadlineExceeded';
  }
}

/** A cell's deadline: `begin` and `end` around every call. */
export class Deadline {
  /** The memory that the cell's code imports. */
  readonly memory: WebAssembly.Memory;
  readonly limitMs: number;
  readonly #words: Int32Array;
  readonly #watchdog: Watchdog;
  readonly #id: number;
  #number = 0;

  constructor(watchdog: Watchdog, memory: WebAssembly.Memory, id: number, limitMs: number) {
    this.memory = memory;
    this.limitMs = limitMs;
    this.#words = new Int32Array(memory.buffer);
    this.#watchdog = watchdog;
    this.#id = id;
    Atomics.store(this.#words, WORD, 0);
    Atomics.store(this.#words, LIMIT, limitMs);
  }

  begin(): void {
    this.#number = ((this.#number + 2) | 1) & NUMBER_MASK;
    Atomics.store(this.#words, WORD, this.#number);
    this.#watchdog.wake();
  }

  /** True when the call was cut off, the first time it is called after `begin`. */
  end(): boolean {
    return Atomics.exchange(this.#words, WORD, (this.#number + 1) & NUMBER_MASK) < 0;
  }

  exceeded(): DeadlineExceeded {
    return new DeadlineExceeded(this.limitMs);
  }

  /** No call is running any more, and none will. */
  release(): void {
    this.#watchdog.release(this.#id, this.memory);
  }
}

class Watchdog {
  readonly #spare: WebAssembly.Memory[] = [];
  readonly #live = new Set<number>();
  #control: Int32Array | undefined;
  #port: MessagePort | undefined;
  #stopping: NodeJS.Timeout | undefined;
  #nextId = 0;

  acquire(limitMs: number): Deadline {
    clearTimeout(this.#stopping);
    const port = this.#port ?? this.#start();
    const memory = this.#spare.pop() ?? new WebAssembly.Memory({ initial: 1, maximum: 1, shared: true });
    const id = this.#nextId++;
    const deadline = new Deadline(this, memory, id, limitMs);
    this.#live.add(id);
    this.#send(port, { kind: 'watch', id, words: new Int32Array(memory.buffer, 0, 2) });
    return deadline;
  }

  release(id: number, memory: WebAssembly.Memory): void {
    if (!this.#live.delete(id)) return;
    if (this.#port !== undefined) this.#send(this.#port, { kind: 'forget', id });
    if (this.#spare.length < MAX_SPARE) this.#spare.push(memory);
    if (this.#live.size > 0) return;
    this.#stopping = setTimeout(() => this.#stop(), LINGER_MS).unref();
  }

  /** Wakes the thread if it sleeps; costs one read when it does not. */
  wake(): void {
    const control = this.#control;
    if (control === undefined || Atomics.load(control, CONTROL.asleep) === 0) return;
    Atomics.store(control, CONTROL.asleep, 0);
    Atomics.notify(control, CONTROL.asleep);
  }

  #send(port: MessagePort, message: WatchdogMessage): void {
    port.postMessage(message);
  }

  #start(): MessagePort {
    const { port1, port2 } = new MessageChannel();
    const control = new Int32Array(new SharedArrayBuffer(8));
    const own = import.meta.url;
    const file = new URL(`./watchdog-worker${own.endsWith('.ts') ? '.ts' : '.js'}`, own);
    const workerData: WatchdogData = { control, port: port2 };
    const worker = new Worker(file, { workerData, transferList: [port2], name: 'cloudskin-watchdog' });
    worker.unref();
    port1.unref();
    worker.once('exit', () => port1.close());
    this.#control = control;
    this.#port = port1;
    return port1;
  }

  #stop(): void {
    const control = this.#control;
    if (control === undefined || this.#live.size > 0) return;
    Atomics.store(control, CONTROL.stopped, 1);
    Atomics.notify(control, CONTROL.stopped);
    this.wake();
    this.#control = undefined;
    this.#port = undefined;
  }
}

const watchdog = new Watchdog();

/** A deadline for the calls of one cell, at most `limitMs` milliseconds each; give it back with `release`. */
export function acquireDeadline(limitMs: number): Deadline {
  return watchdog.acquire(limitMs);
}
