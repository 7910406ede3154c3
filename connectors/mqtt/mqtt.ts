/** `mqtt`: messages of an MQTT broker, 3.1.1 and 5, and messages to one. */
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
import { type MqttSinkOptions, type MqttSourceOptions, mqttSinkOptions, mqttSourceOptions } from './options.ts';

const source: SourceSpec<MqttSourceOptions> = {
  options: mqttSourceOptions,
  attachable: [
    { name: 'topic', type: { kind: 'utf8' }, nullable: false },
    { name: 'received', type: { kind: 'timestamp', unit: 'ms' }, nullable: false },
    { name: 'retained', type: { kind: 'bool' }, nullable: false },
    { name: 'qos', type: { kind: 'int8' }, nullable: false },
  ],
  journaled,
  async open(options: MqttSourceOptions, schema: Schema, context: SourceContext): Promise<Source> {
    const { openMqttSource } = await import('./source.ts');
    return openMqttSource(options, schema, context);
  },
};

function journaled({ qos, clean }: MqttSourceOptions): JournalPromise {
  if (qos === 0) {
    return {
      guarantee: 'at-most-once',
      why: 'what is sent with QoS 0 while {source} is away, or is not in its journal when it is killed, is lost',
      mend: 'have qos: 2 there, and where messages are published',
    };
  }
  if (clean) {
    const why = 'what is sent while {source} is away is lost, as with clean: true the broker keeps nothing for it';
    return { guarantee: 'at-most-once', why, mend: 'leave out clean' };
  }
  if (qos === 1) {
    return {
      guarantee: 'at-least-once',
      why: 'what {source} had journaled comes once more where its confirmation (PUBACK) is lost, unless the broker was seen not to give packet identifiers again at once',
      mend: 'have qos: 2 there, and where messages are published',
    };
  }
  const why = 'the broker keeps the session of {source}, and messages are published with QoS 2';
  return { guarantee: 'exactly-once', why };
}

const sink: SinkSpec<MqttSinkOptions> = {
  options: mqttSinkOptions,
  async open(options: MqttSinkOptions, schema: Schema, context: SinkContext): Promise<Sink> {
    const { openMqttSink } = await import('./sink.ts');
    return openMqttSink(options, schema, context);
  },
};

export const mqtt: Connector = {
  name: 'mqtt',
  summary: 'messages of an MQTT broker, and to one; 3.1.1 and 5, QoS 0 to 2, TLS',
  example: `sources:
  readings:
    mqtt: { url: "\${BROKER:-mqtt://127.0.0.1:1883}", topic: plant/+/readings }
    schema: { machine: utf8, at: "timestamp[ms]", temperature: float64 }
    attach: [topic]
operators:
  hot: { from: readings, filter: temperature > 90 }
sinks:
  alerts: { from: hot, mqtt: { url: "\${BROKER:-mqtt://127.0.0.1:1883}", topic: plant/alerts } }
`,
  source,
  sink,
};
