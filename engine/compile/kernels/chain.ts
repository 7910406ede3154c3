/**
 * A kernel cell: runs a whole chain of declared operators in JavaScript, batch by batch, with the very results that a compiled cell must
 * give. It is the fallback where no compiled cell can be made, and the oracle that compiled cells are tested against.
 *
 * Rows of stateless chains come out in the order of the input; groups in the order of their windows' ends, then of their first rows.
 * Of a row that fails only the first error counts. Under `fail` the first failing row of a batch decides, whichever step it
 * fails in, and nothing of that batch is put out; rows of `.errors` outputs come in the order of the input.
 */
import type { Batch } from '../../batch/batch.ts';
import { UNITS_PER_SECOND } from '../../batch/types.ts';
import { internalError } from '../../errors.ts';
import type { OperatorNode, ProjectStep, Step } from '../../graph/plan.ts';
import type { CellPlan, OutputPort } from '../cell-plan.ts';
import { exportChain, importChain, type OperatorState } from '../state/chain-state.ts';
import { type KeyGroupRange, NO_GROUPS } from '../state/group-rows.ts';
import { overLimit } from '../state/memory-limit.ts';
import { evaluateOn, everyRow } from './evaluate.ts';
import { appendFailure, failureError, type InputRow, type RowFailure } from './failure.ts';
import { Output, type Receiver } from './output.ts';
import { RowErrors } from './row-errors.ts';
import { BatchColumns, type Columns, ComputedColumns, type Vector } from './vector.ts';
import { type StepErrors, Windows } from './windows.ts';

/** A table on its way through the chain: which rows of it are left, and whether they are rows of the input or groups. */
interface Flow {
  readonly columns: Columns;
  readonly selection: Int32Array;
  readonly grouped: boolean;
}

/** A step with the operator that it belongs to. */
interface Stage {
  readonly operator: OperatorNode;
  readonly step: Step | undefined;
  /** Present for an aggregate. */
  readonly windows?: Windows;
}

interface Noted extends RowFailure {
  /** In the cell's input. */
  readonly order: number;
  readonly onError: OperatorNode['onError'];
}

/** About what a group takes. */
const GROUP_BYTES = 256;

interface KernelState {
  exportLogical(): OperatorState[];
  importLogical(states: readonly OperatorState[], groups: KeyGroupRange): void;
}

/** Opens the chain of a plan of kind `compiled`. Throws `batch.foreign-column` where an output has a column that cells cannot compute with. */
export function openKernelCell(plan: CellPlan): KernelCell {
  return new KernelCell(plan);
}

/** A `Cell` (engine/cell/cell.ts) in all but name, since cells lie a layer above. */
class KernelCell {
  readonly name: string;
  readonly outputs: readonly OutputPort[];
  readonly #stages: readonly Stage[];
  readonly #ports: readonly Output[];
  readonly #noted: Noted[] = [];
  #rows = 0;
  readonly #plan: CellPlan;
  #late = 0;
  #evicted = 0;
  readonly #errors = new Map<string, number>();
  #watermark: bigint | undefined;
  /** A `CellState` in all but name; there is no image. */
  readonly state: KernelState = {
    exportLogical: () => this.#export(),
    importLogical: (states, groups) => this.#import(states, groups),
  };

  constructor(plan: CellPlan) {
    this.#plan = plan;
    this.name = plan.name;
    this.outputs = plan.outputs;
    this.#stages = plan.operators.flatMap(stagesOf);
    this.#ports = plan.outputs.map((port, index) => new Output(index, port.schema));
  }

