/**
 * Where the control documents are. They lie in the JetStream domain of the cloud; an agent behind a leaf node asks for its name once and
 * keeps it, so that it can start while the cloud is out of reach. Buckets are opened when first used and again after a failure, and made anew where
 * their server has lost them.
 */
import { defined } from '../../defined.ts';
import { CloudskinError, externalError } from '../../errors.ts';
import type { JetStream, KeyValue, Nats, Objects, ServerInfo, StreamState, Subscription } from '../../nats/nats.ts';
import { remade } from '../../nats/remade.ts';
import { WHERE_ANSWERS } from '../process/timing.ts';
import {
  type AppName,
  ARTIFACTS_BUCKET,
  appLabel,
  CONTROL_BUCKET,
  REGIONS_BUCKET,
  stateBucket,
  WHERE_SUBJECT,
} from './names.ts';

export interface ControlOptions {
  readonly nats: Nats;
  /** True for an agent of the cloud: the documents lie with its own server, and it tells others so. */
  readonly home: boolean;
  /** Where they were last; undefined: never seen. `''`: a server without domains. */
  readonly known?: string;
  /** Called when the place was found, to keep it. */
  readonly found?: (domain: string) => void;
  readonly replicas?: number;
  /** Called when the documents were found to be on one server, though it is one of several. */
  readonly oneCopy?: (advice: string) => void;
}

/** Where the control documents lie. */
export interface CloudPlace {
  /** `''`: a server without domains. */
  readonly domain: string;
  /** When their bucket was made, milliseconds since the epoch; absent: not known, or there is none. */
  readonly since?: number;
}

/** Servers of a cluster that could keep what is kept. */
const COPIES = 3;
export const NO_DOMAIN = 'cluster.no-domain';
/** What to do about it. */
export const GIVE_DOMAIN =
  'give the server of the cloud one: jetstream { domain: hub }, and start it and its agents again';

/** As an agent of the cloud tells it; rejects where none answers in so many milliseconds. */
export async function whereIsCloud(nats: Nats, timeout: number): Promise<CloudPlace> {
  const { data } = await nats.request(WHERE_SUBJECT, new Uint8Array(0), timeout);
  const told = JSON.parse(new TextDecoder().decode(data)) as { readonly domain?: unknown; readonly since?: unknown };
  const { domain, since } = told;
  return { domain: typeof domain === 'string' ? domain : '', ...(typeof since === 'number' ? { since } : {}) };
}

/** What to do where one server of a cluster keeps what three could; undefined where it is well. */
export function adviceOnCopies(
  { cluster = '', clusterAddresses = 0 }: ServerInfo,
  states: readonly (StreamState | undefined)[],
): string | undefined {
  const names = states.flatMap((state) => (state?.config.replicas === 1 ? [state.name] : []));
  if (names.length === 0 || clusterAddresses < COPIES) return undefined;
  return `one server of cluster ${cluster} keeps ${names.join(', ')}: without it nothing can be deployed or placed; where the cluster has three, an agent of the cloud started with --replicas 3 has all of them keep it`;
}

export class ControlBuckets {
  readonly #options: ControlOptions;
  readonly #opened = new Map<string, Promise<unknown>>();
  #domain: string | undefined;
  #since: number | undefined;
  #looked = false;
  #answering: Subscription | undefined;

  constructor(options: ControlOptions) {
    this.#options = options;
    this.#domain = options.home ? (options.nats.info.domain ?? '') : options.known;
  }

