/**
 * What becomes of rows that a source cannot read: the run fails, or they are counted and left out, or they become rows of the
 * source's `.errors` output.
 */
import { BatchBuilder } from '../../batch/builder.ts';
import { userError } from '../../errors.ts';
import type { BadRow } from '../../graph/connector.ts';
import { ERRORS_SCHEMA, type OnError } from '../../graph/plan.ts';
import type { NodeCounters } from '../../metrics/counters.ts';
import type { Ports } from '../../ports.ts';
import type { Stream } from '../stream.ts';

/** Rows gathered before they are handed on without waiting for the source's next batch. */
const GATHER = 1_024;

export class BadRows {
  readonly #source: string;
  readonly #onError: OnError;
  readonly #stream: Stream;
  readonly #counters: NodeCounters;
  readonly #ports: Ports;
  readonly #builder = new BatchBuilder(ERRORS_SCHEMA);

  constructor(source: string, onError: OnError, stream: Stream, counters: NodeCounters, ports: Ports) {
    this.#source = source;
    this.#onError = onError;
    this.#stream = stream;
    this.#counters = counters;
    this.#ports = ports;
  }

  /** Rows that wait to be handed on. */
  get waiting(): number {
    return this.#builder.rows;
  }

  /** Throws `source.bad-row` under `onError: fail`. */
  reject(row: BadRow): void {
    if (this.#onError === 'fail') {
      throw userError('source.bad-row', `source ${this.#source}: ${row.position}: ${row.message}`, {
        hint: `give ${this.#source} 'onError: skip' or 'onError: divert' to go on without such rows`,
      });
    }
    if (this.#onError === 'skip') {
      this.#counters.skipped += 1;
      return;
    }
    this.#counters.diverted += 1;
    if (!this.#stream.isRead) return;
    this.#append(row);
    if (this.#builder.rows >= GATHER) this.handOn();
  }

  /** Nothing while nobody reads for now. */
  handOn(): void {
    if (this.#stream.isDetached) return;
    if (this.#builder.rows > 0) this.#stream.batch(this.#builder.finish());
  }

  #append(row: BadRow): void {
    const values = [BigInt(Math.trunc(this.#ports.now())) * 1000n, this.#source, row.code, row.message, row.position];
    for (const [index, value] of [...values, row.raw].entries()) this.#builder.columns[index]?.append(value);
    this.#builder.endRow();
  }
}
