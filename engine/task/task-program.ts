/**
 * A task, compiled: runs calls one after the other on its thread, each on fresh cells. A call is all its rows, the watermark of the last of
 * them, and the end of input, so that it yields what a run over a file of those rows would.
 */
import type { Batch } from '../batch/batch.ts';
import { batchBytes, columnView, copyBatch, isNull } from '../batch/reader.ts';
import { type Schema, UNITS_PER_SECOND } from '../batch/types.ts';
import type { Cell, Emit } from '../cell/cell.ts';
import { prepareCell } from '../cell/open.ts';
import { CloudskinError, internalError, messageOf, userError } from '../errors.ts';
import type { Ports } from '../ports.ts';
import type { Target, TaskPlan } from './task-plan.ts';

export interface ProgramOptions {
  readonly ports: Pick<Ports, 'now' | 'monotonic'>;
  /** Where relative paths of components count from. */
  readonly directory: string;
  /** Milliseconds that a cell's start may take. */
  readonly deadline: number;
  /** Bytes that each cell of a call may take, and all that a call yields. */
  readonly memoryBytes: number;
}

/** What a call yields: batches in memory of their own. */
export interface TaskOutput {
  readonly batches: readonly Batch[];
  /** Rows that operators with `onError: divert` could not take, as their `.errors` output has them. */
  readonly errors: readonly Batch[];
}

const MICROSECONDS = 1_000_000n;

export class TaskProgram {
  readonly plan: TaskPlan;
  readonly #open: readonly (() => Cell)[];
  readonly #options: ProgramOptions;
  readonly #time: ((batches: readonly Batch[]) => bigint | undefined) | undefined;

  constructor(plan: TaskPlan, open: readonly (() => Cell)[], options: ProgramOptions) {
    this.plan = plan;
    this.#open = open;
    this.#options = options;
    this.#time = greatestTime(plan.input);
  }

  /** Compiles everything, and starts each cell once, so that the first call finds images. Errors as those of `prepareCell`. */
  static async prepare(plan: TaskPlan, options: ProgramOptions): Promise<TaskProgram> {
    const { directory, ports, deadline, memoryBytes } = options;
    const limits = { callLimitMs: deadline, memoryLimitBytes: memoryBytes, maxMemoryBytes: memoryBytes };
    const open = [];
    for (const { plan: cell } of plan.cells) {
      open.push(await prepareCell(cell, { directory, now: () => ports.now(), ...limits }));
    }
    for (const start of open) start().close();
    return new TaskProgram(plan, open, options);
  }

  /**
   * Runs one call within `milliseconds`. Throws `task.timeout`; `task.result-too-large`; `task.failed`, with the cell's error as its
   * cause; whatever it throws, nothing of the call is left.
   */
  run(batches: readonly Batch[], milliseconds: number): TaskOutput {
    const call = new Call(this.plan, this.#options, milliseconds);
    try {
      for (const open of this.#open) call.cells.push(open());
      for (const batch of batches) call.hand(this.plan.entry, batch);
      call.end(this.#time?.(batches));
      return call.output;
    } catch (error) {
      throw call.describe(error);
    } finally {
      for (const cell of call.cells) cell.close();
    }
  }
}

/** One call that runs. */
class Call {
  readonly cells: Cell[] = [];
  readonly #plan: TaskPlan;
  readonly #options: ProgramOptions;
  readonly #milliseconds: number;
  readonly #until: number;
  readonly #batches: Batch[] = [];
  readonly #errors: Batch[] = [];
  #bytes = 0;

  constructor(plan: TaskPlan, options: ProgramOptions, milliseconds: number) {
    this.#plan = plan;
    this.#options = options;
    this.#milliseconds = milliseconds;
    this.#until = options.ports.monotonic() + milliseconds;
  }

  get output(): TaskOutput {
    return { batches: this.#batches, errors: this.#errors };
  }

  hand(targets: readonly Target[], batch: Batch): void {
    for (const target of targets) {
      if (target.kind === 'cell') this.#cell(target.cell).process(target.input, batch, this.#emit(target.cell));
      else this.#gather(target.kind === 'result' ? this.#batches : this.#errors, batch);
    }
  }

  /** No more rows: each cell is flushed after those that it reads. */
  end(time: bigint | undefined): void {
    for (const index of this.cells.keys()) {
      if (time !== undefined) this.#cell(index).onWatermark(time, this.#emit(index));
      this.#cell(index).onEnd(this.#emit(index));
    }
    // an operator that leaves bad batches out goes on after it was cut off
    this.#left();
  }

  describe(error: unknown): CloudskinError {
    if (!(error instanceof CloudskinError)) {
      return internalError('task.failed', `task ${this.#plan.operator}: ${messageOf(error)}`, { cause: error });
    }
    if (error.code.startsWith('task.')) return error;
    if (error.code === 'cell.deadline') return timedOut(this.#plan.operator, this.#milliseconds, error);
    const { domain, hint } = error;
    const options = { domain, cause: error, ...(hint === undefined ? {} : { hint }) };
    return new CloudskinError('task.failed', `task ${this.#plan.operator}: ${error.message} (${error.code})`, options);
  }

  #emit(cell: number): Emit {
    const targets = this.#plan.cells[cell]?.targets ?? [];
    return (port, batch) => this.hand(targets[port] ?? [], batch);
  }

  #cell(index: number): Cell {
    const cell = this.cells[index];
    if (cell === undefined) throw internalError('task.no-cell', `a task has no cell ${index}`);
    cell.limitCalls?.(Math.ceil(this.#left()));
    return cell;
  }

  #left(): number {
    const left = this.#until - this.#options.ports.monotonic();
    if (left > 0) return left;
    throw timedOut(this.#plan.operator, this.#milliseconds);
  }

  #gather(into: Batch[], batch: Batch): void {
    if (batch.rows === 0) return;
    this.#bytes += batchBytes(batch);
    const { memoryBytes } = this.#options;
    if (this.#bytes > memoryBytes) {
      throw userError(
        'task.result-too-large',
        `a call of task ${this.#plan.operator} yields more than ${memoryBytes} bytes`,
      );
    }
    into.push(copyBatch(batch));
  }
}

export function timedOut(task: string, milliseconds: number, cause?: unknown): CloudskinError {
  const message = `a call of task ${task} took longer than ${Math.round(milliseconds)} ms`;
  return new CloudskinError('task.timeout', message, { domain: 'user', cause });
}

/** The greatest event time of the rows, in microseconds, where the schema has a time column. */
function greatestTime({ fields, time }: Schema): ((batches: readonly Batch[]) => bigint | undefined) | undefined {
  const type = time === undefined ? undefined : fields[time]?.type;
  if (time === undefined || type?.kind !== 'timestamp') return undefined;
  const units = UNITS_PER_SECOND[type.unit];
  return (batches) => {
    let greatest: bigint | undefined;
    for (const batch of batches) {
      const { values } = columnView(batch, time);
      for (let row = 0; row < batch.rows; row++) {
        const value = values[row];
        if (typeof value !== 'bigint' || isNull(batch, time, row)) continue;
        if (greatest === undefined || value > greatest) greatest = value;
      }
    }
    return greatest === undefined ? undefined : BigInt.asIntN(64, (greatest * MICROSECONDS) / units);
  };
}
