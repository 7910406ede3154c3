/** The options of the mqtt connector. */
import { z } from 'zod';
import { positiveDurationType, sizeType } from '../../engine/graph/units.ts';
import { type PayloadRead, type PayloadWrite, withPayloadRead, withPayloadWrite } from '../payload/payload.ts';

export type Qos = 0 | 1 | 2;

export interface MqttConnection {
  readonly url: string;
  readonly version: '3.1.1' | '5';
  readonly clientId?: string | undefined;
  readonly username?: string | undefined;
  readonly password?: string | undefined;
  readonly ca?: string | undefined;
  readonly cert?: string | undefined;
  readonly key?: string | undefined;
  /** Microseconds. */
  readonly keepAlive: bigint;
  readonly retryFor: bigint;
}

export interface MqttSourceOptions extends MqttConnection {
  readonly payload: PayloadRead;
  readonly topic: string | readonly string[];
  readonly qos: Qos;
  readonly clean: boolean;
  readonly retained: 'take' | 'skip';
  /** Bytes. */
  readonly queue: number;
}

export interface MqttSinkOptions extends MqttConnection {
  readonly payload: PayloadWrite;
  readonly topic: string;
  readonly qos: Qos;
  readonly retain: boolean;
  /** Bytes. */
  readonly maxMessage: number;
}

const qos = z.literal([0, 1, 2]);

const connection = {
  url: z
    .string()
    .regex(/^(mqtts?|wss?):\/\//, { error: 'must begin with mqtt://, mqtts://, ws:// or wss://' })
    .describe('Where the broker is: `mqtt://host:1883`, or `mqtts://host:8883` with TLS.'),
  version: z.enum(['3.1.1', '5']).default('5').describe('The protocol; 5 unless given.'),
  clientId: z
    .string()
    .min(1)
    .optional()
    .describe('By which the broker knows the client again; made of namespace, app and name unless given.'),
  username: z.string().optional().describe('The user’s name.'),
  password: z.string().optional().describe('The user’s password, best a secret.'),
  ca: z.string().optional().describe('PEM file of the authorities to trust; those of the system unless given.'),
  cert: z.string().optional().describe('PEM file of a client certificate.'),
  key: z.string().optional().describe('PEM file of its key.'),
  keepAlive: positiveDurationType
    .default(30_000_000n)
    .describe('Silence after which the broker is asked; 30s unless given.'),
  retryFor: positiveDurationType
    .default(60_000_000n)
    .describe(
      'How long to try to connect at the start; later a lost connection is tried again without end. 1m unless given.',
    ),
};

export const mqttSourceOptions: z.ZodType<MqttSourceOptions> = withPayloadRead({
  ...connection,
  topic: z
    .union([z.string().min(1), z.array(z.string().min(1)).min(1)])
    .describe('What to subscribe to: one filter or several, with `+` and `#`; `$share/group/…` shares it with others.'),
  qos: qos
    .default(1)
    .describe(
      '0 at most once, 1 at least once, 2 once (with a journal); 1 unless given. A message is confirmed when its rows are in the journal, or, without one, taken in; until then the broker sends only as many more as it lets be unconfirmed (256 with MQTT 5; with 3.1.1 as it is set up, mosquitto: 20).',
    ),
  clean: z
    .boolean()
    .default(false)
    .describe(
      'Forget what the broker has kept for this client; unless set, messages wait there while nobody is connected.',
    ),
  retained: z.enum(['take', 'skip']).default('take').describe('Messages that were kept from before the subscription.'),
  queue: sizeType
    .default(16_000_000)
    .describe('Bytes of messages that may wait; 16MB unless given. Then no more are read.'),
}) as unknown as z.ZodType<MqttSourceOptions>;

export const mqttSinkOptions: z.ZodType<MqttSinkOptions> = withPayloadWrite({
  ...connection,
  topic: z
    .string()
    .regex(/^[^+#\0]+$/, { error: 'is one topic, without wildcards' })
    .describe('Where messages go.'),
  qos: qos.default(1).describe('0 at most once, 1 at least once, 2 once; 1 unless given.'),
  retryFor: positiveDurationType
    .default(60_000_000n)
    .describe('How long to try again when the broker cannot be reached; 1m unless given.'),
  retain: z.boolean().default(false).describe('Have the broker keep the last message for later subscribers.'),
  maxMessage: sizeType
    .default(256_000)
    .describe('Bytes of a message; a batch that makes more goes in parts. 256kB unless given.'),
}) as unknown as z.ZodType<MqttSinkOptions>;
