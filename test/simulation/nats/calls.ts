/** Questions to the JetStream of one domain, as readers and buckets ask them: each travels to that domain's server and back. */
import { CloudskinError, externalError } from '../../../engine/errors.ts';
import { noJetStream, payloadTooLarge } from '../../../engine/nats/failures.ts';
import type { Headers, Published, StoredMessage, StreamState } from '../../../engine/nats/nats.ts';
import type { SimulatedConnection } from './connection.ts';
import type { Route } from './route.ts';
import type { ServerStreams } from './server-streams.ts';
import type { FullConfig } from './stream.ts';
import type { Acknowledgement } from './subjects.ts';

/** As nats-js asks: one attempt after the other, with more patience each time. */
const PATIENCE: readonly number[] = [1_000, 2_000, 3_000, 4_000];
const PAUSE = 500;
export const PUBLISH_TIMEOUT = 5_000;
const ANSWER = 100;

export interface StoreOptions {
  readonly headers?: Headers;
  readonly timeout?: number;
}

export class JetStreamCalls {
  readonly client: SimulatedConnection;
  readonly domain: string | undefined;

  constructor(client: SimulatedConnection, domain: string | undefined) {
    this.client = client;
    this.domain = domain;
  }

  ensure(config: FullConfig): Promise<StreamState> {
    const kept = { ...config, subjects: [...config.subjects] };
    return this.ask(`making the stream ${config.name}`, (server) => server.ensureStream(kept).state(server.now()));
  }

  lastMessage(stream: string, subject: string): Promise<StoredMessage | undefined> {
    return this.ask(`reading ${stream}`, (server) => copyOf(server.stream(stream).last(subject, server.now())));
  }

  /** Stores in a stream of this domain by its name, as buckets do, whose subjects are mapped into the domain. */
  async store(stream: string, subject: string, data: Uint8Array, options: StoreOptions = {}): Promise<Published> {
    const doing = `publishing to ${subject}`;
    if (data.length > this.client.info.maxPayload) throw payloadTooLarge(doing);
    const packet = { subject, data: data.slice(), headers: { ...options.headers }, reply: '' };
    const store = (server: ServerStreams): Acknowledgement => server.store(server.stream(stream), packet);
    const timeout = options.timeout ?? PUBLISH_TIMEOUT;
    return outcome(await this.#once(doing, timeout, packet.data.length + ANSWER, store), doing);
  }

  /** `work` may be done more than once: where no answer comes it is asked again. */
  async ask<T>(
    doing: string,
    work: (server: ServerStreams, route: Route) => T,
    patience: readonly number[] = PATIENCE,
  ): Promise<T> {
    for (let attempt = 0; ; attempt += 1) {
      try {
        return await this.#once(doing, patience[attempt] ?? PUBLISH_TIMEOUT, ANSWER, work);
      } catch (error) {
        if (!(error instanceof CloudskinError) || attempt + 1 >= patience.length) throw error;
        const far = error.code === 'nats.no-jetstream' && this.domain !== undefined;
        if (error.code !== 'nats.timeout' && !far) throw error;
        if (far) await new Promise<void>((resolve) => this.client.node.after(PAUSE, resolve));
      }
    }
  }

  #once<T>(
    doing: string,
    timeout: number,
    bytes: number,
    work: (server: ServerStreams, route: Route) => T,
  ): Promise<T> {
    return this.client.call<T>(doing, timeout, (answer, fail) => {
      const refuse = (): void => fail(noJetStream(doing, this.domain));
      this.toDomain(bytes, refuse, (server, route) => {
        try {
          const value = work(server, route);
          route.send(ANSWER, () => answer(value));
        } catch (error) {
          if (!(error instanceof CloudskinError)) throw error;
          route.send(ANSWER, () => fail(error));
        }
      });
      return () => undefined;
    });
  }

  /** Runs `work` at the domain's server, when and if the question gets there. */
  toDomain(bytes: number, refuse: () => void, work: (server: ServerStreams, route: Route) => void): void {
    const { session } = this.client;
    session?.toServer(bytes, () => session.server.ask(this.domain, session.route, work, refuse));
  }
}

export function outcome(ack: Acknowledgement, doing: string): Published {
  if (!('error' in ack)) return ack;
  const { code, message, retry } = ack.error;
  throw externalError(code, `${doing}: ${message}`, { retry, cause: ack.error });
}

export function copyOf(message: StoredMessage | undefined): StoredMessage | undefined {
  return message === undefined ? undefined : { ...message, data: message.data.slice() };
}
