/** What an end of a channel counts of what goes through it. */
import type { SentItem } from './transport.ts';

export class Counts {
  items = 0;
  /** Of batches, as carried. */
  bytes = 0;
  rows = 0;
  /** Items sent or asked for again. */
  repeated = 0;
  /** Items that came once more, or of an older epoch. */
  dropped = 0;

  add(item: SentItem): void {
    this.items += 1;
    if (item.kind !== 'batch') return;
    this.bytes += item.payload.length;
    this.rows += item.rows;
  }
}