  process(_input: number, batch: Batch, emit: Receiver): void {
    this.#run(0, { columns: new BatchColumns(batch), selection: everyRow(batch.rows), grouped: false }, emit);
    this.#rows += batch.rows;
    this.#enforceMemory(emit);
    // What a partial took in behind the watermark does not wait for the next one.
    if (this.#watermark !== undefined && this.#stages.some(isPartial)) this.#closeWindows(this.#watermark, emit);
    this.#finish(emit);
  }

  onWatermark(time: bigint, emit: Receiver): void {
    this.#watermark = time;
    this.#closeWindows(time, emit);
    this.#finish(emit);
  }

  onEnd(emit: Receiver): void {
    this.#closeWindows(undefined, emit);
    this.#finish(emit);
  }

  counters(): { readonly late: number; readonly errors: number; readonly evicted?: number } {
    let errors = 0;
    for (const count of this.#errors.values()) errors += count;
    return { late: this.#late, errors, ...(this.#evicted === 0 ? {} : { evicted: this.#evicted }) };
  }

  /** An estimate. */
  memory(): number {
    return this.stateSize().reduce((sum, { bytes }) => sum + bytes, 0);
  }

  stateSize(): { readonly operator: string; readonly keys: number; readonly bytes: number }[] {
    return this.#stages.flatMap(({ operator, windows }) => {
      return windows === undefined
        ? []
        : [{ operator: operator.name, keys: windows.groups, bytes: windows.groups * GROUP_BYTES }];
    });
  }

  /** Holds the aggregate to its operator's `memory`: fails, or closes the earliest windows. */
  #enforceMemory(emit: Receiver): void {
    for (const { operator, step, windows } of this.#stages) {
      if (operator.memory === undefined || windows === undefined || step?.kind !== 'aggregate') continue;
      while (windows.groups * GROUP_BYTES > operator.memory.bytes) {
        const bytes = windows.groups * GROUP_BYTES;
        const earliest = windows.earliest();
        const partial = step.phase === 'partial';
        if ((operator.memory.onLimit === 'fail' && !partial) || earliest === undefined) {
          throw overLimit(operator, step, { bytes, groups: windows.source(), groupBytes: GROUP_BYTES });
        }
        // A partial loses nothing by handing on what it has.
        if (!partial) this.#evicted += earliest.groups;
        this.#closeWindows(earliest.end, emit);
      }
    }
  }

  close(): void {
    this.#noted.length = 0;
  }

  /** The end of a call: settles the rows that failed, then hands on what the ports have gathered. */
  #finish(emit: Receiver): void {
    this.#settle();
    for (const port of this.#ports) port.flush(emit);
  }

