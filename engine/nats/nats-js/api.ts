/** The JetStream API of one domain as the reader, the buckets and the stores ask it: calls of nats.js with our errors. */

import {
  type ConsumerConfig,
  type ConsumerInfo,
  JetStreamApiError,
  type JetStreamClient,
  type JetStreamManager,
  jetstream,
  type StoredMsg,
  type StreamInfo,
} from '@nats-io/jetstream';
import { errors, type MsgHdrs } from '@nats-io/transport-node';
import { defined } from '../../defined.ts';
import { CloudskinError, userError } from '../../errors.ts';
import { pause } from '../../ports.ts';
import { checkSubject, noJetStream, noStream, payloadTooLarge } from '../failures.ts';
import type { Published } from '../nats.ts';
import type { Connection } from './connection.ts';
import type { WantedConfig } from './stream-config.ts';

const NO_STREAM = 10059;
const TIMEOUT = 5_000;
/** Milliseconds for one attempt after the other. */
const PATIENCE: readonly number[] = [1_000, 2_000, 3_000, 3_000, 3_000];
const NO_LEADER_PAUSE = 500;
const NO_REPLICAS = 'nats.no-replicas';
const WORTH_ANOTHER: ReadonlySet<string> = new Set(['nats.timeout', 'nats.no-responders', NO_REPLICAS]);
/** Servers that keep a stream where nobody says how many, and there are as many. */
const USUAL_REPLICAS = 3;

export class JetStreamCalls {
  readonly connection: Connection;
  readonly domain: string | undefined;
  /** Of the API's subjects. */
  readonly prefix: string;
  readonly #client: JetStreamClient;
  readonly #managers = new Map<number, Promise<JetStreamManager>>();
  /** Streams whose leader this user may not ask for messages. */
  readonly #keptFrom = new Set<string>();

  constructor(connection: Connection, domain: string | undefined) {
    if (domain !== undefined && !/^[A-Za-z0-9_-]+$/.test(domain)) {
      throw userError('nats.domain', `${JSON.stringify(domain)} is not the name of a JetStream domain`);
    }
    this.connection = connection;
    this.domain = domain;
    this.prefix = domain === undefined ? '$JS.API' : `$JS.${domain}.API`;
    this.#client = jetstream(connection.nc, { timeout: TIMEOUT, ...defined({ domain }) });
  }

  /** Where a bucket's subjects are published: those of another domain are reached through its API. */
  get publishPrefix(): string {
    return this.domain === undefined ? '' : `${this.prefix}.`;
  }

  /**
   * Asks the JetStream API, which answers nothing while a cluster chooses a leader (up to 9 s) or where the answer is lost: asked again, with
   * more patience each time. So `work` must be something that may be done twice.
   */
  async call<T>(
    doing: string,
    work: (manager: JetStreamManager) => Promise<T>,
    patience: readonly number[] = PATIENCE,
  ): Promise<T> {
    for (let attempt = 0; ; attempt += 1) {
      try {
        return await this.#once(doing, work, patience[attempt] ?? TIMEOUT);
      } catch (error) {
        if (!(error instanceof CloudskinError) || attempt + 1 >= patience.length) throw error;
        // the word of a leaf node's connection takes a while to get about
        const far = error.code === 'nats.no-jetstream' && this.domain !== undefined;
        const worthAnother = WORTH_ANOTHER.has(error.code) && error.retry;
        if (!worthAnother && !far) throw error;
        if (error.code !== 'nats.timeout') await pause(this.connection.ports, NO_LEADER_PAUSE);
      }
    }
  }

  #once<T>(doing: string, work: (manager: JetStreamManager) => Promise<T>, timeout: number): Promise<T> {
    return this.connection.call(doing, async () => {
      try {
        return await work(await this.#manager(timeout));
      } catch (error) {
        const { cause } = error instanceof Error ? error : {};
        const unanswered = cause instanceof errors.RequestError && cause.isNoResponders();
        throw unanswered ? noJetStream(doing, this.domain, error) : error;
      }
    });
  }

