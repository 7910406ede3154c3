/** `jetstream`: streams that NATS keeps, read from any place again, written exactly once. */
import type { Schema } from '../../engine/batch/types.ts';
import type {
  Connector,
  Delivery,
  Sink,
  SinkContext,
  SinkSpec,
  Source,
  SourceContext,
  SourceSpec,
} from '../../engine/graph/connector.ts';
import {
  type JetStreamSinkOptions,
  type JetStreamSourceOptions,
  jetStreamSinkOptions,
  jetStreamSourceOptions,
} from './options.ts';

const source: SourceSpec<JetStreamSourceOptions> = {
  options: jetStreamSourceOptions,
  attachable: [
    { name: 'subject', type: { kind: 'utf8' }, nullable: false },
    { name: 'sequence', type: { kind: 'int64' }, nullable: false },
    { name: 'time', type: { kind: 'timestamp', unit: 'ms' }, nullable: false },
    { name: 'headers', type: { kind: 'utf8' }, nullable: true },
  ],
  replayable: (): boolean => true,
  async open(options: JetStreamSourceOptions, schema: Schema, context: SourceContext): Promise<Source> {
    const { openJetStreamSource } = await import('./source.ts');
    return openJetStreamSource(options, schema, context);
  },
};

const sink: SinkSpec<JetStreamSinkOptions> = {
  options: jetStreamSinkOptions,
  delivery: (): Delivery => 'exactly-once',
  holds: ({ subject, domain }: JetStreamSinkOptions): string =>
    domain === undefined ? subject : `${subject} in domain ${domain}`,
  async open(options: JetStreamSinkOptions, schema: Schema, context: SinkContext): Promise<Sink> {
    const { openJetStreamSink } = await import('./sink.ts');
    return openJetStreamSink(options, schema, context);
  },
};

export const jetstream: Connector = {
  name: 'jetstream',
  summary: 'streams that NATS keeps: read from any place again, written exactly once',
  example: `sources:
  readings:
    jetstream: { url: "\${NATS_URL:-nats://127.0.0.1:4222}", stream: READINGS }
    schema: { machine: utf8, at: "timestamp[ms]", temperature: float64 }
    time: { column: at, maxDelay: 10s }
    attach: [subject, sequence]
operators:
  minutes: { from: readings, window: { tumbling: 1m }, groupBy: [machine], aggregate: { mean: avg(temperature) } }
sinks:
  means:
    from: minutes
    jetstream:
      url: "\${NATS_URL:-nats://127.0.0.1:4222}"
      subject: means
      create: { stream: MEANS, maxBytes: 1GB }
`,
  source,
  sink,
};
