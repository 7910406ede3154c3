/** JetStream of one domain: streams, and what is built of them. */
import { CloudskinError } from '../../errors.ts';
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
} from '../nats.ts';
import { JetStreamCalls } from './api.ts';
import type { Connection } from './connection.ts';
import { openKeyValue } from './key-value.ts';
import { headersOf, storedMessage } from './messages.ts';
import { openObjects } from './objects.ts';
import { openReader } from './reader.ts';
import { stateOf, toServer } from './stream-config.ts';

export class NatsJetStream implements JetStream {
  readonly #calls: JetStreamCalls;

  constructor(connection: Connection, domain: string | undefined) {
    this.#calls = new JetStreamCalls(connection, domain);
  }

  async ensureStream(config: StreamConfig): Promise<StreamState> {
    return stateOf(await this.#calls.ensure(toServer(config)));
  }

  async streamState(name: string): Promise<StreamState | undefined> {
    const info = await this.#calls.findStream(name);
    return info === undefined ? undefined : stateOf(info);
  }

  async deleteStream(name: string): Promise<boolean> {
    if ((await this.#calls.findStream(name)) === undefined) return false;
    try {
      return await this.#calls.call(`deleting the stream ${name}`, (manager) => manager.streams.delete(name));
    } catch (error) {
      // an attempt before, whose answer was lost, has deleted it
      if (error instanceof CloudskinError && error.code === 'nats.no-stream') return true;
      throw error;
    }
  }

  async streamOf(subject: string): Promise<string | undefined> {
    const names = await this.#calls.call(`looking for the stream of ${subject}`, (manager) =>
      manager.streams.names(subject).next(),
    );
    return names[0];
  }

  async publish(subject: string, data: Uint8Array, options: StreamPublishOptions = {}): Promise<Published> {
    const { headers, ...rest } = options;
    return await this.#calls.publish(subject, data, {
      ...rest,
      ...(headers === undefined ? {} : { headers: headersOf(headers) }),
    });
  }

  async message(stream: string, sequence: number): Promise<StoredMessage | undefined> {
    return storedMessage(await this.#calls.message(stream, { seq: sequence }));
  }

  async lastMessage(stream: string, subject: string): Promise<StoredMessage | undefined> {
    return storedMessage(await this.#calls.message(stream, { last_by_subj: subject }));
  }

  async read(stream: string, options: ReadOptions = {}): Promise<StreamReader> {
    return await openReader(this.#calls, stream, options);
  }

  async purgeBefore(stream: string, sequence: number): Promise<void> {
    // the server takes 0 as "everything", and there is nothing before 1
    if (sequence <= 1) return;
    await this.#calls.call(`purging ${stream}`, (manager) => manager.streams.purge(stream, { seq: sequence }));
  }

  keyValue(bucket: string, options: KeyValueOptions = {}): Promise<KeyValue> {
    return openKeyValue(this.#calls, bucket, options);
  }

  objects(bucket: string, options: ObjectsOptions = {}): Promise<Objects> {
    return openObjects(this.#calls, bucket, options);
  }
}
