/**
 * Counts what one node of a dataflow does. A few additions a batch, nothing a row; rates and snapshots are worked out only when
 * somebody asks.
 */
import { type Batch, LAYOUT_WORDS } from '../batch/batch.ts';
import { isVariable } from '../batch/types.ts';
import type { NodeKind, NodeMetrics, OperatorSize } from './snapshot.ts';

/** Seconds over which a rate is smoothed. */
const SMOOTHING = 5;

/** A rate that forgets: an average of what came since each sample, weighted by its age. */
export class Rate {
  #value = 0;
  #count = 0;
  #at: number | undefined;

  /** Takes a sample of a rising count at a time in milliseconds; returns the smoothed rate a second. */
  sample(count: number, at: number): number {
    const seconds = this.#at === undefined ? 0 : (at - this.#at) / 1000;
    if (this.#at !== undefined && seconds < 0.05) return this.#value;
    if (this.#at !== undefined) {
      const rate = (count - this.#count) / seconds;
      const weight = this.#value === 0 ? 1 : 1 - Math.exp(-seconds / SMOOTHING);
      this.#value += weight * (rate - this.#value);
    }
    this.#count = count;
    this.#at = at;
    return this.#value;
  }

  /** What was counted before, by somebody else, was not counted since the last sample. */
  goOn(count: number): void {
    this.#count = count;
  }
}

/** What the runtime reads of a node when somebody asks for metrics. */
export interface NodeStatus {
  /** Microseconds; undefined while nothing is known, and after the end. */
  readonly watermark: bigint | undefined;
  readonly idle: boolean;
  readonly ended: boolean;
  // 0 where they are absent
  readonly late?: number;
  readonly errors?: number;
  readonly memory?: number;
  readonly queued?: number;
  readonly dropped?: number;
  readonly evicted?: number;
  /** Milliseconds held back. */
  readonly blocked?: number;
  readonly operators?: readonly OperatorSize[];
  readonly retries?: number;
  readonly troubled?: boolean;
}

/** When figures are taken: milliseconds since the epoch, milliseconds of the clock that never goes back, milliseconds since the start. */
export interface Moment {
  readonly now: number;
  readonly monotonic: number;
  readonly elapsed: number;
}

const COUNTS = ['rowsIn', 'rowsOut', 'batchesIn', 'batchesOut', 'bytesIn', 'bytesOut', 'skipped', 'diverted'] as const;

export class NodeCounters {
  readonly name: string;
  readonly kind: NodeKind;
  rowsIn = 0;
  rowsOut = 0;
  batchesIn = 0;
  batchesOut = 0;
  bytesIn = 0;
  bytesOut = 0;
  skipped = 0;
  diverted = 0;
  /** Milliseconds; see `WorkClock`. */
  busy = 0;
  readonly #rate = new Rate();

  constructor(name: string, kind: NodeKind) {
    this.name = name;
    this.kind = kind;
  }

  takenIn(batch: Batch): void {
    this.rowsIn += batch.rows;
    this.batchesIn += 1;
    this.bytesIn += usedBytes(batch);
  }

  handedOn(batch: Batch): void {
    this.rowsOut += batch.rows;
    this.batchesOut += 1;
    this.bytesOut += usedBytes(batch);
  }

  /** What has been counted, as data that a checkpoint keeps. */
  counts(): Readonly<Record<string, number>> {
    const { rowsIn, rowsOut, batchesIn, batchesOut, bytesIn, bytesOut, skipped, diverted } = this;
    return { rowsIn, rowsOut, batchesIn, batchesOut, bytesIn, bytesOut, skipped, diverted };
  }

  /** Goes on from what `counts` gave. */
  restore(counts: Readonly<Record<string, number>>): void {
    for (const key of COUNTS) this[key] = counts[key] ?? 0;
    this.#rate.goOn(this.rowsIn);
  }

  /** Starts the rate; without it the first snapshot has none. `monotonic` in milliseconds, as in `metrics`. */
  start(monotonic: number): void {
    this.#rate.sample(this.rowsIn, monotonic);
  }

  metrics(status: NodeStatus, { now, monotonic, elapsed }: Moment): NodeMetrics {
    const { late = 0, errors = 0, memory = 0, queued = 0, dropped = 0, evicted = 0, blocked = 0 } = status;
    const { idle, ended, operators = [], retries = 0, troubled = false } = status;
    const watermark = status.watermark === undefined ? null : Number(status.watermark / 1000n);
    const { name, kind, rowsIn, rowsOut, batchesIn, batchesOut, bytesIn, bytesOut, skipped, diverted } = this;
    return {
      name,
      kind,
      rowsIn,
      rowsOut,
      batchesIn,
      batchesOut,
      bytesIn,
      bytesOut,
      late,
      errors,
      skipped,
      diverted,
      dropped,
      rowsPerSecond: this.#rate.sample(rowsIn, monotonic),
      watermark,
      lag: watermark === null ? null : now - watermark,
      memory,
      queued,
      idle,
      ended,
      evicted,
      busyTime: this.busy,
      blockedTime: blocked,
      operators,
      retries,
      troubled,
      idleTime: Math.max(0, elapsed - this.busy - blocked),
    };
  }
}

/** Arrow bytes of a batch's rows. Not the body's length: a batch that was cut off a larger one shares its body. */
export function usedBytes(batch: Batch): number {
  const { layout, body, rows } = batch;
  let bytes = 0;
  for (const [index, field] of batch.schema.fields.entries()) {
    const word = index * LAYOUT_WORDS;
    bytes += (layout[word + 2] ?? 0) + (layout[word + 4] ?? 0);
    if (!isVariable(field.type) || rows === 0) continue;
    const offsets = layout[word + 3] ?? 0;
    bytes += int32At(body, offsets + rows * 4) - int32At(body, offsets);
  }
  for (const data of batch.foreign?.values() ?? []) bytes += (data as { readonly byteLength: number }).byteLength;
  return bytes;
}

function int32At(body: Uint8Array, at: number): number {
  return (body[at] ?? 0) | ((body[at + 1] ?? 0) << 8) | ((body[at + 2] ?? 0) << 16) | ((body[at + 3] ?? 0) << 24);
}
