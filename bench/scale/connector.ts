/**
 * The source and the sink of `bench scale`: two partitions of batches that are made once and handed out again and again, with new times, so that the
 * engine is measured and not a file format; and a sink that adds up what the aggregate counted.
 */
import { z } from 'zod';
import { align64, type Batch, LAYOUT_WORDS, MAX_BATCH_ROWS } from '../../engine/batch/batch.ts';
import { columnView, sliceBatch } from '../../engine/batch/reader.ts';
import type { Schema } from '../../engine/batch/types.ts';
import type { Connector, Sink, Source, SourcePartition } from '../../engine/graph/connector.ts';

export interface ScaleOptions {
  /** Of both partitions together. */
  readonly rows: number;
  readonly keys: number;
}

const SCHEMA: Schema = {
  fields: [
    { name: 'key', type: { kind: 'int64' }, nullable: false },
    { name: 'value', type: { kind: 'int64' }, nullable: false },
    { name: 'at', type: { kind: 'timestamp', unit: 'us' }, nullable: false },
  ],
  time: 2,
};

const PARTITIONS = 2;
/** Batches that are made; more than the caches hold. */
const MADE = 8;
/** Microseconds of event time that a batch takes: sixteen in a window of a second. */
const STEP = 62_500n;
const START = 1_700_000_000_000_000n;

export const scaleConnector: Connector = {
  name: 'scale',
  summary: 'batches in memory',
  example: '',
  source: {
    options: z.unknown(),
    attachable: [],
    bounded: () => true,
    open: async (options): Promise<Source> => ({
      bounded: true,
      partitions: Array.from({ length: PARTITIONS }, (_, index) => partitionOf(index, options as ScaleOptions)),
      close: async () => undefined,
    }),
  },
  sink: { options: z.unknown(), open: async () => countingSink() },
};

function partitionOf(index: number, { rows, keys }: ScaleOptions): SourcePartition {
  let left = Math.floor(rows / PARTITIONS);
  const size = Math.min(MAX_BATCH_ROWS, left);
  // made when first asked for: a thread reads one partition of the two
  let made: readonly Batch[] = [];
  let number = 0;
  return {
    name: String(index),
    next: async () => {
      if (number === 0) made = Array.from({ length: MADE }, (_, of) => makeBatch(index * MADE + of, size, keys));
      const whole = made[number % MADE];
      if (left <= 0 || whole === undefined) return undefined;
      const batch = left < size ? sliceBatch(whole, 0, left) : whole;
      left -= batch.rows;
      (columnView(batch, 2).values as BigInt64Array).fill(START + BigInt(number++) * STEP);
      return batch;
    },
  };
}

function makeBatch(seed: number, rows: number, keys: number): Batch {
  const bytes = align64(rows * 8);
  const body = new Uint8Array(bytes * 3);
  const layout = new Int32Array(3 * LAYOUT_WORDS);
  let state = seed * 7919 + 1;
  for (const [column, below] of [keys, 1_000, 1].entries()) {
    layout.set([0, 0, 0, column * bytes, rows * 8], column * LAYOUT_WORDS);
    const words = new Int32Array(body.buffer, column * bytes, rows * 2);
    for (let row = 0; row < rows; row++) {
      state = (Math.imul(state, 1_664_525) + 1_013_904_223) | 0;
      words[row * 2] = Math.floor(((state >>> 0) / 2 ** 32) * below);
    }
  }
  return { schema: SCHEMA, rows, body, layout };
}

/** Its report tells the rows that the groups stand for. */
function countingSink(): Sink {
  let groups = 0;
  let counted = 0;
  return {
    write: (batch) => {
      groups += batch.rows;
      const { buffer, byteOffset } = columnView(batch, 3).values;
      // the low halves: a window has fewer rows than they hold, and adding up bigints would make garbage
      const halves = new Int32Array(buffer, byteOffset, batch.rows * 2);
      for (let row = 0; row < batch.rows; row++) counted += halves[row * 2] ?? 0;
    },
    close: async () => ({ rows: groups, wrote: [`counted ${counted}`] }),
    abort: async () => undefined,
  };
}
