/** `http`: rows taken by a webhook, fetched from an address, or sent to one. */
import type { Schema } from '../../engine/batch/types.ts';
import type {
  Connector,
  Delivery,
  JournalPromise,
  Sink,
  SinkContext,
  SinkSpec,
  Source,
  SourceContext,
  SourceSpec,
} from '../../engine/graph/connector.ts';
import { type HttpSinkOptions, type HttpSourceOptions, httpSinkOptions, httpSourceOptions } from './options.ts';

const source: SourceSpec<HttpSourceOptions> = {
  options: httpSourceOptions,
  attachable: [
    { name: 'path', type: { kind: 'utf8' }, nullable: false },
    { name: 'received', type: { kind: 'timestamp', unit: 'ms' }, nullable: false },
    { name: 'peer', type: { kind: 'utf8' }, nullable: true },
  ],
  journaled,
  async open(options: HttpSourceOptions, schema: Schema, context: SourceContext): Promise<Source> {
    if (options.listen !== undefined) {
      const { openWebhook } = await import('./webhook.ts');
      return openWebhook(options, schema, context);
    }
    const { openPoll } = await import('./poll.ts');
    return openPoll(options, schema, context);
  },
};

function journaled({ listen, requireKey }: HttpSourceOptions): JournalPromise {
  if (listen === undefined) {
    const why =
      'what the address of {source} answers is taken anew at every start, unless it has an ETag or Last-Modified';
    return { guarantee: 'at-least-once', why };
  }
  if (requireKey) {
    const why =
      'who repeats a request to {source} does so under its Idempotency-Key, while that is remembered (keepKeys, keepKeysFor)';
    return { guarantee: 'exactly-once', why };
  }
  return {
    guarantee: 'at-least-once',
    why: 'a request to {source} that is repeated without an Idempotency-Key, because its answer was lost, is taken again',
    mend: 'have senders give each request a key, and set requireKey: true',
  };
}

const sink: SinkSpec<HttpSinkOptions> = {
  options: httpSinkOptions,
  delivery: (): Delivery => 'idempotent',
  holds: ({ url }: HttpSinkOptions): string => url,
  async open(options: HttpSinkOptions, schema: Schema, context: SinkContext): Promise<Sink> {
    const { openHttpSink } = await import('./sink.ts');
    return openHttpSink(options, schema, context);
  },
};

export const http: Connector = {
  name: 'http',
  summary: 'a webhook, an address fetched again and again, or one that rows are sent to',
  example: `sources:
  readings:
    http: { listen: "\${LISTEN:-127.0.0.1:8080}", path: /readings }
    schema: { machine: utf8, at: "timestamp[ms]", temperature: float64 }
operators:
  hot: { from: readings, filter: temperature > 90 }
sinks:
  alerts: { from: hot, http: { url: "\${ALERTS:-http://127.0.0.1:9090/alerts}" } }
`,
  source,
  sink,
};
