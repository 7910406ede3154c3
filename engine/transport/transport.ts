/**
 * What a transport is: carries one *channel*, the part of a stream that goes from one fragment to one other, in order and without loss or
 * repetition, as long as both ends live. test/contract/transport holds every transport to it.
 *
 * Items of a channel are numbered from 1 within an epoch; data, watermarks, barriers and the end share one numbering. The sender
 * keeps what is not acknowledged, within a bound in bytes; the receiver acknowledges what its fragment has taken, asks again for gaps, drops
 * duplicates and what comes from an older epoch. A receiver that is opened at a higher epoch of its own goes on from where it says; a sender opened
 * at a higher epoch replaces the older one. Between two ends nothing is ordered but the channel itself.
 */
import type { CloudskinError } from '../errors.ts';

export interface ChannelAddress {
  readonly namespace: string;
  readonly app: string;
  /** Unique in the app and made of letters, digits, `-`, `_`. */
  readonly channel: string;
  /** Of a channel of a handover: where its receiver is, so that permissions need not know the channel. */
  readonly site?: string;
}

interface ItemOf<P> {
  readonly kind: 'batch';
  readonly payload: P;
  readonly rows: number;
  readonly trace?: string;
}

export type Item =
  /** `payload`: one Arrow IPC record batch message, without its schema, as engine/batch/ipc.ts frames it; the schema is known to both ends. `trace`: what follows the batch, as engine/metrics/trace.ts writes it. */
  | ItemOf<Uint8Array>
  /** `time` in microseconds. */
  | { readonly kind: 'watermark'; readonly time: bigint; readonly idle: boolean }
  /** `handover`: the sender hands on nothing after it, whoever follows it begins a new epoch. */
  | { readonly kind: 'barrier'; readonly checkpoint: number; readonly handover?: true }
  | { readonly kind: 'end' };

/** Bytes that are written where they are wanted, so that a batch is copied once on its way into a channel. */
export interface Payload {
  readonly length: number;
  writeInto(bytes: Uint8Array, at: number): void;
}

/** What is given to a sender. */
export type SentItem = Item | ItemOf<Payload>;

export interface SenderOptions {
  /** Greater than that of any sender of this channel before. */
  readonly epoch: number;
  /** Bytes that may be kept unacknowledged before `room` asks to wait. */
  readonly maxBytes: number;
  /** What the receiver has already, at most the last item of its epoch; 0 where the channel is new. */
  readonly after?: number;
}

export interface Sender {
  /** Takes the payload's bytes before it returns. Never waits: the bound is exceeded by at most one item. */
  send(item: SentItem): void;
  /** A promise while the bound is reached, else undefined. */
  room(): Promise<void> | undefined;
  /** As they are now. */
  readonly stats: ChannelStats;
  /** Resolves when the receiver has acknowledged everything sent so far, or the sender is closed. */
  drained(): Promise<void>;
  /** Lets go of what was not acknowledged; the other end is told nothing. */
  close(): Promise<void>;
}

export interface ReceiverOptions {
  /** Of the receiver: greater than that of any receiver of this channel before. */
  readonly epoch: number;
  /** Of the sender: items of older ones are dropped. */
  readonly senderEpoch: number;
  /** Bytes that may wait here unread. */
  readonly maxBytes: number;
  /** The item after which to go on; 0 at the beginning. */
  readonly after?: number;
}

export interface Receiver {
  /** The next item if one is there, without waiting. Its payload is the caller's until the next call. */
  take(): Item | undefined;
  /** Resolves when `take` has something, or the receiver is closed. */
  ready(): Promise<void>;
  /**
   * Takes nothing more, but tells a sender that has missed the word what was taken, until it is closed; a newer receiver takes its place without ado. Absent where no word is
   * lost: then it is closed instead.
   */
  linger?(): void;
  /** The number of the item that was taken last. */
  readonly position: number;
  /** As they are now. */
  readonly stats: ChannelStats;
  close(): Promise<void>;
}

export interface ChannelStats {
  /** True from the first word of the other end on, until it has been silent for too long. */
  readonly connected: boolean;
  readonly items: number;
  readonly bytes: number;
  readonly rows: number;
  /** Items sent or asked for again, and items dropped as duplicates or of an older epoch. */
  readonly repeated: number;
  readonly dropped: number;
  /** Rows that a durable channel gave up at its bound; absent for others. */
  readonly lost?: number;
  /** Bytes kept by this end. */
  readonly queued: number;
  /** Smoothed milliseconds between an item's sending and its acknowledgement; undefined where nothing was measured (receivers). */
  readonly roundTrip: number | undefined;
}

export interface Transport {
  readonly name: string;
  /** Why this one would not do, or undefined. */
  openSender(address: ChannelAddress, options: SenderOptions, events: ChannelEvents): Promise<Sender>;
  openReceiver(address: ChannelAddress, options: ReceiverOptions, events: ChannelEvents): Promise<Receiver>;
  /** A sender of so many bytes is about to be opened while rows are held up: takes memory for it ahead. */
  reserve?(maxBytes: number): void;
  close(): Promise<void>;
}

export interface ChannelEvents {
  /** The other end was heard for the first time, or again after silence. */
  connected(): void;
  /** The other end is silent: nothing is lost, the channel goes on when it is back. */
  disconnected(reason: string): void;
  /** The channel cannot go on: `transport.fenced` (the other end has a higher epoch than this one was told), `transport.protocol`. */
  failed(error: CloudskinError): void;
}
