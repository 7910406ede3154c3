/**
 * Putting a row into its group: its window (kept from row to row, since neighbours mostly share it), its group, its accumulators. All
 * that can fail comes first, so that a failing row leaves no trace.
 */
import type { Callee, FunctionBuilder, Local } from '../emit/function.ts';
import { BLOCK_ROWS, CURRENT_PANE, LATE_ROWS, PANE_START, RECORD_ROWS } from '../support/assembly/control.ts';
import { addToSum, initialiseRecord, type PendingSum, storeSum, updateExtremes } from './accumulators.ts';
import { findGroup, generateGroup, loadTable, type PaneLocals, prepareKeys } from './aggregate-group.ts';
import type { AggregateLayout, ArgumentSlot } from './aggregate-layout.ts';
import { columnsOf } from './analysis.ts';
import { aggregateExpressions, latePort } from './chain-plan.ts';
import type { CodeModule } from './code-module.ts';
import type { Generation } from './generation.ts';
import type { InputColumn } from './input.ts';
import { PortWriter } from './ports.ts';
import type { Held, Readable, RowScope } from './scope.ts';
import { holdAt, preload, type StepContext, standAt } from './steps.ts';

interface CurrentPane extends PaneLocals {
  readonly start: Local;
  /** The window's size, or 0 while there is no current pane, so that no time falls into it. */
  readonly size: Local;
}

export class AggregateSink {
  readonly #f: FunctionBuilder;
  readonly #layout: AggregateLayout;
  readonly #pane: CurrentPane;
  /** The function of `generateGroupFunction`. */
  readonly #probe: Callee;
  readonly #late: PortWriter | undefined;
  /** The columns at the aggregate, which late rows go on with. */
  #columns: readonly Readable[] = [];

  constructor(generation: Generation, f: FunctionBuilder, layout: AggregateLayout, probe: Callee) {
    const { code, plan, ports } = generation;
    this.#f = f;
    this.#layout = layout;
    this.#probe = probe;
    const word = (name: string) => f.local('i32', name);
    const pane = { pane: word('pane'), slots: word('slots'), shift: word('shift') };
    this.#pane = { ...pane, start: f.local('i64', 'pane_start'), size: f.local('i64', 'pane_size') };
    const port = ports[latePort(plan.cell, layout.operator) ?? -1];
    if (port === undefined) return;
    const selection = code.memory.reserve(BLOCK_ROWS * 4);
    this.#late = new PortWriter(f, code, port, plan.cell.input, selection);
  }

