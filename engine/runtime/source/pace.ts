/**
 * `speed`: a source replayed at a multiple of event time. Row by row the column says when: a row `t` after the first is due
 * `t / speed` after the start, by the clock handed in. Rows that are due together go on together.
 */
import type { Batch } from '../../batch/batch.ts';
import { getBit } from '../../batch/bits.ts';
import { type BatchMemory, columnView, sliceBatch } from '../../batch/reader.ts';
import { formatType, UNITS_PER_SECOND } from '../../batch/types.ts';
import { userError } from '../../errors.ts';
import type { SourceNode } from '../../graph/plan.ts';
import type { Control } from '../control.ts';
import type { Place, PlacedPartition } from './position.ts';

/** Shortest wait in milliseconds: rows due within it go together, so that a fast replay does not go row by row. */
const SHORTEST_WAIT = 5;

/** The first row of a source, and when it was handed on: from there all its partitions count. */
interface Origin {
  first: { readonly value: bigint; readonly at: number } | undefined;
}

/** The same rows, each not before it is due; `speed` is a multiple of event time. */
export function paced(
  source: SourceNode,
  speed: number,
  partitions: readonly PlacedPartition[],
  control: Control,
): PlacedPartition[] {
  const { column, unitsPerMillisecond } = paceColumn(source);
  const origin: Origin = { first: undefined };
  return partitions.map((inner) => {
    const pace = new Pace(inner, column, unitsPerMillisecond * speed, origin, control);
    return { ...inner, next: () => pace.next(), place: () => pace.place() };
  });
}

class Pace {
  readonly #inner: PlacedPartition;
  readonly #column: number;
  /** Units of the column that pass in a millisecond of the clock. */
  readonly #rate: number;
  readonly #control: Control;
  readonly #memory: BatchMemory = { body: new Uint8Array(0) };
  #batch: Batch | undefined;
  #row = 0;
  /** Where the inner partition was before `#batch`. */
  #before: Place;
  readonly #origin: Origin;

  constructor(inner: PlacedPartition, column: number, rate: number, origin: Origin, control: Control) {
    this.#inner = inner;
    this.#before = inner.place();
    this.#column = column;
    this.#rate = rate;
    this.#origin = origin;
    this.#control = control;
  }

  place(): Place {
    if (!this.#inner.replayable()) return this.#before;
    return { ...this.#before, rows: this.#before.rows + this.#row };
  }

  async next(): Promise<Batch | undefined> {
    for (;;) {
      if (this.#control.stopping.tripped) return undefined;
      if (this.#batch === undefined || this.#row >= this.#batch.rows) {
        this.#before = this.#inner.place();
        this.#row = 0;
        this.#batch = await this.#inner.next();
        if (this.#batch === undefined) return undefined;
        continue;
      }
      const due = this.#dueUntil(this.#batch);
      if (typeof due === 'number') {
        const part = sliceBatch(this.#batch, this.#row, due, this.#memory);
        this.#row = due;
        return part;
      }
      await this.#sleep(due.wait);
    }
  }

  /** The row up to which rows are due, or the milliseconds until the next one is. */
  #dueUntil(batch: Batch): number | { readonly wait: number } {
    const { validity, values } = columnView(batch, this.#column);
    const times = values as BigInt64Array;
    const now = this.#control.ports.monotonic();
    let reached: bigint | undefined;
    for (let row = this.#row; row < batch.rows; row++) {
      if (validity.length > 0 && !getBit(validity, row)) continue;
      const time = times[row] ?? 0n;
      this.#origin.first ??= { value: time, at: now };
      reached ??= this.#origin.first.value + BigInt(Math.floor((now - this.#origin.first.at) * this.#rate));
      if (time <= reached) continue;
      return row > this.#row ? row : { wait: Math.max(SHORTEST_WAIT, Number(time - reached) / this.#rate) };
    }
    return batch.rows;
  }

  async #sleep(milliseconds: number): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const timer = this.#control.ports.after(milliseconds, resolve);
    await this.#control.stopping.until(promise);
    timer.cancel();
  }
}

/** The column that says when: `orderBy`, else the time column. Throws `source.speed-column` when it is no timestamp. */
function paceColumn({ name, schema, orderBy, time }: SourceNode): { column: number; unitsPerMillisecond: number } {
  const column =
    orderBy === undefined ? (time?.column ?? -1) : schema.fields.findIndex((field) => field.name === orderBy);
  const field = schema.fields[column];
  if (field?.type.kind !== 'timestamp') {
    const found = field === undefined ? 'it has no time column' : `${field.name} is of type ${formatType(field.type)}`;
    throw userError('source.speed-column', `source ${name} cannot be replayed at a speed: ${found}`, {
      hint: 'name a timestamp column in orderBy or time, or leave out speed',
    });
  }
  return { column, unitsPerMillisecond: Number(UNITS_PER_SECOND[field.type.unit]) / 1000 };
}
