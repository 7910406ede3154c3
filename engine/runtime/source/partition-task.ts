/**
 * The loop of one source partition: wait until there is room downstream, take a batch, cut it where lateness asks for it, push
 * the pieces and the watermarks between them. Nothing here waits for time except idleness and drift, by the clock handed in.
 *
 * What is taken in at a time is taken in between two turns of the event loop, so at any cut it is either in hand, and read again after a
 * restart, or behind us. That is a batch, or, where partitions take turns, the part of it that is due.
 */

import { type Batch, MAX_BATCH_ROWS } from '../../batch/batch.ts';
import { type BatchMemory, sliceBatch } from '../../batch/reader.ts';
import { defined } from '../../defined.ts';
import type { Timer } from '../../ports.ts';
import type { DriftMember } from '../../progress/drift.ts';
import type { EventTimeScanner } from '../../progress/event-time.ts';
import { floorDivide, later, TIME_MIN } from '../../progress/time.ts';
import type { PartitionState } from '../../state/checkpoint/state.ts';
import type { Control } from '../control.ts';
import { BEGINNING, type Place, type PlacedPartition } from './position.ts';
import type { Bound, Turn, TurnPlace } from './turns.ts';

/** Milliseconds of work after which I/O, timers and signals get a turn: sinks and other sources live by it. */
const BREATHE_AFTER = 2;
/** Microseconds of event time by which turns go where windows downstream are shorter; `step` where they are not. */
const TURN_TIME = 1_000_000n;
/** Rows by which turns go where there is no event time. */
const TURN_ROWS = 1_024;
const ALONE: Turn = { bound: undefined };
/** Longest wait for the slowest source, in milliseconds: then one batch goes on all the same, so that nothing hangs. */
const DRIFT_PATIENCE = 10_000;

/** What a partition hands its rows and progress to: its source. */
export interface PartitionTarget {
  /** A promise while something downstream is full. */
  room(): Promise<void> | undefined;
  /** Counts a batch and takes it in by `take`. */
  accept(batch: Batch, take: (batch: Batch) => void): void;
  push(batch: Batch): void;
  progress(partition: number, watermark: bigint, idle: boolean): void;
  end(partition: number): void;
}

/** Event time of the partition; absent for a source without. */
export interface PartitionTime {
  readonly scanner: EventTimeScanner;
  /** Microseconds; see `cutStep`. */
  readonly step: bigint;
  /** Milliseconds. */
  readonly idleAfter: number | undefined;
  readonly drift: DriftMember | undefined;
  /** Microseconds. */
  readonly maxDrift: bigint | undefined;
}

export interface PartitionOptions {
  readonly time: PartitionTime | undefined;
  /** Where bounded sources take turns; a source that does is not held back by drift, because turns leave none. */
  readonly turn: TurnPlace | undefined;
  /** Places are kept, because the run is cut for checkpoints. */
  readonly tracked: boolean;
  /** Where the partition goes on. */
  readonly restored: PartitionState | undefined;
}

export class PartitionTask {
  readonly #index: number;
  readonly #partition: PlacedPartition;
  readonly #target: PartitionTarget;
  readonly #time: PartitionTime | undefined;
  readonly #turn: TurnPlace | undefined;
  readonly #control: Control;
  readonly #memory: BatchMemory = { body: new Uint8Array(0) };
  /** Of the part of a batch that is due. */
  readonly #due: BatchMemory = { body: new Uint8Array(0) };
  #idle = false;
  #idleTimer: Timer | undefined;
  /** When the wait for the next batch began; undefined while none is awaited. */
  #waitingSince: number | undefined;
  #lastBreath = 0;
  /** Rows since the beginning, over all runs. */
  #taken: number;
  readonly #tracked: boolean;
  /** After the rows taken in last. */
  #place: Place;
  #ended: boolean;

  constructor(
    index: number,
    partition: PlacedPartition,
    target: PartitionTarget,
    { time, turn, tracked, restored }: PartitionOptions,
    control: Control,
  ) {
    this.#index = index;
    this.#partition = partition;
    this.#target = target;
    this.#time = time;
    this.#turn = turn;
    this.#tracked = tracked;
    this.#place = restored === undefined ? BEGINNING : { position: restored.position, rows: restored.rows, bad: 0 };
    this.#ended = restored?.ended ?? false;
    this.#taken = restored?.taken ?? 0;
    this.#control = control;
  }

