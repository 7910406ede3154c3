/**
 * A join cell: rows of both inputs in one Wasm memory by window, paired by the support module when a window closes. All that it knows between two
 * calls lies in that memory, so that its image is a copy.
 */
import { type Batch, LAYOUT_WORDS } from '../batch/batch.ts';
import { BatchBuilder } from '../batch/builder.ts';
import type { CellPlan, OutputPort } from '../compile/cell-plan.ts';
import { type GeneratedJoin, generateJoin } from '../compile/codegen/join.ts';
import { wholeName } from '../compile/distribute/names.ts';
import { JoinFailures } from '../compile/kernels/join-failures.ts';
import { joinOf, joinOverLimit, namedJoinKeys } from '../compile/state/join-chain.ts';
import type { JoinRow } from '../compile/state/join-state.ts';
import { FAULT, FAULT_MEMORY, LATE_ROWS, PORT_BODY, PORT_ROWS } from '../compile/support/assembly/control.ts';
import {
  JOIN_BODY,
  JOIN_BYTES,
  JOIN_LAYOUT,
  JOIN_REFUSED,
  JOIN_ROWS,
} from '../compile/support/assembly/join-layout.ts';
import { internalError } from '../errors.ts';
import type { JoinStep, OperatorNode } from '../graph/plan.ts';
import type { Cell, CellCounters, CellState, Emit, StateSize } from './cell.ts';
import type { CompiledCellOptions } from './compiled.ts';
import { compiled, FIRST_BLOCKS, LARGEST_PAGES, loadSupport, memoryLimit, type Support } from './compiled-module.ts';
import { type JoinHost, type JoinParts, JoinState, joinRows } from './join-cell-state.ts';
import { acquireMemory, PAGE_BYTES, releaseMemory } from './memory-pool.ts';

const MAX_MEMORY_BYTES = 1_073_741_824;
const INT64_MAX = 2n ** 63n - 1n;
const INT64_MIN = -(2n ** 63n);

/** What the support module does for joins. */
interface JoinSupport extends Support {
  joinTake(join: number, side: number, rows: number, watermark: bigint): void;
  joinNext(join: number, watermark: bigint): number;
}

/** Opens the join of a plan of kind `join`. */
export function openJoinCell(plan: CellPlan, options: CompiledCellOptions = {}): Cell {
  return prepareJoinCell(plan, options)();
}

/** As `openJoinCell`, for many cells of one plan: its module is made once. */
export function prepareJoinCell(plan: CellPlan, options: CompiledCellOptions = {}): () => Cell {
  const wanted = Math.max(MAX_MEMORY_BYTES, ...plan.operators.map(({ memory }) => (memory?.bytes ?? 0) * 3));
  const limit = Math.min(options.maxMemoryBytes ?? wanted, 0xffff_0000);
  const generated = generateJoin(joinOf(plan).step);
  return () => new JoinCell(plan, limit, generated);
}

class JoinCell implements Cell {
  readonly name: string;
  readonly outputs: readonly OutputPort[];
  readonly state: CellState;
  readonly #operator: OperatorNode;
  readonly #step: JoinStep;
  readonly #parts: JoinParts;
  readonly #support: JoinSupport;
  readonly #failures: JoinFailures;
  readonly #host: JoinHost = { rows: 0, errors: 0, watermark: undefined, capacity: 0 };
  /** What is known of it once it is closed. */
  #last: { readonly counters: CellCounters; readonly sizes: readonly StateSize[] } | undefined;

