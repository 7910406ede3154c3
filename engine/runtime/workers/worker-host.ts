/**
 * The main thread's side: a FragmentHost whose fragments run in one worker thread. A worker that dies takes all its fragments with it, and
 * their owners are told at once.
 */
import { defined } from '../../defined.ts';
import { type CloudskinError, externalError } from '../../errors.ts';
import type { Ports } from '../../ports.ts';
import type { FragmentEvents, FragmentHandle, FragmentHost, FragmentStart } from '../fragment-handle.ts';
import { errorOf, type Order, type PlainError, type Port, type Word } from './messages.ts';
import { RemoteFragment } from './remote-fragment.ts';

/** A thread that `serveFragments` serves in. */
export interface WorkerThread extends Port {
  /** `reason` where it was an error that ended it. */
  onExit(listener: (reason: Error | undefined) => void): void;
  terminate(): Promise<unknown>;
}

export interface WorkerHostOptions {
  readonly ports: Ports;
  /** What the worker's entry makes its host of. */
  readonly setup: unknown;
  readonly stdout?: (text: string) => void | Promise<void>;
  readonly onLog?: (entry: unknown) => void;
  /** Milliseconds in which the worker must be set up; 30,000 unless given. */
  readonly patience?: number;
}

const PATIENCE = 30_000;
/** Milliseconds that a worker may take to close what it runs before it is terminated. */
const CLOSING = 5_000;

export class WorkerHost implements FragmentHost {
  readonly #thread: WorkerThread;
  readonly #options: WorkerHostOptions;
  readonly #fragments = new Map<number, RemoteFragment>();
  readonly #calls = new Map<number, PromiseWithResolvers<void>>();
  readonly #setUp = Promise.withResolvers<void>();
  #next = 0;
  #gone: CloudskinError | undefined;
  #closing: Promise<void> | undefined;

  constructor(thread: WorkerThread, options: WorkerHostOptions) {
    this.#thread = thread;
    this.#options = options;
    this.#setUp.promise.catch(() => undefined);
    const late = options.ports.after(options.patience ?? PATIENCE, () => {
      this.#die(externalError('worker.late', 'a worker thread did not start in time', { retry: true }));
      void thread.terminate();
    });
    const settled = (): void => late.cancel();
    this.#setUp.promise.then(settled, settled);
    thread.onExit((reason) => this.#die(died(reason)));
    thread.on('message', (message) => this.#hear(message as Word));
    this.#send({ kind: 'setup', setup: options.setup });
  }

  /** Resolves when the worker can run fragments. */
  ready(): Promise<void> {
    return this.#setUp.promise;
  }

  async start(start: FragmentStart, events: FragmentEvents): Promise<FragmentHandle> {
    await this.#setUp.promise;
    const fragment = ++this.#next;
    const handle = new RemoteFragment(start.plan, events, {
      checkpoint: (id, options) => this.#send({ kind: 'checkpoint', fragment, id, ...defined({ options }) }),
      ask: (what) => this.#call((call) => ({ kind: 'ask', call, fragment, what })),
    });
    this.#fragments.set(fragment, handle);
    try {
      await this.#call((call) => ({ kind: 'start', call, fragment, start }));
    } catch (error) {
      this.#fragments.delete(fragment);
      throw error;
    }
    return handle;
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    if (this.#gone === undefined) {
      const { promise, resolve } = Promise.withResolvers<void>();
      const timer = this.#options.ports.after(CLOSING, resolve);
      const closed = this.#call((call) => ({ kind: 'close', call })).catch(() => undefined);
      await Promise.race([closed, promise]);
      timer.cancel();
    }
    await this.#thread.terminate();
  }

  #call(order: (call: number) => Order): Promise<void> {
    if (this.#gone !== undefined) return Promise.reject(this.#gone);
    const call = ++this.#next;
    const answer = Promise.withResolvers<void>();
    this.#calls.set(call, answer);
    this.#send(order(call));
    return answer.promise;
  }

  #send(order: Order): void {
    if (this.#gone === undefined) this.#thread.postMessage(order);
  }

  #hear(word: Word): void {
    switch (word.kind) {
      case 'set-up':
        settle(this.#setUp, word.error);
        return;
      case 'answer': {
        const answer = this.#calls.get(word.call);
        this.#calls.delete(word.call);
        if (answer !== undefined) settle(answer, word.error);
        return;
      }
      case 'said':
        void this.#print(word.said, word.text);
        return;
      case 'log':
        this.#options.onLog?.(word.entry);
        return;
      default:
        this.#fragments.get(word.fragment)?.hear(word);
        if (word.kind === 'over') this.#fragments.delete(word.fragment);
    }
  }

  async #print(said: number, text: string): Promise<void> {
    await this.#options.stdout?.(text);
    this.#send({ kind: 'heard', said });
  }

  /** Everything that waits for the worker is told. */
  #die(error: CloudskinError): void {
    if (this.#gone !== undefined) return;
    this.#gone = error;
    this.#setUp.reject(error);
    for (const answer of this.#calls.values()) answer.reject(error);
    this.#calls.clear();
    for (const fragment of this.#fragments.values()) fragment.lost(error);
    this.#fragments.clear();
  }
}

function settle(waiting: PromiseWithResolvers<void>, error: PlainError | undefined): void {
  if (error === undefined) waiting.resolve();
  else waiting.reject(errorOf(error));
}

function died(reason: Error | undefined): CloudskinError {
  const how = reason === undefined ? '' : `: ${reason.message}`;
  return externalError('worker.died', `a worker thread ended${how}`, {
    retry: true,
    ...defined({ cause: reason }),
  });
}

/** Fragments on the host of the worker that their plan names; counted around where there are fewer. */
export function spread(hosts: readonly FragmentHost[]): FragmentHost {
  return {
    start(start, events) {
      const host = hosts[start.plan.host.worker % hosts.length];
      if (host === undefined) return Promise.reject(externalError('worker.none', 'there is no worker thread'));
      return host.start(start, events);
    },
    async close() {
      await Promise.all(hosts.map((host) => host.close()));
    },
  };
}
