/** What the two ends of a channel over a ring have in common. Who brings them together is `meeting.ts`. */
import type { ChannelAddress, ChannelEvents, ReceiverOptions, SenderOptions } from '../transport.ts';
import type { RingMemory } from './memory.ts';

/** What an end is told by whoever brings the ends together. */
export type Word<Ring = RingMemory> =
  | { readonly kind: 'met' }
  /** Only to a receiver, first: where to read. `after`: the item before the first that was ever written into the ring. */
  | { readonly kind: 'ring'; readonly ring: Ring; readonly generation: number; readonly after: number }
  | { readonly kind: 'parted'; readonly reason: string }
  /** Another end has this epoch, which is higher than the one that this end had or was told. */
  | { readonly kind: 'replaced'; readonly who: 'sender' | 'receiver'; readonly epoch: number };

export interface RingContext {
  readonly address: ChannelAddress;
  readonly events: ChannelEvents;
  /** Called once. */
  onClose(): void;
}

export interface RingSenderContext extends RingContext {
  readonly options: SenderOptions;
  readonly memory: RingMemory;
}

export interface RingReceiverContext extends RingContext {
  readonly options: ReceiverOptions;
}
