/**
 * Rows that failed in a compiled cell: thrown, counted or diverted as their operator's `onError` says. The generated code names
 * the row of the cell's input; what the failing operator itself got is computed again here, by the kernels, since
 * failing is rare.
 */
import type { Batch } from '../batch/batch.ts';
import { BatchBuilder } from '../batch/builder.ts';
import { sliceBatch } from '../batch/reader.ts';
import { UNITS_PER_SECOND } from '../batch/types.ts';
import type { CellPlan } from '../compile/cell-plan.ts';
import type { Site } from '../compile/codegen/sites.ts';
import { evaluateOn } from '../compile/kernels/evaluate.ts';
import { appendFailure, failureError, type InputRow, type RowFailure } from '../compile/kernels/failure.ts';
import { RowErrors } from '../compile/kernels/row-errors.ts';
import { BatchColumns, type Columns, ComputedColumns, isNullAt } from '../compile/kernels/vector.ts';
import { EVALUATION_ERRORS } from '../expression/ir.ts';
import { ERRORS_SCHEMA } from '../graph/plan.ts';
import type { Emit } from './cell.ts';

/** The batch that is being processed. */
export interface CurrentInput {
  readonly batch: Batch | undefined;
  /** Rows of the batches before it. */
  readonly before: number;
  /** Microseconds; undefined before the first. */
  readonly watermark: bigint | undefined;
}

export class Failures {
  readonly #plan: CellPlan;
  readonly #builders = new Map<number, BatchBuilder>();
  readonly #counts = new Map<string, number>();

  constructor(plan: CellPlan) {
    this.#plan = plan;
  }

  /** Failures so far that were skipped or diverted, by operator. */
  get counts(): ReadonlyMap<string, number> {
    return this.#counts;
  }

  /** Of all operators. */
  get count(): number {
    let count = 0;
    for (const one of this.#counts.values()) count += one;
    return count;
  }

  restore(counts: ReadonlyMap<string, number>): void {
    for (const [operator, count] of counts) this.#counts.set(operator, count);
  }

  /** Takes one failing row (a group, behind the aggregate). Throws under `onError: fail`. */
  take(site: Site, error: number, row: number, input: CurrentInput): void {
    const { operator } = site;
    if (operator.onError === 'skip') {
      this.#add(operator.name);
      return;
    }
    const failure = this.#describe(site, error, row, input);
    if (operator.onError === 'fail') throw failureError(failure);
    this.#add(operator.name);
    const port = this.#plan.outputs.findIndex(
      (output) => output.operator === operator.name && output.port === 'errors',
    );
    if (port !== -1) appendFailure(this.#builder(port), failure);
  }

  /** Hands on the diverted rows of this call. */
  flush(emit: Emit): void {
    for (const [port, builder] of this.#builders) if (builder.rows > 0) emit(port, builder.finish());
  }

  #add(operator: string): void {
    this.#counts.set(operator, (this.#counts.get(operator) ?? 0) + 1);
  }

  #builder(port: number): BatchBuilder {
    const known = this.#builders.get(port);
    if (known !== undefined) return known;
    const builder = new BatchBuilder(ERRORS_SCHEMA);
    this.#builders.set(port, builder);
    return builder;
  }

  #describe(site: Site, error: number, index: number, input: CurrentInput): RowFailure {
    const { operator, text, grouped } = site;
    const code = EVALUATION_ERRORS[error] ?? 'none';
    const at = input.watermark ?? 0n;
    const failure = { operator: operator.name, text, code, at };
    if (grouped || input.batch === undefined) return failure;
    const columns = this.#inputOf(site, sliceBatch(input.batch, index, index + 1));
    const row: InputRow = { schema: operator.input, columns, index: 0, number: input.before + index + 1 };
    return { ...failure, row, at: timeOf(row) ?? at };
  }

  /** What the site's operator got, of a batch of one row: the steps of the operators before it. */
  #inputOf({ operator: target }: Site, row: Batch): Columns {
    let columns: Columns = new BatchColumns(row);
    for (const operator of this.#plan.operators) {
      if (operator === target) break;
      for (const step of operator.steps) {
        if (step.kind !== 'project') continue;
        const from = columns;
        const vectors = step.columns.map(({ expr }) => evaluateOn(expr, from, Int32Array.of(0), new RowErrors()));
        columns = new ComputedColumns(1, vectors);
      }
    }
    return columns;
  }
}

/** The row's event time in microseconds, where its schema has one. */
function timeOf({ schema: { fields, time }, columns, index }: InputRow): bigint | undefined {
  const type = time === undefined ? undefined : fields[time]?.type;
  if (time === undefined || type?.kind !== 'timestamp') return undefined;
  const vector = columns.column(time);
  const value = isNullAt(vector, index) ? undefined : vector.values[index & vector.mask];
  if (typeof value !== 'bigint') return undefined;
  return BigInt.asIntN(64, (value * 1_000_000n) / UNITS_PER_SECOND[type.unit]);
}
