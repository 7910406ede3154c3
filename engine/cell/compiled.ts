/**
 * A compiled cell: a chain of declared operators as one Wasm module. The columns that it reads are copied into its memory, the
 * generated code takes them from there, and what an output port holds is handed out as a view of that memory.
 */
import { type Batch, LAYOUT_WORDS } from '../batch/batch.ts';
import type { CellPlan, OutputPort } from '../compile/cell-plan.ts';
import type { Port } from '../compile/codegen/ports.ts';
import { namedKeys, overLimit } from '../compile/state/memory-limit.ts';
import {
  FAULT,
  FAULT_MEMORY,
  LATE_ROWS,
  PORT_BODY,
  PORT_ROWS,
  WATERMARK,
} from '../compile/support/assembly/control.ts';
import { type CloudskinError, internalError } from '../errors.ts';
import type { Cell, CellCounters, CellState, Emit, StateSize } from './cell.ts';
import { Failures } from './compiled-failures.ts';
import { MemoryGroups } from './compiled-groups.ts';
import { CompiledInput } from './compiled-input.ts';
import { ChainCode, memoryLimit, type RunningCode } from './compiled-module.ts';
import { aggregateSize, earliestPane, heapBytes } from './compiled-size.ts';
import { CompiledState, type HostCounts } from './compiled-state.ts';

export { watText } from './compiled-module.ts';

export interface CompiledCellOptions {
  /** Bytes that the cell's memory may grow to; 1 GiB unless given. More is the error `cell.memory-limit`. */
  readonly maxMemoryBytes?: number;
}

const MAX_MEMORY_BYTES = 1_073_741_824;
const INT64_MAX = 2n ** 63n - 1n;
const INT64_MIN = -(2n ** 63n);
const MICROSECONDS = 1_000_000n;

/** Compiles and opens the chain of a plan of kind `compiled`. */
export function openCompiledCell(plan: CellPlan, options: CompiledCellOptions = {}): Cell {
  const limit = options.maxMemoryBytes ?? defaultLimit(plan);
  return new CompiledCell({ plan, limit, chain: new ChainCode(plan, limit) });
}

/** As `openCompiledCell`, for many cells of one plan: compiles the chain, and returns what opens a cell at once. */
export function prepareCompiledCell(plan: CellPlan, options: CompiledCellOptions = {}): () => Cell {
  const limit = options.maxMemoryBytes ?? defaultLimit(plan);
  const setup = { plan, limit, chain: new ChainCode(plan, limit, { keep: true }) };
  return () => new CompiledCell(setup);
}

interface CompiledCellSetup {
  readonly plan: CellPlan;
  readonly chain: ChainCode;
  /** Bytes that the memory may grow to. */
  readonly limit: number;
}

/** A table that grows needs the old one and the new one at a time. */
function defaultLimit({ operators }: CellPlan): number {
  const wanted = operators.map(({ memory }) => (memory === undefined ? 0 : memory.bytes * 3));
  return Math.min(Math.max(MAX_MEMORY_BYTES, ...wanted), 0xffff_0000);
}

const noReceiver: Emit = () => {
  throw internalError('internal.cell', 'a compiled cell put out rows outside of a call');
};

class CompiledCell implements Cell {
  readonly name: string;
  readonly outputs: readonly OutputPort[];
  readonly #code: RunningCode;
  readonly #input: CompiledInput;
  readonly #ports: readonly Port[];
  readonly #failures: Failures;
  readonly #setup: CompiledCellSetup;
  /** Views of the memory, made anew when it has grown. */
  #buffer: ArrayBuffer;
  #words: Int32Array;
  readonly #layouts: (Int32Array | undefined)[] = [];
  #emit: Emit = noReceiver;
  #batch: Batch | undefined;
  /** The row of the batch that is row 0 of the code's. */
  #from = 0;
  readonly #host: HostCounts = { rows: 0, watermark: undefined, evicted: 0 };
  /** What is known of it once it is closed. */
  #last: { readonly counters: CellCounters; readonly sizes: readonly StateSize[] } | undefined;
  #trapped = false;
  readonly state: CellState;

