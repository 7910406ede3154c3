/**
 * What CloudSkin asks of NATS, and nothing more: the transports, the control plane and the stores are written against this
 * interface. `client.ts` implements it by nats.js, `simulated/` in memory on a virtual clock with faults; both pass test/contract/nats.
 *
 * Bytes given to a call may be used again by the caller as soon as the call returns (`Objects.put`: as soon as its promise has settled);
 * bytes handed out are the receiver's. A call that waits for an answer fails with `nats.disconnected` at once when the connection is lost, or is
 * already: whether it was carried out is not known. Errors are `CloudskinError` of domain `external`: `nats.timeout`, `nats.no-responders`, `nats.disconnected`, `nats.closed`,
 * `nats.permission`, `nats.payload-too-large`, `nats.no-jetstream`, `nats.no-stream`, `nats.wrong-last-sequence`, `nats.wrong-revision`,
 * `nats.stream-full`, `nats.stream-went-back` (a stream being read was made again, or ends before what has been read), `nats.object-damaged`,
 * `nats.unsupported` (the server is too old for what was asked; the hint says from which version on), `nats.refused` (whatever else JetStream
 * refuses), `nats.failed`. Subjects, keys and names that cannot be are errors of domain `user`: `nats.subject`, `nats.key`, `nats.bucket`.
 */

export type Headers = Readonly<Record<string, string>>;

export interface Message {
  readonly subject: string;
  readonly data: Uint8Array;
  readonly headers: Headers;
  /** Where an answer is awaited; `''` where none is. */
  readonly reply: string;
}

export interface Subscription {
  /** No handler is called after this returns. */
  close(): void;
  /** As `close`, but what is on its way is handled yet; resolves when it has been, or the connection is lost. Absent: nothing is on its way. */
  drain?(): Promise<void>;
}

/** Of the server that the connection stands with now. */
export interface ServerInfo {
  readonly id: string;
  readonly name: string;
  /** `2.9.10`. */
  readonly version: string;
  /** Bytes of the largest message, headers included. */
  readonly maxPayload: number;
  readonly jetstream: boolean;
  /** Its JetStream domain, where it says so. */
  readonly domain?: string;
  readonly cluster?: string;
  /** Addresses of its cluster's servers that it tells its clients: of each one or more. Absent: none. */
  readonly clusterAddresses?: number;
}

/** `reconnected`: what was published since the last `connected` or `reconnected` may be lost. `closed` is the last one. */
export type Status = 'disconnected' | 'reconnected' | 'closed';

export interface PublishOptions {
  readonly headers?: Headers;
  readonly reply?: string;
}

export interface Nats {
  readonly info: ServerInfo;
  readonly connected: boolean;
  /** In front of subjects on which this connection may hear answers; `_INBOX` where absent. */
  readonly inboxPrefix?: string;
  /** At most once; while disconnected the message is dropped (the protocols above repeat). Throws `nats.payload-too-large`, `nats.closed`. */
  publish(subject: string, data: Uint8Array, options?: PublishOptions): void;
  /**
   * As `publish`, for bytes that stay as they are until `written` is called, once, when they have been written or dropped: large ones are then written
   * from where they lie. Absent where nothing is saved by it.
   */
  publishKept?(subject: string, data: Uint8Array, written: () => void): void;
  /** Bytes published and not yet written to the connection: who publishes much waits for `flush` when it grows. */
  readonly pendingBytes: number;
  /** Handlers are called one after the other, in the order of arrival; an error thrown by one goes to `onError`. */
  subscribe(subject: string, handler: (message: Message) => void, options?: { readonly queue?: string }): Subscription;
  /** Rejects with `nats.timeout` or `nats.no-responders`. `timeout` in milliseconds. */
  request(subject: string, data: Uint8Array, timeout: number, headers?: Headers): Promise<Message>;
  /** Resolves when the server has taken in everything published and subscribed before. */
  flush(): Promise<void>;
  onStatus(listener: (status: Status) => void): Subscription;
  /** Errors that no call is waiting for: a refused subscription, a handler that threw. */
  onError(listener: (error: Error) => void): Subscription;
  /** JetStream of the server's own domain, or of another one reached through a leaf node. */
  jetstream(domain?: string): JetStream;
  /** Drains and closes; within `timeout` milliseconds, 2,000 unless given. */
  close(timeout?: number): Promise<void>;
}

export interface StreamConfig {
  readonly name: string;
  readonly subjects: readonly string[];
  readonly storage?: 'file' | 'memory';
  /** Servers of a cluster that keep it; unless given, as many as do already, of a new one 3 where there are as many, else 1. */
  readonly replicas?: number;
  /** Bytes that the stream may hold. */
  readonly maxBytes?: number;
  readonly maxMessages?: number;
  /** Milliseconds. */
  readonly maxAge?: number;
  /** What happens on a bound: `new` refuses the message with `nats.stream-full`. */
  readonly discard?: 'old' | 'new';
  /** Milliseconds in which a message id is known again; two minutes unless given. */
  readonly duplicateWindow?: number;
  readonly denyDelete?: boolean;
}

export interface StreamState {
  readonly name: string;
  readonly messages: number;
  readonly bytes: number;
  /** Of the first and last message kept; of an empty stream `firstSequence` is `lastSequence + 1`. */
  readonly firstSequence: number;
  readonly lastSequence: number;
  /** When the stream was made, milliseconds since the epoch: another one of the same name has another. */
  readonly created: number;
  readonly config: StreamConfig;
}

