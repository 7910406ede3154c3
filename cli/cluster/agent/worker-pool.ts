/** The worker threads of an agent: each started when it first has something to run, and anew when it has died. */

import type { PoolFigures } from '../../../engine/cell/pools.ts';
import type { AgentFragmentHost } from '../../../engine/cluster/fragment/hosted-fragment.ts';
import type { Log } from '../../../engine/cluster/process/log.ts';
import type { Span } from '../../../engine/metrics/trace.ts';
import { realPorts } from '../../../engine/ports.ts';
import type { FragmentEvents, FragmentHandle, FragmentStart } from '../../../engine/runtime/fragment-handle.ts';
import { startThread } from '../../../engine/runtime/workers/node-thread.ts';
import { WorkerHost, type WorkerThread } from '../../../engine/runtime/workers/worker-host.ts';
import { LocalBroker } from '../../../engine/transport/local.ts';
import { keepComponent } from './component-files.ts';
import type { WorkerData, WorkerEntry, WorkerSetup } from './worker-setup.ts';

interface Worker {
  readonly host: WorkerHost;
  readonly thread: WorkerThread;
  used: boolean;
  /** As it said last. */
  pools: readonly PoolFigures[];
}

/** Milliseconds after which a worker that was started ahead of need ends. */
const UNUSED = 30_000;

export class WorkerPool implements AgentFragmentHost {
  readonly #count: number;
  readonly #setup: WorkerSetup;
  readonly #log: Log;
  readonly #emit: ((span: Span) => void) | undefined;
  readonly #broker = new LocalBroker();
  readonly #workers = new Map<number, Worker>();
  #closed = false;

  /** `emit` takes spans, where `setup` asks for traces. */
  constructor(count: number, setup: WorkerSetup, log: Log, emit?: (span: Span) => void) {
    this.#count = count;
    this.#setup = setup;
    this.#log = log;
    this.#emit = emit;
  }

  start(start: FragmentStart, events: FragmentEvents): Promise<FragmentHandle> {
    const worker = this.#workerOf(start.plan.host.worker);
    worker.used = true;
    return worker.host.start(start, events);
  }

  /** Starts a worker that has nothing to run yet; it goes again where that stays so. */
  warm(): void {
    if (this.#closed || this.#workers.size > 0) return;
    const worker = this.#workerOf(0);
    realPorts.after(UNUSED, () => {
      if (worker.used || this.#workers.get(0) !== worker) return;
      this.#workers.delete(0);
      void worker.host.close();
    });
  }

  /** What the worker threads keep for cells that start, by worker; where they were asked to tell. */
  pools(): ReadonlyMap<string, readonly PoolFigures[]> {
    return new Map([...this.#workers].map(([index, { pools }]) => [`${index}`, pools]));
  }

  kill(worker: number): void {
    void this.#workers.get(worker % this.#count)?.thread.terminate();
  }

  async provide(digests: readonly string[], fetch: (digest: string) => Promise<Uint8Array>): Promise<void> {
    for (const digest of digests) await keepComponent(this.#setup.directory, digest, () => fetch(digest));
  }

  async close(): Promise<void> {
    this.#closed = true;
    await Promise.all([...this.#workers.values()].map(({ host }) => host.close()));
    this.#broker.close();
  }

  #workerOf(number: number): Worker {
    const index = number % this.#count;
    const known = this.#workers.get(index);
    if (known !== undefined) return known;
    const entry = new URL(import.meta.url.endsWith('.ts') ? './worker.ts' : './worker.js', import.meta.url);
    const port = this.#broker.connect();
    const workerData: WorkerData = { port };
    const thread = startThread(entry, { workerData, transferList: [port] });
    thread.onExit((reason) => {
      if (this.#workers.get(index)?.thread === thread) this.#workers.delete(index);
      const why = reason === undefined ? '' : `: ${reason.message}`;
      if (!this.#closed && worker.used)
        this.#log('error', `worker ${index} has died${why}`, { worker: index, code: 'worker.died' });
    });
    const host = new WorkerHost(thread, {
      ports: realPorts,
      setup: { ...this.#setup, name: `${this.#setup.name} worker ${index}` },
      stdout: (text) => {
        process.stdout.write(text);
      },
      onLog: (entry) => {
        this.#hear(entry as WorkerEntry, index);
      },
    });
    const worker: Worker = { host, thread, used: false, pools: [] };
    this.#workers.set(index, worker);
    // one that could not be set up never will be: the next fragment gets another
    host.ready().catch(() => {
      if (this.#workers.get(index) === worker) this.#workers.delete(index);
      void thread.terminate();
    });
    return worker;
  }

  #hear(entry: WorkerEntry, worker: number): void {
    if ('span' in entry) this.#emit?.(entry.span);
    else if ('pools' in entry) {
      const known = this.#workers.get(worker);
      if (known !== undefined) known.pools = entry.pools;
    } else this.#log(entry.level, entry.message, { ...entry.fields, worker });
  }
}