  constructor(setup: CompiledCellSetup) {
    const { plan, limit, chain } = setup;
    this.#setup = setup;
    this.name = plan.name;
    this.outputs = plan.outputs;
    this.#failures = new Failures(plan);
    this.#code = chain.open({
      emit: (port) => this.#handOut(port),
      fail: (site, error, row) => this.#fail(site, error, row),
    });
    this.#input = new CompiledInput(this.#code.generated.input, this.#code.memory, this.#code.support);
    this.#ports = this.#code.generated.ports.filter((port) => port !== undefined);
    this.#buffer = this.#code.memory.buffer;
    this.#words = new Int32Array(this.#buffer);
    this.#setWatermark(INT64_MIN);
    this.state = new CompiledState({
      plan,
      code: this.#code,
      input: this.#input,
      failures: this.#failures,
      host: this.#host,
      limit,
      guard: (run) => this.#guard(run),
      getWatermark: () => this.#reached(),
      setWatermark: (time) => {
        const { aggregate } = this.#code.generated;
        if (time !== undefined && aggregate !== undefined) this.#setWatermark(toUnits(time, aggregate.timeUnits));
      },
    });
  }

  process(_input: number, batch: Batch, emit: Emit): void {
    if (batch.rows === 0) return;
    this.#batch = batch;
    this.#call(emit, () => {
      for (let from = 0; from < batch.rows; ) {
        const rows = this.#input.copyIn(batch, from);
        this.#from = from;
        this.#code.process(rows);
        from += rows;
        this.#enforceMemory();
      }
      // What a partial took in behind the watermark does not wait for the next one.
      if (this.#isPartial) this.#code.advance();
    });
    this.#host.rows += batch.rows;
    this.#batch = undefined;
  }

  onWatermark(time: bigint, emit: Emit): void {
    this.#host.watermark = time;
    const { aggregate } = this.#code.generated;
    if (aggregate === undefined) return;
    // Behind windows that were closed before their time it stands still.
    const ticks = toUnits(time, aggregate.timeUnits);
    if (ticks > this.#ticks()) this.#setWatermark(ticks);
    this.#call(emit, () => this.#code.advance());
  }

  onEnd(emit: Emit): void {
    if (this.#code.generated.aggregate === undefined) return;
    this.#setWatermark(INT64_MAX);
    this.#call(emit, () => this.#code.advance());
  }

  counters(): CellCounters {
    if (this.#last !== undefined) return this.#last.counters;
    const late = new DataView(this.#code.memory.buffer).getBigInt64(LATE_ROWS, true);
    const { evicted } = this.#host;
    return { late: Number(late), errors: this.#failures.count, ...(evicted === 0 ? {} : { evicted }) };
  }

  stateSize(): readonly StateSize[] {
    if (this.#last !== undefined) return this.#last.sizes;
    const { aggregate } = this.#code.generated;
    if (aggregate === undefined) return [];
    const { groups, bytes } = aggregateSize(this.#code, aggregate);
    return [{ operator: aggregate.operator.name, keys: groups, bytes }];
  }

  memory(): number {
    return this.#last === undefined ? this.#code.memory.buffer.byteLength : 0;
  }

  /** Its memory goes to another cell; its figures stay. */
  close(): void {
    if (this.#last !== undefined) return;
    this.#last = { counters: this.counters(), sizes: this.stateSize() };
    this.#emit = noReceiver;
    this.#batch = undefined;
    this.#setup.chain.close(this.#code, !this.#trapped);
  }

  /** Runs generated code, hands out what the ports then hold, and says in our words why it stopped, if it did. */
  #call(emit: Emit, run: () => void): void {
    this.#emit = emit;
    try {
      this.#guard(() => {
        run();
        for (const port of this.#ports) if (this.#word(port.head + PORT_ROWS) > 0) this.#handOut(port.index);
      });
      this.#failures.flush(emit);
    } finally {
      this.#emit = noReceiver;
    }
  }

  #guard(run: () => void): void {
    try {
      run();
    } catch (error) {
      if (!(error instanceof WebAssembly.RuntimeError)) throw error;
      this.#trapped = true;
      throw this.#describeTrap(error);
    }
  }

  get #isPartial(): boolean {
    return this.#code.generated.aggregate?.step.phase === 'partial';
  }

  /** Holds the aggregate to its operator's `memory`: fails, or closes the earliest windows. */
  #enforceMemory(): void {
    const { aggregate } = this.#code.generated;
    const limit = aggregate?.operator.memory;
    if (aggregate === undefined || limit === undefined || heapBytes(this.#code) <= limit.bytes) return;
    for (;;) {
      const { bytes } = aggregateSize(this.#code, aggregate);
      if (bytes <= limit.bytes) return;
      if (limit.onLimit === 'fail' && !this.#isPartial) {
        const groups = new MemoryGroups(this.#code, aggregate);
        throw overLimit(aggregate.operator, aggregate.step, { bytes, groups, groupBytes: aggregate.recordSize });
      }
      const earliest = earliestPane(this.#code, aggregate);
      if (earliest === undefined) return;
      const before = this.#ticks();
      this.#setWatermark(earliest.end);
      this.#code.advance();
      // A partial loses nothing by handing on what it has.
      if (this.#isPartial) this.#setWatermark(before);
      else this.#host.evicted += earliest.groups;
    }
  }

  #describeTrap(error: Error): CloudskinError {
    if (this.#word(FAULT) !== FAULT_MEMORY) {
      return internalError('cell.trap', `the code of ${this.name} stopped: ${error.message}`, { cause: error });
    }
    const { aggregate } = this.#code.generated;
    if (aggregate === undefined) return memoryLimit(this.name, this.#setup.limit);
    const groups = new MemoryGroups(this.#code, aggregate);
    return memoryLimit(this.name, this.#setup.limit, namedKeys(aggregate.step, groups, aggregate.recordSize));
  }

  /** Hands out the rows that a port holds and empties it. */
  #handOut(index: number): void {
    const port = this.#code.generated.ports[index];
    if (port === undefined) return;
    const { support } = this.#code;
    const length = support.portPack(port.head);
    this.#refresh();
    const body = new Uint8Array(this.#buffer, this.#word(port.head + PORT_BODY), length);
    const rows = this.#word(port.head + PORT_ROWS);
    this.#emit(index, { schema: port.schema, rows, body, layout: this.#layoutOf(port) });
    support.portReset(port.head);
  }

  #layoutOf(port: Port): Int32Array {
    let layout = this.#layouts[port.index];
    if (layout === undefined) {
      layout = new Int32Array(this.#buffer, port.layout, port.columns.length * LAYOUT_WORDS);
      this.#layouts[port.index] = layout;
    }
    return layout;
  }

  #fail(site: number, error: number, row: number): void {
    const where = this.#code.generated.sites[site];
    if (where === undefined) throw internalError('internal.site', `no site ${site}`);
    this.#failures.take(where, error, this.#from + row, {
      batch: this.#batch,
      before: this.#host.rows,
      watermark: this.#host.watermark,
    });
  }

  #setWatermark(ticks: bigint): void {
    new DataView(this.#code.memory.buffer).setBigInt64(WATERMARK, ticks, true);
  }

  #ticks(): bigint {
    return new DataView(this.#code.memory.buffer).getBigInt64(WATERMARK, true);
  }

  /** The watermark of the code in microseconds, or the host's where that is later. */
  #reached(): bigint | undefined {
    const { aggregate } = this.#code.generated;
    const { watermark } = this.#host;
    if (this.#host.evicted === 0 || aggregate === undefined) return watermark;
    const micros = (this.#ticks() * MICROSECONDS) / aggregate.timeUnits;
    return watermark === undefined || micros > watermark ? micros : watermark;
  }

  #word(address: number): number {
    this.#refresh();
    return this.#words[address >> 2] ?? 0;
  }

  #refresh(): void {
    const { buffer } = this.#code.memory;
    if (buffer === this.#buffer) return;
    this.#buffer = buffer;
    this.#words = new Int32Array(buffer);
    this.#layouts.length = 0;
  }
}

/** The last tick that is not after a time in microseconds, within int64. */
function toUnits(micros: bigint, perSecond: bigint): bigint {
  if (perSecond >= MICROSECONDS) {
    const ticks = micros * (perSecond / MICROSECONDS);
    return ticks > INT64_MAX ? INT64_MAX : ticks < INT64_MIN ? INT64_MIN : ticks;
  }
  const size = MICROSECONDS / perSecond;
  const ticks = micros / size;
  return micros % size < 0n ? ticks - 1n : ticks;
}
