/** What worker threads and the main thread of an agent say to each other about the ends of local channels. */
import type { Word } from './ring/ends.ts';
import type { ChannelAddress } from './transport.ts';

/** From a worker thread; `end` is a number of its own. */
export type ToBroker =
  | {
      readonly kind: 'sender';
      readonly end: number;
      readonly address: ChannelAddress;
      readonly epoch: number;
      readonly after: number;
      readonly ring: SharedArrayBuffer;
    }
  | {
      readonly kind: 'receiver';
      readonly end: number;
      readonly address: ChannelAddress;
      readonly epoch: number;
      readonly senderEpoch: number;
    }
  | { readonly kind: 'close'; readonly end: number };

/** To the worker thread that has this end. */
export interface FromBroker {
  readonly end: number;
  readonly word: Word<SharedArrayBuffer>;
}