  constructor(plan: CellPlan, limit: number, generated: GeneratedJoin) {
    const { operator, step } = joinOf(plan);
    this.name = plan.name;
    this.outputs = plan.outputs;
    this.#operator = operator;
    this.#step = step;
    this.#failures = new JoinFailures(plan);
    if (generated.heap + FIRST_BLOCKS > limit) throw memoryLimit(plan.name, limit);
    const memory = acquireMemory(Math.ceil((generated.heap + FIRST_BLOCKS) / PAGE_BYTES), LARGEST_PAGES);
    const code = loadSupport();
    this.#support = new WebAssembly.Instance(code.module, { env: { memory } }).exports as unknown as JoinSupport;
    this.#support.initialise(generated.heap, limit);
    const none = (): void => undefined;
    new WebAssembly.Instance(compiled(generated.bytes), { env: { memory, emit: none, fail: none } });
    this.#support.portStart(generated.port.head);
    const modules = [code.bytes, generated.bytes];
    const take = (rows: readonly JoinRow[]): void => this.#takeBack(rows);
    this.#parts = { operator, step, generated, memory, modules, host: this.#host, limit, take };
    const columns = Math.max(...step.sides.map(({ input }) => input.fields.length));
    this.#setWord(JOIN_LAYOUT, this.#support.allocate(columns * LAYOUT_WORDS * 4));
    this.state = new JoinState(this.#parts);
  }

  process(input: number, batch: Batch, emit: Emit): void {
    if (batch.rows === 0) return;
    const { watermark, rows: before } = this.#host;
    this.#take(input, batch, watermark ?? INT64_MIN);
    if (this.#word(JOIN_REFUSED) > 0) {
      this.#host.errors += this.#failures.take({ input, batch, before, watermark });
      this.#failures.flush(emit);
    }
    this.#host.rows += batch.rows;
    const bytes = this.#bytes();
    const limit = this.#operator.memory?.bytes;
    if (limit !== undefined && bytes > limit) {
      const all = joinRows(this.#parts);
      throw joinOverLimit(this.#operator, this.#step, { bytes, rows: this.#word(JOIN_ROWS), all });
    }
  }

  onWatermark(time: bigint, emit: Emit): void {
    this.#host.watermark = time;
    this.#close(time, emit);
  }

  onEnd(emit: Emit): void {
    this.#close(INT64_MAX, emit);
  }

  counters(): CellCounters {
    if (this.#last !== undefined) return this.#last.counters;
    return { late: Number(this.#view().getBigInt64(LATE_ROWS, true)), errors: this.#host.errors };
  }

  stateSize(): readonly StateSize[] {
    if (this.#last !== undefined) return this.#last.sizes;
    return [{ operator: this.#operator.name, keys: this.#word(JOIN_ROWS), bytes: this.#bytes() }];
  }

  memory(): number {
    return this.#last === undefined ? this.#parts.memory.buffer.byteLength : 0;
  }

  close(): void {
    if (this.#last !== undefined) return;
    this.#last = { counters: this.counters(), sizes: this.stateSize() };
    releaseMemory(this.#parts.memory, LARGEST_PAGES);
  }

  #take(input: number, { body, layout, rows }: Batch, watermark: bigint): void {
    this.#guard(() => {
      if (body.length > this.#host.capacity) this.#makeRoom(body.length);
      const { memory, generated } = this.#parts;
      new Uint8Array(memory.buffer).set(body, this.#word(JOIN_BODY));
      new Int32Array(memory.buffer, this.#word(JOIN_LAYOUT)).set(layout);
      this.#support.joinTake(generated.join, input, rows, watermark);
    });
  }

  #makeRoom(bytes: number): void {
    const { capacity } = this.#host;
    if (capacity > 0) this.#support.release(this.#word(JOIN_BODY), capacity);
    this.#host.capacity = 0;
    this.#setWord(JOIN_BODY, this.#support.allocate(bytes));
    this.#host.capacity = bytes;
  }

  #close(time: bigint, emit: Emit): void {
    const { generated } = this.#parts;
    this.#guard(() => {
      while (this.#support.joinNext(generated.join, time) !== 0) this.#handOut(emit);
      if (this.#view().getUint32(generated.port.head + PORT_ROWS, true) > 0) this.#handOut(emit);
    });
  }

  #handOut(emit: Emit): void {
    const { port } = this.#parts.generated;
    const length = this.#support.portPack(port.head);
    const view = this.#view();
    const rows = view.getUint32(port.head + PORT_ROWS, true);
    const { buffer } = this.#parts.memory;
    const body = new Uint8Array(buffer, view.getUint32(port.head + PORT_BODY, true), length);
    const layout = new Int32Array(buffer, port.layout, port.columns.length * LAYOUT_WORDS);
    emit(0, { schema: port.schema, rows, body, layout });
    this.#support.portReset(port.head);
  }

  /** Rows of a state, in the order in which they came. */
  #takeBack(rows: readonly JoinRow[]): void {
    for (const [which, { input }] of this.#step.sides.entries()) {
      const builder = new BatchBuilder(input);
      const flush = (): void => this.#take(which, builder.finish(), INT64_MIN);
      for (const { side, values } of rows) {
        if (side !== which) continue;
        for (const [column, value] of values.entries()) builder.columns[column]?.append(value);
        builder.endRow();
        if (builder.rows === 8192) flush();
      }
      if (builder.rows > 0) flush();
    }
  }

  #guard(run: () => void): void {
    try {
      run();
    } catch (error) {
      if (!(error instanceof WebAssembly.RuntimeError)) throw error;
      if (this.#view().getUint32(FAULT, true) === FAULT_MEMORY) {
        const name = wholeName(this.#operator.name);
        throw memoryLimit(name, this.#parts.limit, namedJoinKeys(this.#step, joinRows(this.#parts)));
      }
      throw internalError('cell.trap', `the code of ${this.name} stopped: ${error.message}`, { cause: error });
    }
  }

  #bytes(): number {
    return Number(this.#view().getBigInt64(this.#parts.generated.join + JOIN_BYTES, true));
  }

  #word(offset: number): number {
    return this.#view().getUint32(this.#parts.generated.join + offset, true);
  }

  #setWord(offset: number, value: number): void {
    this.#view().setUint32(this.#parts.generated.join + offset, value, true);
  }

  #view(): DataView {
    return new DataView(this.#parts.memory.buffer);
  }
}