  get name(): string {
    return this.#partition.name;
  }

  /** Where the partition is, as a restart needs it; `badSince` says how many bad rows were handed on that came behind a place. */
  state(badSince: (at: number) => number): PartitionState {
    const greatest = this.#time?.scanner.greatestValue;
    const { position, rows, bad } = this.#place;
    const rejected = this.#partition.replayable() ? badSince(bad) : 0;
    return {
      rows,
      ended: this.#ended,
      ...defined({ position, greatest }),
      ...(this.#taken === 0 || this.#turn === undefined || this.#time !== undefined ? {} : { taken: this.#taken }),
      ...(rejected === 0 ? {} : { rejected }),
    };
  }

  /** Says how far the partition had come when it was cut, before any partition runs. */
  announce(): void {
    if (this.#time !== undefined && this.#time.scanner.watermark !== TIME_MIN) this.#progress();
  }

  /** The connector may forget what came up to `position`. */
  async acknowledge(position: PartitionState['position']): Promise<void> {
    if (this.#partition.replayable()) await this.#partition.acknowledge?.(position);
  }

  /** Runs to the end of the partition, or until the run stops or fails; rejects with what went wrong. */
  async run(): Promise<void> {
    const { ports, stopping, failure } = this.#control;
    if (failure !== undefined) return;
    this.#lastBreath = ports.monotonic();
    try {
      while (!stopping.tripped && !this.#ended) {
        const wait = this.#control.paused ?? this.#target.room();
        if (wait !== undefined) {
          await stopping.until(wait);
          continue;
        }
        const held = this.#held();
        if (held !== undefined) await held;
        const batch = await this.#next();
        if (batch === undefined || this.#control.failure !== undefined) break;
        if (this.#turn === undefined) await this.#whole(batch);
        else if (!(await this.#inTurns(batch, this.#turn))) break;
      }
    } finally {
      this.#idleTimer?.cancel();
      // nobody goes in the turn of one that was stopped
      if (!stopping.tripped) this.#turn?.leave();
    }
    this.#time?.drift?.update(this.#time.drift.watermark, false);
    if (this.#control.failure !== undefined) return;
    this.#ended = true;
    this.#target.end(this.#index);
  }

  /** Keeps the place, or where nothing will be read again tells the connector at once. */
  #afterBatch(): Promise<void> | undefined {
    if (this.#tracked) this.#place = this.#partition.place();
    if (this.#partition.acknowledge === undefined || (this.#tracked && this.#partition.replayable())) return undefined;
    const { position } = this.#tracked ? this.#place : this.#partition.place();
    const result = this.#partition.acknowledge(position);
    return result instanceof Promise ? result : undefined;
  }

  async #whole(batch: Batch): Promise<void> {
    const { stopping } = this.#control;
    while (this.#control.paused !== undefined && !stopping.tripped) await stopping.until(this.#control.paused);
    this.#target.accept(batch, this.#take);
    await this.#rest(this.#afterBatch());
  }

  /**
   * Hands on a batch turn by turn; false where the run stops before. Then the rest stays in front of the place: out of turn, other rows would be
   * late than in a run that nobody stops.
   */
  async #inTurns(batch: Batch, place: TurnPlace): Promise<boolean> {
    const { stopping } = this.#control;
    const before = this.#place;
    let from = 0;
    do {
      const waiting = place.wait(this.#key());
      const turn = waiting === undefined ? ALONE : await stopping.until(waiting);
      if (turn === undefined) return false;
      while (this.#control.paused !== undefined && !stopping.tripped) await stopping.until(this.#control.paused);
      const to = this.#upTo(batch, from, turn.bound);
      this.#target.accept(from === 0 && to === batch.rows ? batch : sliceBatch(batch, from, to, this.#due), this.#take);
      this.#taken += to - from;
      from = to;
      await this.#rest(from < batch.rows ? this.#within(before, from) : this.#afterBatch());
    } while (from < batch.rows && this.#control.failure === undefined);
    return true;
  }

  /** How far the partition is, for turns. A checkpoint restores it exactly. */
  #key(): bigint {
    return this.#time?.scanner.mark(turnTime(this.#time)) ?? BigInt(Math.floor(this.#taken / TURN_ROWS));
  }

  /** The index behind the last row from `from` on of a turn up to `bound`. */
  #upTo(batch: Batch, from: number, bound: Bound | undefined): number {
    if (bound === undefined) return batch.rows;
    const { key, inclusive } = bound;
    if (this.#time === undefined) {
      const rows = Number(inclusive ? key + 1n : key) * TURN_ROWS - this.#taken;
      return Math.min(batch.rows, from + Math.max(1, rows));
    }
    const grain = turnTime(this.#time);
    const mark = inclusive ? floorDivide(key, grain) + 1n : -floorDivide(-key, grain);
    return this.#time.scanner.upTo(batch, from, mark * grain);
  }

  /** Keeps the place in the middle of a batch. */
  #within(before: Place, row: number): undefined {
    if (this.#tracked && this.#partition.replayable()) this.#place = { ...before, rows: before.rows + row };
  }

  async #rest(acknowledged: Promise<void> | undefined): Promise<void> {
    if (acknowledged !== undefined) await this.#control.cut.until(acknowledged);
    if (this.#control.ports.monotonic() - this.#lastBreath >= BREATHE_AFTER) await this.#breathe();
  }

  async #breathe(): Promise<void> {
    await this.#control.ports.turn();
    this.#lastBreath = this.#control.ports.monotonic();
  }

  async #next(): Promise<Batch | undefined> {
    this.#waitingSince = this.#control.ports.monotonic();
    this.#watchIdle();
    try {
      return await this.#control.cut.until(this.#partition.next());
    } finally {
      this.#waitingSince = undefined;
    }
  }

  /** A wait for slower sources, ended by their progress, by stopping, or after `DRIFT_PATIENCE`. */
  #held(): Promise<void> | undefined {
    const { drift, maxDrift } = this.#time ?? {};
    if (drift === undefined || maxDrift === undefined || this.#turn !== undefined) return undefined;
    const hold = drift.hold(maxDrift);
    if (hold === undefined) return undefined;
    const timer = this.#control.ports.after(DRIFT_PATIENCE, () => hold.release());
    return this.#control.stopping.until(hold.promise).finally(() => {
      timer.cancel();
      hold.release();
    });
  }

  readonly #take = (batch: Batch): void => {
    if (batch.rows === 0) return;
    if (this.#idle) {
      this.#idle = false;
      this.#progress();
    }
    for (let from = 0; from < batch.rows; from += MAX_BATCH_ROWS) {
      const part = sliceBatch(batch, from, Math.min(from + MAX_BATCH_ROWS, batch.rows));
      if (this.#time === undefined) this.#target.push(part);
      else this.#pushTimed(part, this.#time.scanner);
    }
  };

  #pushTimed(batch: Batch, scanner: EventTimeScanner): void {
    for (let from = 0; from < batch.rows; ) {
      const to = scanner.scan(batch, from);
      this.#target.push(sliceBatch(batch, from, to, this.#memory));
      this.#progress();
      from = to;
    }
  }

  #progress(): void {
    if (this.#time === undefined) return;
    const { watermark } = this.#time.scanner;
    this.#target.progress(this.#index, watermark, this.#idle);
    this.#time.drift?.update(watermark, !this.#idle);
  }

  /** One timer that comes back as long as it finds that the wait is younger than `idleAfter`; it rests while idle. */
  #watchIdle(): void {
    const idleAfter = this.#time?.idleAfter;
    if (idleAfter === undefined || this.#idleTimer !== undefined || this.#idle) return;
    this.#setIdleTimer(idleAfter, idleAfter);
  }

  #setIdleTimer(delay: number, idleAfter: number): void {
    this.#idleTimer = this.#control.ports.after(delay, () => {
      this.#idleTimer = undefined;
      if (this.#control.stopping.tripped) return;
      const since = this.#waitingSince;
      const silence = since === undefined ? 0 : this.#control.ports.monotonic() - since;
      if (silence < idleAfter) this.#setIdleTimer(idleAfter - silence, idleAfter);
      else this.#fallIdle();
    });
  }

  #fallIdle(): void {
    this.#idle = true;
    this.#turn?.fallIdle();
    try {
      this.#progress();
    } catch (error) {
      this.#control.failNode('source', this.#partition.name, error);
    }
  }
}

function turnTime({ step }: PartitionTime): bigint {
  return later(step, TURN_TIME);
}
