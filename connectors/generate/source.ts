/** The source of generated rows: column by column, in chunks, at a rate or as fast as it goes. */

import { type Batch, LINGER_MS, MAX_BATCH_BYTES, MAX_BATCH_ROWS } from '../../engine/batch/batch.ts';
import { BatchBuilder } from '../../engine/batch/builder.ts';
import type { Schema } from '../../engine/batch/types.ts';
import { defined } from '../../engine/defined.ts';
import { userError } from '../../engine/errors.ts';
import type { Source, SourceContext, SourcePartition } from '../../engine/graph/connector.ts';
import { didYouMean } from '../../engine/graph/suggest.ts';
import type { Json } from '../../engine/json.ts';
import { type Fill, filler, Memory, usualOptions } from './columns.ts';
import type { GenerateOptions } from './options.ts';
import type { Random } from './random.ts';

const CHUNK = 1024;
const DEFAULT_START = '2024-01-01T00:00:00Z';
const DEFAULT_INTERVAL = 1000;

export async function openGenerate(options: GenerateOptions, schema: Schema, context: SourceContext): Promise<Source> {
  const partition = new Generated(options, schema, context);
  return {
    bounded: options.rows !== undefined,
    partitions: [partition],
    async close() {
      partition.close();
    },
  };
}

interface GeneratedPosition {
  readonly row: number;
  readonly start: number;
  readonly memory: ReturnType<Memory['save']>;
}

class Generated implements SourcePartition {
  readonly name = '';
  readonly #options: GenerateOptions;
  readonly #context: SourceContext;
  readonly #builder: BatchBuilder;
  readonly #fills: readonly Fill[];
  readonly #memory: Memory;
  readonly #late: Random;
  readonly #times: Float64Array = new Float64Array(CHUNK);
  /** Event time of row 0 and from row to row, in microseconds. */
  readonly #start: number;
  readonly #interval: number;
  /** When row 0 was due, in milliseconds of the clock; whoever goes on from a position goes on at the rate, the time between is not made up for. */
  #epoch: number | undefined;
  #row = 0;
  #wake: (() => void) | undefined;
  readonly #onAbort: () => void = () => this.#wake?.();

  constructor(options: GenerateOptions, schema: Schema, context: SourceContext) {
    const unknown = Object.keys(options.columns).find((name) => !schema.fields.some((field) => field.name === name));
    if (unknown !== undefined) throw unknownColumn(unknown, schema);
    const from = [...(context.positions?.values() ?? [])][0] as GeneratedPosition | undefined;
    this.#options = options;
    this.#context = context;
    this.#memory = new Memory(options.seed);
    this.#builder = new BatchBuilder(schema, { rows: CHUNK });
    this.#fills = this.#builder.columns.map((column) =>
      filler(column, options.columns[column.field.name] ?? usualOptions(column.field), this.#memory),
    );
    this.#late = this.#memory.random('disorder');
    this.#start = from?.start ?? startOf(options, context.ports.now());
    this.#interval = options.interval === undefined ? intervalOf(options.rate) : Number(options.interval);
    context.signal.addEventListener('abort', this.#onAbort);
    if (from === undefined) return;
    this.#row = from.row;
    this.#memory.restore(from.memory);
  }

  position(): Json {
    return { row: this.#row, start: this.#start, memory: this.#memory.save() };
  }

  async next(): Promise<Batch | undefined> {
    const { signal } = this.#context;
    const last = this.#options.rows ?? Number.POSITIVE_INFINITY;
    while (!signal.aborted && this.#row < last) {
      const due = Math.min(this.#due(), last);
      if (due > this.#row) return this.#make(due);
      await this.#sleep();
    }
    return undefined;
  }

  close(): void {
    this.#context.signal.removeEventListener('abort', this.#onAbort);
    this.#wake?.();
  }

  /** Rows that the rate wants by now. */
  #due(): number {
    const { rate } = this.#options;
    if (rate === undefined) return Number.POSITIVE_INFINITY;
    const now = this.#context.ports.now();
    this.#epoch ??= now - (this.#row / rate) * 1000;
    return Math.floor(((now - this.#epoch) / 1000) * rate) + 1;
  }

  #make(due: number): Batch {
    const builder = this.#builder;
    while (this.#row < due && builder.rows < MAX_BATCH_ROWS && builder.bytes < MAX_BATCH_BYTES) {
      const rows = Math.min(CHUNK, due - this.#row, MAX_BATCH_ROWS - builder.rows);
      this.#setTimes(rows);
      for (const fill of this.#fills) fill(this.#times, rows);
      builder.endRows(rows);
      this.#row += rows;
    }
    return builder.finish();
  }

  #setTimes(rows: number): void {
    const { disorder } = this.#options;
    for (let i = 0; i < rows; i++) {
      let time = this.#start + Math.floor((this.#row + i) * this.#interval);
      if (disorder !== undefined && this.#late.unit() < disorder.fraction) {
        time -= this.#late.below(Number(disorder.maxDelay) + 1);
      }
      this.#times[i] = time;
    }
  }

  /** Until about the next row is due, and not so short that batches become tiny. */
  async #sleep(): Promise<void> {
    const { rate } = this.#options;
    const wait = Math.max(LINGER_MS, Math.min(1000 / (rate ?? 1000), 1000));
    await new Promise<void>((resolve) => {
      const timer = this.#context.ports.after(wait, resolve);
      this.#wake = () => {
        timer.cancel();
        resolve();
      };
    });
    this.#wake = undefined;
  }
}

function startOf(options: GenerateOptions, now: number): number {
  if (options.start !== undefined) {
    const local = !/(Z|[+-]\d\d:?\d\d)$/.test(options.start);
    return Date.parse(local ? `${options.start}Z` : options.start) * 1000;
  }
  if (options.rate !== undefined && options.rows === undefined) return Math.floor(now) * 1000;
  return Date.parse(DEFAULT_START) * 1000;
}

function intervalOf(rate: number | undefined): number {
  return rate === undefined ? DEFAULT_INTERVAL : 1e6 / rate;
}

function unknownColumn(name: string, schema: Schema): Error {
  const names = schema.fields.map((field) => field.name);
  const hint = didYouMean(name, names);
  return userError('generate.unknown-column', `\`columns\` has "${name}", which the schema has not`, defined({ hint }));
}
