/** The contract of `durable` channels: what they have beside that of all channels. */
import type { Json } from '../../json.ts';
import type { ChannelAddress, ChannelEvents, Receiver, ReceiverOptions, Sender } from '../transport.ts';

/**
 * A transactional sink: what is sent is kept on the near side's own disk, belongs to the next checkpoint, and is published when that is complete. Items
 * are numbered once and for all, over all epochs. `room` holds back at `maxBytes` kept; `drained` resolves when everything sent is safe on the
 * disk: the other side is not waited for. Barriers part nothing here and are not sent.
 */
export interface DurableSender extends Sender {
  /** What was sent so far, as a checkpoint keeps it, for `commit` and for a restart; good for them once `drained` has resolved. */
  mark(): Json;
  /** The checkpoint is complete: what was sent before its `mark` is published, in the background, for as long as the sender is open. */
  commit(mark: Json): void;
  /** Resolves when complete checkpoints of the receiver cover all that is committed, or the sender is closed. */
  covered(): Promise<void>;
  /** As `covered`, or when all of it is published and the other end has been silent for so many milliseconds: then it may be gone for good. */
  settled(silence: number): Promise<void>;
  /** Rows given up because of the bound: as the receiver told, and beyond it what is no longer kept. */
  readonly lost: number;
}

export interface DurableSenderOptions {
  /** Greater than that of any sender of this channel before. */
  readonly epoch: number;
  /** Bytes kept until the receiver's checkpoints cover them. */
  readonly maxBytes: number;
  readonly onFull?: 'block' | 'dropOldest';
  /** What the checkpoint that the region goes on from has kept; absent: from the beginning. */
  readonly restored?: Json;
}

/**
 * A replayable source: `position` counts items over all epochs of the sender. Where the sender has begun to number anew (its app was deployed anew,
 * its checkpoints are lost) and this end goes on from a checkpoint, it fails with `transport.durable-anew`.
 */
export interface DurableReceiver extends Receiver {
  /** The sender is heard, and all that it had committed by its last word has been taken: only then what it said of being idle is still so. */
  readonly current: boolean;
  /** Where reading goes on, for a checkpoint: `restored`, and `acknowledge`. */
  snapshot(): Json;
  /** A complete checkpoint of this side holds this snapshot: the sender may forget what it covers. */
  acknowledge(snapshot: Json): void;
  /** Rows that the sender gave up because of its bound, and that were passed over. */
  readonly lost: number;
}

/** The sender's epoch does not matter: what was committed once stays as it is. */
export interface DurableReceiverOptions extends Pick<ReceiverOptions, 'epoch' | 'maxBytes'> {
  /** Of the checkpoint that the region goes on from; absent: from the beginning. */
  readonly restored?: Json;
}

export interface DurableEnds {
  openSender(address: ChannelAddress, options: DurableSenderOptions, events: ChannelEvents): Promise<DurableSender>;
  openReceiver(
    address: ChannelAddress,
    options: DurableReceiverOptions,
    events: ChannelEvents,
  ): Promise<DurableReceiver>;
  close(): Promise<void>;
}