  /** Tells others where the documents are, once the buckets are there: an edge may not make them. */
  answer(): void {
    const { nats } = this.#options;
    this.#answering = nats.subscribe(WHERE_SUBJECT, ({ reply }) => {
      if (reply === '') return;
      Promise.all([this.documents(), this.artifacts()]).then(
        () => nats.publish(reply, new TextEncoder().encode(JSON.stringify(this.place))),
        () => undefined, // who watches them here says why; whoever asked asks again
      );
    });
  }

  /** Of an agent of the cloud: beside its own server. */
  get place(): CloudPlace {
    return { domain: this.#options.nats.info.domain ?? '', ...defined({ since: this.#since }) };
  }

  close(): void {
    this.#answering?.close();
  }

  /**
   * Rejects with `cluster.no-cloud` where no agent of the cloud answers and none ever has, with `cluster.no-domain` where its server has no
   * domain and ours has: there is no way to its JetStream then.
   */
  async domain(): Promise<string> {
    if (this.#domain !== undefined) return this.#reachable(this.#domain);
    const { nats, found } = this.#options;
    try {
      // one that is out of reach is asked for again: its server may be given a domain
      this.#domain = this.#reachable((await whereIsCloud(nats, WHERE_ANSWERS)).domain);
    } catch (cause) {
      if (cause instanceof CloudskinError && cause.code === NO_DOMAIN) throw cause;
      // Perhaps they are here, and every agent of the cloud is down.
      const here = await nats
        .jetstream()
        .streamState(`KV_${CONTROL_BUCKET}`)
        .catch(() => undefined);
      if (here !== undefined) return nats.info.domain ?? '';
      throw externalError(
        'cluster.no-cloud',
        `no agent of the cloud answers through ${nats.info.name || 'this NATS server'}`,
        {
          retry: true,
          hint: 'start one beside the central NATS server: cloudskin agent --tier cloud --site NAME --nats URL',
          cause,
        },
      );
    }
    found?.(this.#domain);
    return this.#domain;
  }

  /** Behind a leaf node with a domain of its own only domains are. */
  #isInReach(domain: string): boolean {
    const { domain: own = '' } = this.#options.nats.info;
    return domain !== '' || own === '';
  }

  #reachable(domain: string): string {
    const { domain: own, name } = this.#options.nats.info;
    if (this.#isInReach(domain)) return domain;
    this.#domain = undefined;
    const message = `the NATS server of the cloud has no JetStream domain, so that nothing reaches its JetStream through ${name || 'this server'}, whose domain is ${own}`;
    throw externalError(NO_DOMAIN, message, {
      retry: true,
      hint: GIVE_DOMAIN,
    });
  }

  async documents(): Promise<KeyValue> {
    const { home } = this.#options;
    const bucket = await this.#open(CONTROL_BUCKET, await this.domain(), (jetstream, options) =>
      jetstream.keyValue(CONTROL_BUCKET, options),
    );
    if (home && !this.#looked) {
      this.#looked = true;
      await this.#look();
    }
    return bucket;
  }

  /** How old and how safe the documents are; looked at once. */
  async #look(): Promise<void> {
    const { nats, oneCopy } = this.#options;
    try {
      const state = await nats.jetstream().streamState(`KV_${CONTROL_BUCKET}`);
      this.#since = state?.created;
      const advice = adviceOnCopies(nats.info, [state]);
      if (advice !== undefined) oneCopy?.(advice);
    } catch (error) {
      this.#looked = false;
      throw error;
    }
  }

  /**
   * Where the documents are may have changed, or whoever told it may have been none to tell: asks again, and takes the answer up. Silence changes nothing.
   */
  async findAgain(): Promise<KeyValue> {
    const { nats, home, found } = this.#options;
    const told = home ? undefined : await whereIsCloud(nats, WHERE_ANSWERS).catch(() => undefined);
    // one that is out of reach would be worse than what is known
    if (told !== undefined && told.domain !== this.#domain && this.#isInReach(told.domain)) {
      this.#domain = told.domain;
      found?.(told.domain);
    }
    return this.documents();
  }

  async artifacts(): Promise<Objects> {
    return this.#open(ARTIFACTS_BUCKET, await this.domain(), (jetstream, options) =>
      jetstream.objects(ARTIFACTS_BUCKET, options),
    );
  }

  /** Records of regions in a domain; undefined: of the agent's own server. */
  regions(domain: string | undefined): Promise<KeyValue> {
    return this.#open(REGIONS_BUCKET, domain ?? '', (jetstream, options) =>
      jetstream.keyValue(REGIONS_BUCKET, options),
    );
  }

  /** As `regions`, for those who only look: undefined where there is no such bucket. */
  async knownRegions(domain: string | undefined): Promise<KeyValue | undefined> {
    const { nats } = this.#options;
    const isOwn = domain === undefined || domain === '' || domain === nats.info.domain;
    const jetstream = isOwn ? nats.jetstream() : nats.jetstream(domain);
    const state = await jetstream.streamState(`KV_${REGIONS_BUCKET}`);
    return state === undefined ? undefined : this.regions(domain);
  }

  /** Makes what the agents of an app keep here, as edges are not permitted to make it: records of regions, checkpoints. */
  async prepare(app: AppName): Promise<void> {
    const { nats, replicas } = this.#options;
    const jetstream = nats.jetstream();
    try {
      await jetstream.keyValue(REGIONS_BUCKET, defined({ replicas }));
      await jetstream.objects(stateBucket(app), defined({ replicas }));
    } catch (cause) {
      if (!(cause instanceof CloudskinError) || cause.code !== 'nats.permission') throw cause;
      throw externalError('cluster.not-permitted', `the credentials of the sites do not permit ${appLabel(app)}`, {
        hint: 'cloudskin auth graph permits a graph; then start the leaf nodes and agents again',
        cause,
      });
    }
  }

  #open<T extends object>(
    bucket: string,
    domain: string,
    open: (jetstream: JetStream, options: { readonly replicas?: number }) => Promise<T>,
  ): Promise<T> {
    const key = `${bucket}@${domain}`;
    const known = this.#opened.get(key);
    if (known !== undefined) return known as Promise<T>;
    const { nats, replicas } = this.#options;
    const own = domain === '' || domain === nats.info.domain;
    const opened = remade(() => open(own ? nats.jetstream() : nats.jetstream(domain), defined({ replicas })));
    this.#opened.set(key, opened);
    opened.catch(() => this.#opened.delete(key));
    return opened;
  }
}
