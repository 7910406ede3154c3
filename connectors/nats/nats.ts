/** `nats`: messages of core NATS, at most once on the wire: what is published while nobody listens is gone. */
import type { Schema } from '../../engine/batch/types.ts';
import type {
  Connector,
  JournalPromise,
  Sink,
  SinkContext,
  SinkSpec,
  Source,
  SourceContext,
  SourceSpec,
} from '../../engine/graph/connector.ts';
import { type NatsSinkOptions, type NatsSourceOptions, natsSinkOptions, natsSourceOptions } from './options.ts';

const source: SourceSpec<NatsSourceOptions> = {
  options: natsSourceOptions,
  attachable: [
    { name: 'subject', type: { kind: 'utf8' }, nullable: false },
    { name: 'time', type: { kind: 'timestamp', unit: 'ms' }, nullable: false },
    { name: 'headers', type: { kind: 'utf8' }, nullable: true },
  ],
  journaled: (): JournalPromise => ({
    guarantee: 'at-most-once',
    why: 'what is sent while {source} is away, or is not in its journal when it stops, is lost: core NATS keeps nothing',
    mend: 'have a stream keep it, and read that by jetstream',
  }),
  async open(options: NatsSourceOptions, schema: Schema, context: SourceContext): Promise<Source> {
    const { openNatsSource } = await import('./source.ts');
    return openNatsSource(options, schema, context);
  },
};

const sink: SinkSpec<NatsSinkOptions> = {
  options: natsSinkOptions,
  async open(options: NatsSinkOptions, schema: Schema, context: SinkContext): Promise<Sink> {
    const { openNatsSink } = await import('./sink.ts');
    return openNatsSink(options, schema, context);
  },
};

export const nats: Connector = {
  name: 'nats',
  summary: 'messages of NATS subjects, as they come',
  example: `sources:
  readings:
    nats: { url: "\${NATS_URL:-nats://127.0.0.1:4222}", subject: "plant.*.readings" }
    schema: { machine: utf8, at: "timestamp[ms]", temperature: float64 }
    attach: [subject]
operators:
  hot: { from: readings, filter: "temperature > 80" }
sinks:
  alerts: { from: hot, nats: { url: "\${NATS_URL:-nats://127.0.0.1:4222}", subject: alerts } }
`,
  source,
  sink,
};
