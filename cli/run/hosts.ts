/** Where the fragments of `cloudskin run` run: in this thread, or in worker threads that exchange rows through shared memory. */

import { connectors } from '../../connectors/registry.ts';
import type { LogEntry } from '../../engine/cell/component.ts';
import { openCell } from '../../engine/cell/open.ts';
import { defined } from '../../engine/defined.ts';
import type { Span } from '../../engine/metrics/trace.ts';
import { realPorts } from '../../engine/ports.ts';
import type { FragmentHost, FragmentStart } from '../../engine/runtime/fragment-handle.ts';
import type { RuntimeOptions } from '../../engine/runtime/options.ts';
import { type FragmentStore, ThreadHost } from '../../engine/runtime/run/thread-host.ts';
import { startThread } from '../../engine/runtime/workers/node-thread.ts';
import { spread, WorkerHost } from '../../engine/runtime/workers/worker-host.ts';
import { LocalBroker } from '../../engine/transport/local.ts';
import { ThreadTransport } from '../../engine/transport/thread.ts';
import { connectorsSaid } from './listening.ts';
import type { DeployOptions } from './load.ts';
import type { StoreOptions } from './run-stores.ts';

export interface HostOptions extends DeployOptions {
  readonly directory: string;
}

/** What a worker thread of `run` is given. */
export interface RunWorkerSetup {
  readonly directory: string;
  readonly execution: 'compiled' | 'kernels';
  readonly color: boolean;
  readonly width: number;
  /** Present where checkpoints are taken. */
  readonly store: StoreOptions | undefined;
  /** One source batch in so many is followed; absent: none. */
  readonly traceEvery: number | undefined;
}

/** What it says back: what operators log, or a span of a trace. */
export type RunWorkerEntry = LogEntry | { readonly span: Span };

/** Everything in this thread. */
export function threadHost(options: HostOptions, store?: (start: FragmentStart) => FragmentStore): FragmentHost {
  const transport = new ThreadTransport();
  const { onLog, execution, ...runtime } = options;
  return new ThreadHost({
    runtime: () => runtimeOf(runtime, execution ?? 'compiled', onLog),
    transport: () => transport,
    ...defined({ store }),
  });
}

/** `count` worker threads. */
export function workerHosts(count: number, options: HostOptions, store: StoreOptions | undefined): FragmentHost {
  const broker = new LocalBroker();
  const entry = new URL(import.meta.url.endsWith('.ts') ? './worker.ts' : './worker.js', import.meta.url);
  const { directory, execution = 'compiled', color = false, width = 120, stdout, onLog, traces } = options;
  const setup: RunWorkerSetup = { directory, execution, color, width, store, traceEvery: traces?.every };
  const hosts = Array.from({ length: count }, () => {
    const port = broker.connect();
    const thread = startThread(entry, { workerData: { port }, transferList: [port], name: 'cloudskin-run' });
    return new WorkerHost(thread, {
      ports: realPorts,
      setup,
      ...defined({ stdout }),
      onLog: (said: unknown) => {
        const entry = said as RunWorkerEntry;
        if ('span' in entry) traces?.emit(entry.span);
        else onLog?.(entry);
      },
    });
  });
  const all = spread(hosts);
  return {
    start: (start, events) => all.start(start, events),
    async close() {
      await all.close();
      broker.close();
    },
  };
}

export function runtimeOf(
  options: Partial<RuntimeOptions> & { readonly directory: string },
  execution: 'compiled' | 'kernels',
  onLog: ((entry: LogEntry) => void) | undefined,
): RuntimeOptions {
  const { directory } = options;
  const logged = defined({ onLog });
  const heard = onLog === undefined ? {} : connectorsSaid(onLog);
  return { ...options, ...heard, connectors, openCell: (cell) => openCell(cell, { execution, directory, ...logged }) };
}
