/** Rows of a join's inputs that fall into no window: thrown, counted or diverted as the operator's `onError` says, by both kinds of join alike. */
import type { Batch } from '../../batch/batch.ts';
import { BatchBuilder } from '../../batch/builder.ts';
import { valueReader } from '../../batch/reader.ts';
import { ERRORS_SCHEMA, type JoinSide, type JoinStep, type OperatorNode } from '../../graph/plan.ts';
import type { CellPlan } from '../cell-plan.ts';
import { joinOf } from '../state/join-chain.ts';
import { microsOf, windowEnd } from '../state/join-window.ts';
import { appendFailure, failureError, type RowFailure } from './failure.ts';
import type { Receiver } from './output.ts';
import { BatchColumns } from './vector.ts';

/** Where a batch stands in all that the cell gets. */
export interface JoinInput {
  readonly input: number;
  readonly batch: Batch;
  /** Rows of both inputs before it. */
  readonly before: number;
  /** Microseconds; undefined before the first. */
  readonly watermark: bigint | undefined;
}

export class JoinFailures {
  readonly #operator: OperatorNode;
  readonly #step: JoinStep;
  readonly #port: number;
  readonly #builder = new BatchBuilder(ERRORS_SCHEMA);

  constructor(plan: CellPlan) {
    const { operator, step } = joinOf(plan);
    this.#operator = operator;
    this.#step = step;
    this.#port = plan.outputs.findIndex(({ port }) => port === 'errors');
  }

  /** Takes the rows of a batch that no window holds; how many they are. Throws under `onError: fail`. */
  take(given: JoinInput): number {
    const side = this.#step.sides[given.input];
    if (side === undefined) return 0;
    const time = valueReader(given.batch, side.time);
    let count = 0;
    for (let row = 0; row < given.batch.rows; row += 1) {
      const ticks = time(row) as bigint | null;
      if (windowEnd(this.#step, side, ticks) !== undefined) continue;
      count += 1;
      if (this.#operator.onError === 'skip') continue;
      const failure = this.#describe(side, given, row, ticks);
      if (this.#operator.onError === 'fail') throw failureError(failure);
      if (this.#port !== -1) appendFailure(this.#builder, failure);
    }
    return count;
  }

  /** Hands on the diverted rows of this call. */
  flush(emit: Receiver): void {
    if (this.#builder.rows > 0) emit(this.#port, this.#builder.finish());
  }

  #describe(side: JoinSide, { batch, before, watermark }: JoinInput, index: number, ticks: bigint | null): RowFailure {
    const fields = batch.schema.fields.slice(0, side.columns);
    const text = `${side.alias}.${fields[side.time]?.name ?? ''}`;
    const row = { schema: { fields }, columns: new BatchColumns(batch), index, number: before + index + 1 };
    const at = ticks === null ? (watermark ?? 0n) : BigInt.asIntN(64, microsOf(side, ticks));
    const code = ticks === null ? 'timeNull' : 'outOfRange';
    return { operator: this.#operator.name, text, code, row, at };
  }
}
