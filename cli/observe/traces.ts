/**
 * Spans out to an OpenTelemetry collector, over OTLP/HTTP. The packages of OpenTelemetry are peers that need not be there; they are loaded when
 * traces are asked for, in the main thread only: fragments make their spans as plain data (engine/metrics/trace.ts).
 */
import type { ReadableSpan, SpanExporter } from '@opentelemetry/sdk-trace';
import { CloudskinError, userError } from '../../engine/errors.ts';
import type { Span } from '../../engine/metrics/trace.ts';
import { readableSpan, resourceOf } from './otel-span.ts';

export interface TraceFlags {
  readonly traces?: string;
  readonly traceEvery?: string;
}

/** Where spans go and how many: what was asked for by flags or by the environment. */
export interface TraceTarget {
  /** Of the collector, with the path of its traces. */
  readonly url: string;
  readonly every: number;
  /** By a flag, so that traces which cannot be had are an error; the environment may mean other programs. */
  readonly demanded: boolean;
}

export interface Traces {
  readonly every: number;
  readonly emit: (span: Span) => void;
  /** Sends what is left, for at most two seconds. */
  close(): Promise<void>;
}

export interface TracesOptions {
  /** Of this process: `service.instance.id`. */
  readonly instance: string;
  readonly version: string;
  /** Takes what the user should know: that a collector does not answer. */
  readonly warn: (message: string) => void;
  /** Loads OpenTelemetry; tests have one that is missing. */
  readonly load?: () => Promise<Otel>;
}

export interface Otel {
  readonly sdk: typeof import('@opentelemetry/sdk-trace');
  readonly otlp: typeof import('@opentelemetry/exporter-trace-otlp-http');
}

export const EVERY = 1_000;
const PATH = '/v1/traces';
const PACKAGES = '@opentelemetry/api @opentelemetry/sdk-trace @opentelemetry/exporter-trace-otlp-http';
/** Milliseconds. */
const SEND_EVERY = 1_000;
const LAST_WORDS = 2_000;
const PATIENCE = 4_000;

/** Undefined where nobody asks for traces. Throws `traces.bad-url` and `traces.bad-every`. */
export function traceTarget(flags: TraceFlags, environment: NodeJS.ProcessEnv): TraceTarget | undefined {
  const { OTEL_EXPORTER_OTLP_ENDPOINT: all = '', OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: own = '' } = environment;
  const every = everyOf(flags.traceEvery);
  if (flags.traces !== undefined) return { url: tracesUrl(flags.traces, '--traces'), every, demanded: true };
  if (own !== '') return { url: own, every, demanded: false };
  return all === '' ? undefined : { url: tracesUrl(all, 'OTEL_EXPORTER_OTLP_ENDPOINT'), every, demanded: false };
}

function everyOf(text = String(EVERY)): number {
  const every = Number(text);
  if (Number.isInteger(every) && every >= 1) return every;
  throw userError('traces.bad-every', `--trace-every ${text}: expected a whole number from 1 on`, {
    hint: `one source batch in so many is followed; ${EVERY} unless given`,
  });
}

/** A collector is named by its root, or in full. */
function tracesUrl(text: string, what: string): string {
  const url = URL.parse(text);
  if (url === null || !/^https?:$/.test(url.protocol)) {
    throw userError('traces.bad-url', `${what} ${text}: expected an http or https URL`, {
      hint: 'the root of an OpenTelemetry collector, for example http://127.0.0.1:4318',
    });
  }
  if (!url.pathname.endsWith(PATH)) url.pathname = `${url.pathname.replace(/\/$/, '')}${PATH}`;
  return url.href;
}

/**
 * Rejects with `traces.not-installed` where OpenTelemetry is missing and traces were demanded; where they were not, warns and resolves to
 * undefined.
 */
export async function openTraces(target: TraceTarget, options: TracesOptions): Promise<Traces | undefined> {
  const { warn, load = loadOtel, instance, version } = options;
  let otel: Otel;
  try {
    otel = await load();
  } catch (error) {
    const missing = notInstalled(error);
    if (target.demanded) throw missing;
    warn(`no traces: ${missing.message}; ${missing.hint}`);
    return undefined;
  }
  const exporter = telling(
    new otel.otlp.OTLPTraceExporter({ url: target.url, timeoutMillis: PATIENCE }),
    target.url,
    warn,
  );
  const processor = new otel.sdk.BatchSpanProcessor({ exporter, scheduledDelayMillis: SEND_EVERY });
  const resource = resourceOf(instance, version);
  return {
    every: target.every,
    emit: (span) => processor.onEnd(readableSpan(span, resource)),
    close: () => within(LAST_WORDS, processor.shutdown()),
  };
}

async function loadOtel(): Promise<Otel> {
  const [sdk, otlp] = await Promise.all([
    import('@opentelemetry/sdk-trace'),
    import('@opentelemetry/exporter-trace-otlp-http'),
  ]);
  return { sdk, otlp };
}

function notInstalled(cause: unknown): CloudskinError {
  return new CloudskinError('traces.not-installed', 'traces need packages of OpenTelemetry that cannot be loaded', {
    domain: 'user',
    hint: `npm install ${PACKAGES}`,
    cause,
  });
}

/** The exporter, telling once that it cannot send, and once that it can again: its own way is to be silent. */
function telling(exporter: SpanExporter, url: string, warn: (message: string) => void): SpanExporter {
  let failing = false;
  return {
    export: (spans: ReadableSpan[], done) =>
      exporter.export(spans, (result) => {
        const failed = result.code !== 0;
        if (failed && !failing) warn(`traces cannot be sent to ${url}: ${result.error?.message ?? 'no reason given'}`);
        if (!failed && failing) warn(`traces are sent to ${url} again`);
        failing = failed;
        done(result);
      }),
    shutdown: () => exporter.shutdown(),
    forceFlush: () => exporter.forceFlush?.() ?? Promise.resolve(),
  };
}

async function within(milliseconds: number, work: Promise<void>): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const timer = setTimeout(resolve, milliseconds);
  // Why it failed has been told already.
  await Promise.race([promise, work.catch(() => undefined)]);
  clearTimeout(timer);
}
