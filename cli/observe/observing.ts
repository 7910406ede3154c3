/** What `--metrics` and `--traces` ask for, of an agent or of a run; what is not asked for is not loaded. */
import process from 'node:process';
import type { Sample } from '../../engine/metrics/samples.ts';
import type { Traces } from './traces.ts';

/** Flags of `agent` and `run`. */
export interface ObserveFlags {
  readonly metrics?: string;
  readonly traces?: string;
  readonly traceEvery?: string;
}

export interface ObserveOptions {
  /** Of this process, for traces. */
  readonly instance: string;
  readonly version: string;
  readonly info: (message: string) => void;
  readonly warn: (message: string) => void;
}

export interface Observing {
  readonly traces: Traces | undefined;
  /** From now on these are what is scraped. */
  samples(samples: () => readonly Sample[]): void;
  /** Sends the last spans and lets go of the port. */
  close(): Promise<void>;
}

/** Rejects with `metrics.bad-address`, `metrics.cannot-listen`, `traces.bad-url`, `traces.bad-every`, `traces.not-installed`. */
export async function observe(flags: ObserveFlags, options: ObserveOptions): Promise<Observing> {
  let samples: () => readonly Sample[] = () => [];
  const traces = await tracesOf(flags, options);
  const server = flags.metrics === undefined ? undefined : await serve(flags.metrics, () => samples(), options);
  return {
    traces,
    samples(next) {
      samples = next;
    },
    close: async () => {
      await Promise.all([traces?.close(), server?.close()]);
    },
  };
}

async function tracesOf(flags: ObserveFlags, options: ObserveOptions): Promise<Traces | undefined> {
  const { OTEL_EXPORTER_OTLP_ENDPOINT, OTEL_EXPORTER_OTLP_TRACES_ENDPOINT } = process.env;
  const asked = [flags.traces, flags.traceEvery, OTEL_EXPORTER_OTLP_ENDPOINT, OTEL_EXPORTER_OTLP_TRACES_ENDPOINT];
  if (asked.every((one) => one === undefined || one === '')) return undefined;
  const { openTraces, traceTarget } = await import('./traces.ts');
  const target = traceTarget(flags, process.env);
  return target === undefined ? undefined : await openTraces(target, options);
}

async function serve(
  address: string,
  samples: () => readonly Sample[],
  { info }: ObserveOptions,
): Promise<{ readonly close: () => Promise<void> }> {
  const { parseAddress, serveMetrics } = await import('./metrics-server.ts');
  const server = await serveMetrics(parseAddress(address), samples);
  info(`metrics at ${server.url}`);
  return server;
}