  /** nats.js has one timeout a manager. */
  #manager(timeout: number): Promise<JetStreamManager> {
    let made = this.#managers.get(timeout);
    if (made === undefined) {
      const { domain } = this;
      const options = { timeout, ...defined({ domain }) };
      made = jetstream(this.connection.nc, options).jetstreamManager(false);
      this.#managers.set(timeout, made);
    }
    return made;
  }

  streamInfo(stream: string, patience: readonly number[] = PATIENCE): Promise<StreamInfo> {
    return this.call(`reading ${stream}`, (manager) => manager.streams.info(stream), patience);
  }

  /** Undefined where there is none. */
  async findStream(stream: string): Promise<StreamInfo | undefined> {
    return await this.call(`looking at the stream ${stream}`, (manager) =>
      manager.streams.info(stream).catch((error: unknown) => {
        if (error instanceof JetStreamApiError && error.code === NO_STREAM) return undefined;
        throw error;
      }),
    );
  }

  /** Makes a stream, or brings the one that is there to the configuration: what that says nothing of (replicas) stays. */
  async ensure(config: WantedConfig): Promise<StreamInfo> {
    const doing = `making the stream ${config.name}`;
    const there = await this.findStream(config.name);
    if (there === undefined) {
      try {
        return await this.#make(doing, config);
      } catch (error) {
        // made by another in between, with another configuration
        if (!(error instanceof CloudskinError) || !error.message.includes('already in use')) throw error;
      }
    } else if (same(there.config, config)) return there;
    return await this.call(doing, (manager) => manager.streams.update(config.name, config));
  }

  /** By as many servers as is said; else by three, where the cluster has them, or has them in a moment. */
  async #make(doing: string, config: WantedConfig): Promise<StreamInfo> {
    const add = (replicas: number): Promise<StreamInfo> =>
      this.call(doing, (manager) => manager.streams.add({ ...config, num_replicas: replicas }));
    if (config.num_replicas !== undefined || !this.#mayBeCluster) return await add(config.num_replicas ?? 1);
    try {
      return await add(USUAL_REPLICAS);
    } catch (error) {
      if (!(error instanceof CloudskinError) || error.code !== NO_REPLICAS) throw error;
      return await add(1);
    }
  }

  /** Of other domains it is not known. */
  get #mayBeCluster(): boolean {
    const { domain, cluster } = this.connection.info;
    return cluster !== undefined || (this.domain !== undefined && this.domain !== domain);
  }

  addConsumer(stream: string, config: Partial<ConsumerConfig>, timeout: number): Promise<ConsumerInfo> {
    return this.call(`reading ${stream}`, (manager) => manager.consumers.add(stream, config), [timeout]);
  }

  consumerInfo(stream: string, consumer: string): Promise<ConsumerInfo> {
    return this.call(`reading ${stream}`, (manager) => manager.consumers.info(stream, consumer), [TIMEOUT]);
  }

  /** In the background: the server forgets it anyway. */
  deleteConsumer(stream: string, consumer: string): void {
    this.call('', (manager) => manager.consumers.delete(stream, consumer), [TIMEOUT]).catch(() => undefined);
  }

  async publish(subject: string, data: Uint8Array, options: PublishCall = {}): Promise<Published> {
    checkSubject(subject);
    const doing = `publishing to ${subject}`;
    if (data.length > this.connection.info.maxPayload) throw payloadTooLarge(doing);
    const { connection } = this;
    return await connection.call(doing, async () => {
      const published = this.#client.publish(subject, connection.take(data), {
        timeout: options.timeout ?? TIMEOUT,
        ...defined({ headers: options.headers, msgID: options.messageId }),
        expect: {
          ...defined({ lastSequence: options.expectLastSequence, lastSubjectSequence: options.expectLastOfSubject }),
        },
      });
      connection.given(data);
      const ack = await published.catch((error: unknown) => {
        throw takenByNone(error) ? noStream(doing, error) : error;
      });
      return { sequence: ack.seq, duplicate: ack.duplicate };
    });
  }

  message(stream: string, query: { seq: number } | { last_by_subj: string }): Promise<StoredMsg | null> {
    return this.call(`reading ${stream}`, (manager) => manager.streams.getMessage(stream, query));
  }

  /**
   * The last message of a subject. A stream of one replica is asked directly: then the subject stands in that of the call, so that permissions can
   * tell keys apart. With several a direct answer may come from one that lags, so the leader is asked; but by those who may not do so, because that call
   * would give them every key: what they change by compare-and-set is refused where they were told something old.
   */
  async lastOf({ config }: StreamInfo, subject: string): Promise<StoredMsg | null> {
    const { name } = config;
    if (!config.allow_direct) return this.message(name, { last_by_subj: subject });
    if (config.num_replicas !== 1 && !this.#keptFrom.has(name)) {
      try {
        return await this.message(name, { last_by_subj: subject });
      } catch (error) {
        if (!(error instanceof CloudskinError) || error.code !== 'nats.permission') throw error;
        this.#keptFrom.add(name);
      }
    }
    return this.call(`reading ${name}`, (manager) => manager.direct.getMessage(name, { last_by_subj: subject }));
  }
}

interface PublishCall {
  readonly headers?: MsgHdrs;
  readonly messageId?: string;
  readonly expectLastSequence?: number;
  readonly expectLastOfSubject?: number;
  readonly timeout?: number;
}

function takenByNone(error: unknown): boolean {
  return error instanceof Error && error.cause instanceof errors.RequestError && error.cause.isNoResponders();
}

function same(there: StreamInfo['config'], wanted: WantedConfig): boolean {
  const config: Readonly<Record<string, unknown>> = { ...there };
  return Object.entries(wanted).every(([key, value]) => JSON.stringify(config[key]) === JSON.stringify(value));
}
