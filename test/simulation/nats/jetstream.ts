/** JetStream of one domain as a client of the simulation sees it: questions travel to that domain's server and back. */
import { checkSubject, noStream, payloadTooLarge } from '../../../engine/nats/failures.ts';
import type {
  JetStream,
  KeyValue,
  KeyValueOptions,
  Objects,
  ObjectsOptions,
  Published,
  ReadOptions,
  StoredMessage,
  StreamConfig,
  StreamPublishOptions,
  StreamReader,
  StreamState,
} from '../../../engine/nats/nats.ts';
import { copyOf, JetStreamCalls, outcome, PUBLISH_TIMEOUT } from './calls.ts';
import type { SimulatedConnection } from './connection.ts';
import { openKeyValue } from './key-value.ts';
import { openObjects } from './objects.ts';
import { openReader } from './reader.ts';

export class SimulatedJetStream implements JetStream {
  readonly #calls: JetStreamCalls;

  constructor(client: SimulatedConnection, domain: string | undefined) {
    this.#calls = new JetStreamCalls(client, domain);
  }

  async ensureStream(config: StreamConfig): Promise<StreamState> {
    return await this.#calls.ensure(config);
  }

  streamState(name: string): Promise<StreamState | undefined> {
    return this.#calls.ask(`looking at the stream ${name}`, (server) => server.findStream(name)?.state(server.now()));
  }

  deleteStream(name: string): Promise<boolean> {
    return this.#calls.ask(`deleting the stream ${name}`, (server) => server.deleteStream(name));
  }

  streamOf(subject: string): Promise<string | undefined> {
    return this.#calls.ask(`looking for the stream of ${subject}`, (server) => server.streamOf(subject));
  }

  async publish(subject: string, data: Uint8Array, options: StreamPublishOptions = {}): Promise<Published> {
    checkSubject(subject);
    const doing = `publishing to ${subject}`;
    if (data.length > this.#calls.client.info.maxPayload) throw payloadTooLarge(doing);
    const { messageId, expectLastSequence } = options;
    const headers = {
      ...options.headers,
      ...(messageId === undefined ? {} : { 'Nats-Msg-Id': messageId }),
      ...(expectLastSequence === undefined ? {} : { 'Nats-Expected-Last-Sequence': String(expectLastSequence) }),
    };
    const packet = { subject, data: data.slice(), headers };
    const answer = await this.#calls.client.answerTo(doing, packet, options.timeout ?? PUBLISH_TIMEOUT);
    if (answer.ack === undefined) throw noStream(doing);
    return outcome(answer.ack, doing);
  }

  message(stream: string, sequence: number): Promise<StoredMessage | undefined> {
    return this.#calls.ask(`reading ${stream}`, (server) =>
      copyOf(server.stream(stream).message(sequence, server.now())),
    );
  }

  lastMessage(stream: string, subject: string): Promise<StoredMessage | undefined> {
    return this.#calls.lastMessage(stream, subject);
  }

  read(stream: string, options: ReadOptions = {}): Promise<StreamReader> {
    return openReader(this.#calls, stream, options);
  }

  async purgeBefore(stream: string, sequence: number): Promise<void> {
    if (sequence <= 1) return;
    await this.#calls.ask(`purging ${stream}`, (server) => server.stream(stream).purgeBefore(sequence));
  }

  keyValue(bucket: string, options: KeyValueOptions = {}): Promise<KeyValue> {
    return openKeyValue(this.#calls, bucket, options);
  }

  objects(bucket: string, options: ObjectsOptions = {}): Promise<Objects> {
    return openObjects(this.#calls, bucket, options);
  }
}
