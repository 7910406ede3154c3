/**
 * Partitions that say where they are: a position of the connector, and how many rows after it have been handed on. What `orderBy` and
 * `speed` make of a connector's partitions has places, too.
 */
import type { Batch } from '../../batch/batch.ts';
import { sliceBatch } from '../../batch/reader.ts';
import type { SourcePartition } from '../../graph/connector.ts';
import type { Json } from '../../json.ts';
import type { PartitionState } from '../../state/checkpoint/state.ts';

export interface Place {
  /** Undefined: the beginning, or unknown where the partition cannot replay. */
  readonly position: Json | undefined;
  /** Rows after `position`; 0 where the partition cannot replay. */
  readonly rows: number;
  /** Bad rows that had come up to `position`, since reading began. */
  readonly bad: number;
}

export interface PlacedPartition {
  readonly name: string;
  readonly next: () => Promise<Batch | undefined>;
  /** After the batch handed out last; not to be asked while `next` is under way. */
  readonly place: () => Place;
  /** False where a restart cannot read again what was read. */
  readonly replayable: () => boolean;
  readonly acknowledge?: (position: Json | undefined) => void | Promise<void>;
}

export const BEGINNING: Place = { position: undefined, rows: 0, bad: 0 };

/** A connector's partition, opened with the position of `from`; the rows after it that were handed on are left out. `bad`: how many bad rows of it have come. */
export function placed(inner: SourcePartition, from: PartitionState | undefined, bad: () => number): PlacedPartition {
  let skip = from?.rows ?? 0;
  let last: Place = from === undefined ? BEGINNING : { position: from.position, rows: skip, bad: 0 };
  let handedOut = false;
  const read = async (): Promise<Batch | undefined> => {
    for (;;) {
      const batch = await inner.next();
      if (batch === undefined) return undefined;
      handedOut = true;
      if (batch.rows > 0 && batch.rows <= skip) {
        skip -= batch.rows;
        continue;
      }
      const rest = batch.rows === 0 ? batch : sliceBatch(batch, skip, batch.rows);
      if (batch.rows > 0) skip = 0;
      return rest;
    }
  };
  return {
    name: inner.name,
    next: () => {
      if (skip > 0) return read();
      handedOut = true;
      return inner.next();
    },
    place: () => {
      if (handedOut && inner.position !== undefined) last = { position: inner.position(), rows: skip, bad: bad() };
      return last;
    },
    replayable: () => inner.position !== undefined,
    ...(inner.acknowledge === undefined ? {} : { acknowledge: (position) => inner.acknowledge?.(position) }),
  };
}