export interface StoredMessage {
  readonly subject: string;
  readonly data: Uint8Array;
  readonly headers: Headers;
  readonly sequence: number;
  /** Milliseconds since the epoch. */
  readonly time: number;
}

export interface StreamPublishOptions {
  readonly headers?: Headers;
  readonly messageId?: string;
  /** The stream's last sequence must be this, else `nats.wrong-last-sequence`. */
  readonly expectLastSequence?: number;
  /** Milliseconds; 5,000 unless given. */
  readonly timeout?: number;
}

export interface Published {
  readonly sequence: number;
  /** True where the message id was known and nothing was stored. */
  readonly duplicate: boolean;
}

/** Reads a stream in the order of its sequences, each message once, from a place of the reader's choice; the server keeps no position. */
export interface StreamReader {
  /**
   * The next message, waiting for it; undefined once closed. A gap in the sequences is the caller's to see. Rejects, and goes on no more, with
   * `nats.stream-went-back` or `nats.no-stream` (deleted).
   */
  next(): Promise<StoredMessage | undefined>;
  /** Messages that wait behind the one handed out last, as the server said then. */
  readonly pending: number;
  close(): void;
}

export interface JetStream {
  /** Makes the stream, or changes the one that is there to this configuration. */
  ensureStream(config: StreamConfig): Promise<StreamState>;
  streamState(name: string): Promise<StreamState | undefined>;
  deleteStream(name: string): Promise<boolean>;
  /** The stream that holds a subject, if one does. */
  streamOf(subject: string): Promise<string | undefined>;
  publish(subject: string, data: Uint8Array, options?: StreamPublishOptions): Promise<Published>;
  message(stream: string, sequence: number): Promise<StoredMessage | undefined>;
  lastMessage(stream: string, subject: string): Promise<StoredMessage | undefined>;
  /** From `startSequence` (1 unless given) or from `startTime` (milliseconds since the epoch) on; survives reconnection without a gap or a repetition. */
  read(stream: string, options?: ReadOptions): Promise<StreamReader>;
  /** Deletes what comes before `sequence`. */
  purgeBefore(stream: string, sequence: number): Promise<void>;
  keyValue(bucket: string, options?: KeyValueOptions): Promise<KeyValue>;
  objects(bucket: string, options?: ObjectsOptions): Promise<Objects>;
}

export interface ReadOptions {
  readonly startSequence?: number;
  readonly startTime?: number;
  /** A subject, wildcards allowed. */
  readonly filter?: string;
  /** Bytes that may wait here unread; 4 MiB unless given. */
  readonly maxBytes?: number;
}

export interface KeyValueOptions {
  /** Servers of a cluster that keep it; unless given, as many as do already, of a new one 3 where there are as many, else 1. */
  readonly replicas?: number;
  readonly storage?: 'file' | 'memory';
  /** Milliseconds after which every key expires unless written again; never unless given. Watchers are not told of it. */
  readonly ttl?: number;
  readonly maxBytes?: number;
}

export interface Entry {
  readonly key: string;
  readonly value: Uint8Array;
  readonly revision: number;
  /** When it was written, milliseconds since the epoch by the server's clock. */
  readonly time: number;
}

/** A change of a key; `value` is undefined where it was deleted. */
export interface Change {
  readonly key: string;
  readonly value: Uint8Array | undefined;
  readonly revision: number;
  readonly time: number;
}

/** Keys are NATS tokens joined by dots: letters, digits, `-`, `_`, `=`, `/`. */
export interface KeyValue {
  get(key: string): Promise<Entry | undefined>;
  put(key: string, value: Uint8Array): Promise<number>;
  /** Only where there is none; rejects with `nats.wrong-revision`. */
  create(key: string, value: Uint8Array): Promise<number>;
  /** Only where the key stands at `revision`; rejects with `nats.wrong-revision`. */
  update(key: string, value: Uint8Array, revision: number): Promise<number>;
  delete(key: string, revision?: number): Promise<void>;
  /** Keys that a pattern (`apps.*`, `apps.>`) matches. */
  keys(pattern?: string): Promise<readonly string[]>;
  /**
   * Every key that matches as it is now, then `current` once, then every change, in order, but for one that was written over before it
   * was sent; after a reconnection nothing is missed, though a change may come again. Where the bucket itself has gone back, keys that are no longer there are told as deleted, at revision 0.
   */
  watch(pattern: string, listener: WatchListener): Promise<Subscription>;
  /** Of the stream behind the bucket: one that has gone back is another server's past. */
  lastRevision(): Promise<number>;
}

export interface WatchListener {
  change(change: Change): void;
  current?(): void;
}

export interface ObjectsOptions {
  /** Servers of a cluster that keep it; unless given, as many as do already, of a new one 3 where there are as many, else 1. */
  readonly replicas?: number;
  readonly storage?: 'file' | 'memory';
  readonly maxBytes?: number;
}

/** Named bytes of any size, each replaced as a whole; a name is any text. */
export interface Objects {
  put(name: string, data: Uint8Array): Promise<void>;
  get(name: string): Promise<Uint8Array | undefined>;
  delete(name: string): Promise<void>;
  list(prefix?: string): Promise<readonly string[]>;
  /** When it was put last, milliseconds since the epoch by the server's clock; undefined where it is not there. */
  written(name: string): Promise<number | undefined>;
}