  #closeWindows(time: bigint | undefined, emit: Receiver): void {
    for (const [index, { windows }] of this.#stages.entries()) {
      const columns = windows?.close(time);
      if (columns === undefined) continue;
      this.#run(index + 1, { columns, selection: everyRow(columns.rows), grouped: true }, emit);
    }
  }

  /** Takes a table through the stages from `first` on. */
  #run(first: number, start: Flow, emit: Receiver): void {
    let flow = start;
    let input = start;
    let operator = this.#stages[first]?.operator;
    for (const stage of this.#stages.slice(first)) {
      if (stage.operator !== operator) {
        operator = stage.operator;
        input = flow;
      }
      const next = this.#apply(stage, flow, input, emit);
      if (next === undefined || next.selection.length === 0) return;
      flow = next;
    }
    this.#ports[0]?.append(flow.columns, flow.selection, emit);
  }

  /** `input` is what the stage's operator got; undefined where the rows end here. */
  #apply(stage: Stage, flow: Flow, input: Flow, emit: Receiver): Flow | undefined {
    const { step } = stage;
    switch (step?.kind) {
      case undefined:
        return flow;
      case 'filter': {
        const errors = new RowErrors();
        const test = evaluateOn(step.predicate, flow.columns, flow.selection, errors);
        this.#note(stage, input, [{ text: step.text, errors }]);
        return { ...flow, selection: errors.without(flow.selection).filter((row) => isTrue(test, row)) };
      }
      case 'project':
        return this.#project(stage, step, flow, input);
      case 'aggregate': {
        const taken = stage.windows?.take(flow.columns, flow.selection);
        this.#note(stage, input, taken?.failed ?? []);
        this.#late += taken?.lateRows ?? 0;
        this.#divertLate(stage, flow, taken?.late ?? new Int32Array(0), emit);
        return undefined;
      }
      case 'join':
      case 'component':
        throw internalError('internal.kernel', `a chain has no ${step.kind}`);
    }
  }

  #project(stage: Stage, step: ProjectStep, flow: Flow, input: Flow): Flow {
    const found: StepErrors[] = [];
    let { selection } = flow;
    const vectors = step.columns.map(({ expr, text }) => {
      const errors = new RowErrors();
      const vector = evaluateOn(expr, flow.columns, selection, errors);
      selection = errors.without(selection);
      found.push({ text, errors });
      return vector;
    });
    this.#note(stage, input, found);
    return { ...flow, columns: new ComputedColumns(flow.columns.rows, vectors), selection };
  }

  #divertLate({ operator, step }: Stage, flow: Flow, late: Int32Array, emit: Receiver): void {
    if (late.length === 0 || step?.kind !== 'aggregate' || step.late !== 'divert') return;
    this.#portOf(operator, 'late')?.append(flow.columns, late, emit);
  }

  /** Remembers rows that failed, until the call's end. */
  #note({ operator }: Stage, input: Flow, found: readonly StepErrors[]): void {
    for (const { text, errors } of found) {
      for (const { row, code } of errors.list()) {
        const at = this.#timeOf(operator, input, row);
        const failure = { operator: operator.name, text, code, at, order: row, onError: operator.onError };
        this.#noted.push(input.grouped ? failure : { ...failure, row: this.#inputRow(operator, input, row) });
      }
    }
  }

  #inputRow({ input: schema }: OperatorNode, { columns }: Flow, index: number): InputRow {
    return { schema, columns, index, number: this.#rows + index + 1 };
  }

  /** The row's event time in microseconds, else the last watermark, else 0. */
  #timeOf({ input: { fields, time } }: OperatorNode, { columns, grouped }: Flow, row: number): bigint {
    const type = time === undefined || grouped ? undefined : fields[time]?.type;
    if (time !== undefined && type?.kind === 'timestamp') {
      const vector = columns.column(time);
      const value = vector.nulls?.[row & vector.mask] === 1 ? null : vector.values[row & vector.mask];
      const perSecond = UNITS_PER_SECOND[type.unit];
      if (typeof value === 'bigint') return BigInt.asIntN(64, (value * 1_000_000n) / perSecond);
    }
    return this.#watermark ?? 0n;
  }

  /** The first failing row throws where its operator says `fail`; the others are counted, and diverted where something reads them. */
  #settle(): void {
    const noted = this.#noted.splice(0).sort((a, b) => a.order - b.order);
    const fatal = noted.find(({ onError }) => onError === 'fail');
    if (fatal !== undefined) throw failureError(fatal);
    for (const failure of noted) {
      this.#errors.set(failure.operator, (this.#errors.get(failure.operator) ?? 0) + 1);
      if (failure.onError !== 'divert') continue;
      const port = this.outputs.findIndex(
        ({ operator, port: name }) => operator === failure.operator && name === 'errors',
      );
      const builder = this.#ports[port]?.builder;
      if (builder !== undefined) appendFailure(builder, failure);
    }
  }

  #export(): OperatorState[] {
    const windows = this.#stages.find((stage) => stage.windows !== undefined)?.windows;
    const watermark = this.#evicted === 0 ? this.#watermark : windows?.watermark;
    const counts = {
      rows: this.#rows,
      watermark,
      late: this.#late,
      evicted: this.#evicted,
      errors: this.#errors,
    };
    return exportChain(this.#plan, counts, () => windows?.source() ?? NO_GROUPS);
  }

  #import(states: readonly OperatorState[], groups: KeyGroupRange): void {
    const windows = this.#stages.find((stage) => stage.windows !== undefined)?.windows;
    const { rows, watermark, late, evicted, errors } = importChain(this.#plan, states, groups, (row) =>
      windows?.load(row),
    );
    this.#rows = rows;
    this.#late = late;
    this.#evicted = evicted;
    this.#watermark = watermark;
    windows?.restoreWatermark(watermark);
    for (const [operator, count] of errors) this.#errors.set(operator, count);
  }

  #portOf({ name }: OperatorNode, port: string): Output | undefined {
    return this.#ports[this.outputs.findIndex((output) => output.operator === name && output.port === port)];
  }
}

function isPartial({ step }: Stage): boolean {
  return step?.kind === 'aggregate' && step.phase === 'partial';
}

function stagesOf(operator: OperatorNode): Stage[] {
  // An operator without steps hands its rows on.
  if (operator.steps.length === 0) return [{ operator, step: undefined }];
  return operator.steps.map((step) =>
    step.kind === 'aggregate' ? { operator, step, windows: new Windows(step) } : { operator, step },
  );
}

function isTrue({ values, nulls, mask }: Vector, row: number): boolean {
  return nulls?.[row & mask] !== 1 && values[row & mask] === 1;
}