  begin(): void {
    const f = this.#f;
    f.i32(0);
    f.memory('i32.load', CURRENT_PANE);
    f.tee(this.#pane.pane);
    f.if(() => this.#enterPane());
    this.#late?.begin();
  }

  row(context: StepContext, row: Local): void {
    const { scope } = context;
    const { step, operator, keys } = this.#layout;
    const f = this.#f;
    preload(context, [step.time, ...aggregateExpressions(step).flatMap(columnsOf)]);
    this.#columns = scope.columns;
    standAt(context, operator, step.input.fields[step.time]?.name ?? '');
    this.#time(context, row);
    const heldKeys = keys.map(({ text, expr }) => holdAt(context, operator, text, expr));
    const values = this.#layout.arguments.map(({ text, expr }) => holdAt(context, operator, text, expr));
    const rowKeys = prepareKeys(f, scope.code, this.#layout, heldKeys);
    const record = f.local('i32', 'record');
    findGroup(f, scope.code, this.#layout, rowKeys, { pane: this.#pane, record, probe: this.#probe });
    this.#update(context, record, values);
  }

  end(inputs: readonly InputColumn[]): void {
    this.#late?.end(inputs, this.#columns);
  }

  /** Finds the pane of the row's time, or leaves: null times and times beyond all windows fail, late rows are counted. */
  #time(context: StepContext, row: Local): void {
    const { scope } = context;
    const { step, size, recordSize, earliest, latest } = this.#layout;
    const f = this.#f;
    const time = f.local('i64', 'time');
    f.block((known) => {
      f.block((isNull) => {
        scope.columns[step.time]?.read(scope, isNull);
        f.set(time);
        f.br(known);
      });
      scope.fail('timeNull');
    });
    if (step.timeIsEnd === true) this.#oneTickEarlier(context, time);
    f.get(time);
    f.get(this.#pane.start);
    f.op('i64.sub');
    f.get(this.#pane.size);
    f.op('i64.ge_u');
    f.if(() => {
      f.get(time);
      f.i64(size);
      f.i32(recordSize);
      f.i64(earliest);
      f.i64(latest);
      f.call(scope.code.support('openPane'));
      f.tee(this.#pane.pane);
      f.i32(1);
      f.op('i32.le_u');
      f.if(() => this.#leaveWithoutPane(context, row));
      this.#enterPane();
    });
  }

  #oneTickEarlier({ scope }: StepContext, time: Local): void {
    const f = this.#f;
    f.get(time);
    f.i64(-(2n ** 63n));
    f.op('i64.eq');
    f.if(() => scope.fail('outOfRange'));
    f.get(time);
    f.i64(1n);
    f.op('i64.sub');
    f.set(time);
  }

  /** `openPane` answered 0 (late) or 1 (out of range). The pane left before stays current. */
  #leaveWithoutPane({ scope, next }: StepContext, row: Local): void {
    const f = this.#f;
    const answer = f.local('i32', 'answer');
    f.get(this.#pane.pane);
    f.set(answer);
    f.i32(0);
    f.memory('i32.load', CURRENT_PANE);
    f.set(this.#pane.pane);
    f.get(answer);
    f.if(() => scope.fail('outOfRange'));
    f.i32(0);
    f.i32(0);
    f.memory('i64.load', LATE_ROWS);
    f.i64(1n);
    f.op('i64.add');
    f.memory('i64.store', LATE_ROWS);
    this.#late?.row(scope, scope.columns, row);
    f.br(next);
  }

  #enterPane(): void {
    const f = this.#f;
    f.get(this.#pane.pane);
    f.memory('i64.load', PANE_START);
    f.set(this.#pane.start);
    f.i64(this.#layout.size);
    f.set(this.#pane.size);
    loadTable(f, this.#pane);
  }

  /** First every new sum, which can overflow; then the stores. */
  #update({ scope }: StepContext, record: Local, values: readonly Held[]): void {
    const f = this.#f;
    const slots = this.#layout.arguments;
    const pending = this.#addSums(scope, record, values);
    f.get(record);
    f.get(record);
    f.memory('i64.load', RECORD_ROWS);
    f.i64(1n);
    f.op('i64.add');
    f.memory('i64.store', RECORD_ROWS);
    slots.forEach((slot, index) => {
      const value = values[index];
      if (value !== undefined) this.#store(scope, slot, { value, record, pending: pending.get(slot) });
    });
  }

  /** In the order of the calls of sum, so that the first one that overflows is reported. */
  #addSums(scope: RowScope, record: Local, values: readonly Held[]): Map<ArgumentSlot, PendingSum> {
    const pending = new Map<ArgumentSlot, PendingSum>();
    const slots = [...this.#layout.arguments.entries()];
    slots.sort(([, a], [, b]) => (a.sumCall?.order ?? 0) - (b.sumCall?.order ?? 0));
    for (const [index, slot] of slots) {
      const value = values[index];
      if (value === undefined || slot.sum === undefined) continue;
      scope.site = { ...scope.site, text: slot.sumCall?.text ?? slot.text };
      const sum = unlessNull(this.#f, value, () => addToSum(scope, slot, value, record));
      if (sum !== undefined) pending.set(slot, sum);
    }
    return pending;
  }

  #store(
    scope: RowScope,
    slot: ArgumentSlot,
    { value, record, pending }: { value: Held; record: Local; pending: PendingSum | undefined },
  ): void {
    const f = this.#f;
    const take = () => {
      if (pending !== undefined) storeSum(f, slot, record, pending);
      updateExtremes(scope, slot, value, { record, pane: this.#pane.pane });
    };
    const { flag } = value;
    if (flag === undefined) {
      take();
      return;
    }
    f.get(flag);
    f.if(() => {
      if (slot.nulls === undefined) return;
      f.get(record);
      f.get(record);
      f.memory('i64.load', slot.nulls);
      f.i64(1n);
      f.op('i64.add');
      f.memory('i64.store', slot.nulls);
    }, take);
  }
}

/** Runs `body` where the value is not null; what `body` returns is known when the code is generated. */
function unlessNull<T>(f: FunctionBuilder, { flag }: Held, body: () => T): T {
  if (flag === undefined) return body();
  let result: T | undefined;
  f.get(flag);
  f.op('i32.eqz');
  f.if(() => {
    result = body();
  });
  return result as T;
}

/** The function behind the hot path: one for both versions of the rows' code. */
export function generateGroupFunction(code: CodeModule, layout: AggregateLayout): Callee {
  const { callee } = generateGroup(code, layout, (f, record) => {
    f.get(record);
    f.i64(0n);
    f.memory('i64.store', RECORD_ROWS);
    initialiseRecord(f, layout, record);
  });
  return callee;
}
