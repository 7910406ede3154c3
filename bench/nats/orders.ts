/** What the benchmark tells its two processes to do, and what they answer. */

export interface Order {
  /** Of the round; unique. */
  readonly id: number;
  readonly variant: 'raw' | 'channel' | 'json' | 'latency';
  /** Rows of a batch, and how many batches (json: messages of one row). */
  readonly rows: number;
  readonly count: number;
  /** Of `latency`: rows a second, and milliseconds that rows wait for others. */
  readonly rate: number;
  readonly linger: number;
}

/** `ready`: the consumer listens. `done`: the last has arrived. */
export type Answer =
  | { readonly kind: 'ready'; readonly id: number }
  | { readonly kind: 'done'; readonly id: number; readonly rows: number; readonly latencies?: readonly number[] };

export const WINDOW: number = 4 * 1024 * 1024;
