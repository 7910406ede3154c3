/** What a receiver counts, and its figures: views of what it has now, whoever asks and whenever. */
import type { ChannelStats } from '../transport.ts';
import type { Assembly } from './assembly.ts';
import type { Heart } from './heart.ts';
import type { Inbox } from './inbox.ts';

export interface Received {
  items: number;
  bytes: number;
  rows: number;
  repeated: number;
  dropped: number;
}

export function receiverStats(count: Received, heart: Heart, inbox: Inbox, assembly: Assembly): ChannelStats {
  return {
    get connected() {
      return heart.connected;
    },
    get items() {
      return count.items;
    },
    get bytes() {
      return count.bytes;
    },
    get rows() {
      return count.rows;
    },
    get repeated() {
      return count.repeated;
    },
    get dropped() {
      return count.dropped;
    },
    get queued() {
      return inbox.cost + assembly.bytes;
    },
    roundTrip: undefined,
  };
}
