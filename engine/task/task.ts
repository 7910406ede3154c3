/** A task as programs use it: rows of the program's own in, rows out. */
import type { RecordBatch } from 'apache-arrow';
import type { Batch } from '../batch/batch.ts';
import { copyBatch, valueReader } from '../batch/reader.ts';
import type { Schema, Value } from '../batch/types.ts';
import { type CloudskinError, userError } from '../errors.ts';
import type { BadRow, Connector } from '../graph/connector.ts';
import { type Ports, realPorts } from '../ports.ts';
import { type Chunk, ChunkReader } from '../runtime/api/chunk.ts';
import { type GraphInput, planGraph } from '../runtime/api/open.ts';
import { directoryOf } from '../runtime/options.ts';
import { type OpenedTask, openPool, type TaskLimits } from './open.ts';
import type { Answered, TaskStats } from './task-pool.ts';

export interface TaskOptions extends TaskLimits {
  /** The operator whose rows are the result; the one that no other reads, unless given. */
  readonly operator?: string;
  /** Values for `${NAME}` in the graph. */
  readonly parameters?: Readonly<Record<string, string>>;
  /** Where relative paths of components count from; the graph file's directory, or the working directory, unless given. */
  readonly directory?: string;
  /** Clock, timers, randomness: for tests and simulations. */
  readonly ports?: Ports;
}

export interface CallOptions {
  /** Milliseconds that the call may take, the waiting included. */
  readonly deadline?: number;
}

type Row = Readonly<Record<string, Value>>;

/** What a call yields. */
export class TaskResult {
  readonly schema: Schema;
  /** Milliseconds from the call to its beginning, and from there to its end. */
  readonly waited: number;
  readonly ran: number;
  readonly #output: Answered;

  constructor(schema: Schema, output: Answered) {
    this.schema = schema;
    this.waited = output.waited;
    this.ran = output.ran;
    this.#output = output;
  }

  get rowCount(): number {
    return this.#output.batches.reduce((sum, { rows }) => sum + rows, 0);
  }

  /** As objects: 64-bit integers and times (in the column's unit) are bigints. */
  rows(): Row[] {
    return this.#output.batches.flatMap(rowsOf);
  }

  /** Rows that operators with `onError: divert` left out: at, operator, code, message, position, raw. */
  errors(): Row[] {
    return this.#output.errors.flatMap(rowsOf);
  }

  /** As apache-arrow record batches, which is loaded for it. */
  async records(): Promise<RecordBatch[]> {
    const { toRecordBatch } = await import('../batch/arrow.ts');
    return this.#output.batches.map((batch) => toRecordBatch(batch, { copy: false }));
  }
}

export class Task implements AsyncDisposable {
  readonly #opened: OpenedTask;

  /** For `openTask`; not for programs. */
  constructor(opened: OpenedTask) {
    this.#opened = opened;
  }

  /** Of the rows that a call takes. */
  get input(): Schema {
    return this.#opened.plan.input;
  }

  /** Of the rows that it yields. */
  get result(): Schema {
    return this.#opened.plan.result;
  }

  /**
   * Runs the task over these rows, on fresh cells: all rows, then the end of input. A row that does not fit the schema fails the call with
   * `task.bad-input`; one that an operator cannot take does as its `onError` says. Rejects with `task.overloaded` where too many wait
   * (`retry` is true), `task.timeout`, `task.failed`, `task.input-too-large`, `task.result-too-large`, `task.closed`.
   */
  async call(rows: Chunk, options: CallOptions = {}): Promise<TaskResult> {
    const { plan, pool } = this.#opened;
    const batches: Batch[] = [];
    const reject = (row: BadRow): never => {
      throw badInput(plan.operator, row);
    };
    const reader = new ChunkReader(plan.input, { name: plan.source, reject });
    for await (const batch of reader.read(rows)) batches.push(copyBatch(batch));
    return new TaskResult(plan.result, await pool.call(batches, options.deadline));
  }

  stats(): TaskStats {
    return this.#opened.pool.stats();
  }

  /** Takes no more calls; resolves when those that wait and run are answered. */
  close(): Promise<void> {
    return this.#opened.pool.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}

/** A row of a call that does not fit the input's schema. */
export function badInput(task: string, { code, message, position }: BadRow): CloudskinError {
  return userError('task.bad-input', `task ${task}: ${position}: ${message} (${code})`);
}

/** `openTask` of the public API with the connectors handed in. */
export async function openTaskOf(
  graph: GraphInput,
  options: TaskOptions,
  connectors: readonly Connector[],
): Promise<Task> {
  const { parameters = {}, directory, ports = realPorts, ...rest } = options;
  const plan = await planGraph(graph, { connectors, parameters, reads: 'all' });
  return new Task(await openPool(plan, { ...rest, ports, directory: directory ?? directoryOf(plan.file) }));
}

function rowsOf(batch: Batch): Row[] {
  const columns = batch.schema.fields.map(({ name }, index) => ({ name, read: valueReader(batch, index) }));
  return Array.from({ length: batch.rows }, (_, row) =>
    Object.fromEntries(columns.map(({ name, read }) => [name, read(row)])),
  );
}
