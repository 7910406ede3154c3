/**
 * Where the ends of channels over rings meet: pairs senders and receivers by channel and epoch, and tells who has been replaced. One for each
 * thread (`thread.ts`), or one for all worker threads of an agent (`local.ts`); `Ring` is a ring as it can be handed from one to the other.
 */
import type { ChannelAddress } from '../transport.ts';
import type { Word } from './ends.ts';

export interface MeetingSender<Ring> {
  readonly epoch: number;
  readonly after: number;
  readonly ring: Ring;
  hear(word: Word<Ring>): void;
}

export interface MeetingReceiver<Ring> {
  readonly epoch: number;
  readonly senderEpoch: number;
  hear(word: Word<Ring>): void;
}

interface Place<Ring> {
  sender?: MeetingSender<Ring>;
  receiver?: MeetingReceiver<Ring>;
  met: boolean;
}

export class Meeting<Ring> {
  readonly #places = new Map<string, Place<Ring>>();
  readonly #fence: (ring: Ring) => number;

  /** `fence` lets a new reader into a ring and keeps older ones out; the number that the new one reads under. */
  constructor(fence: (ring: Ring) => number) {
    this.#fence = fence;
  }

  /** Forget it by the function returned. */
  addSender(address: ChannelAddress, sender: MeetingSender<Ring>): () => void {
    const place = this.#place(address);
    const { sender: old, receiver } = place;
    const newest = Math.max(old?.epoch ?? 0, receiver?.senderEpoch ?? 0);
    if (newest > sender.epoch) sender.hear({ kind: 'replaced', who: 'sender', epoch: newest });
    else {
      old?.hear({ kind: 'replaced', who: 'sender', epoch: sender.epoch });
      if (receiver !== undefined && receiver.senderEpoch < sender.epoch) this.#refuse(place, receiver, sender);
      place.sender = sender;
      this.#pair(place);
    }
    return () => this.#leave(address, sender);
  }

  addReceiver(address: ChannelAddress, receiver: MeetingReceiver<Ring>): () => void {
    const place = this.#place(address);
    const { sender, receiver: old } = place;
    if (old !== undefined && old.epoch > receiver.epoch) {
      receiver.hear({ kind: 'replaced', who: 'receiver', epoch: old.epoch });
    } else if (sender !== undefined && sender.epoch > receiver.senderEpoch) {
      receiver.hear({ kind: 'replaced', who: 'sender', epoch: sender.epoch });
    } else {
      old?.hear({ kind: 'replaced', who: 'receiver', epoch: receiver.epoch });
      if (sender !== undefined && sender.epoch < receiver.senderEpoch) {
        sender.hear({ kind: 'replaced', who: 'sender', epoch: receiver.senderEpoch });
        delete place.sender;
      }
      place.receiver = receiver;
      this.#pair(place);
    }
    return () => this.#leave(address, receiver);
  }

  #refuse(place: Place<Ring>, receiver: MeetingReceiver<Ring>, sender: MeetingSender<Ring>): void {
    receiver.hear({ kind: 'replaced', who: 'sender', epoch: sender.epoch });
    delete place.receiver;
  }

  #pair(place: Place<Ring>): void {
    const { sender, receiver } = place;
    place.met = sender !== undefined && receiver !== undefined;
    if (sender === undefined || receiver === undefined) return;
    const { ring, after } = sender;
    receiver.hear({ kind: 'ring', ring, generation: this.#fence(ring), after });
    receiver.hear({ kind: 'met' });
    sender.hear({ kind: 'met' });
  }

  #leave(address: ChannelAddress, end: MeetingSender<Ring> | MeetingReceiver<Ring>): void {
    const place = this.#place(address);
    const parted = { kind: 'parted', reason: 'the other end has closed' } as const;
    if (place.sender === end) {
      delete place.sender;
      if (place.met) place.receiver?.hear(parted);
    } else if (place.receiver === end) {
      delete place.receiver;
      if (place.met) place.sender?.hear(parted);
    } else return;
    place.met = false;
    if (place.sender === undefined && place.receiver === undefined) this.#places.delete(keyOf(address));
  }

  #place(address: ChannelAddress): Place<Ring> {
    const key = keyOf(address);
    const place = this.#places.get(key) ?? { met: false };
    this.#places.set(key, place);
    return place;
  }
}

function keyOf({ namespace, app, channel }: ChannelAddress): string {
  return `${namespace} ${app} ${channel}`;
}
