/**
 * Putting a row into its group: its window (kept from row to row, since neighbours mostly share it), its group, its accumulators. All
 * that can fail comes first, so that a failing row leaves no trace.
 */
import { catalogueFunction } from '../../expression/catalogue.ts';
import type { AggregateStep } from '../../graph/plan.ts';
import type { Callee, FunctionBuilder, Label, Local } from '../emit/function.ts';
import { mergedColumns } from '../pre-aggregate.ts';
import { BLOCK_ROWS, CURRENT_PANE, LATE_ROWS, PANE_START, RECORD_ROWS } from '../support/assembly/control.ts';
import { addToSum, type PendingSum, storeSum } from './accumulators.ts';
import { makeGroup } from './aggregate-group.ts';
import { prepareKeys, type RowKeys } from './aggregate-keys.ts';
import type { AggregateLayout, ArgumentSlot } from './aggregate-layout.ts';
import { mergeRecord } from './aggregate-merge.ts';
import { findGroup, loadTable, type PaneLocals, paneLocals } from './aggregate-table.ts';
import { columnsOf, functionsOf } from './analysis.ts';
import { aggregateExpressions, latePort } from './chain-plan.ts';
import { hold } from './expressions.ts';
import { updateExtremes } from './extremes.ts';
import type { Generation } from './generation.ts';
import { InputColumn } from './input.ts';
import { PortWriter } from './ports.ts';
import type { Held, Readable, RowScope } from './scope.ts';
import type { Site } from './sites.ts';
import { holdAt, preload, type StepContext, standAt } from './steps.ts';

interface CurrentPane extends PaneLocals {
  readonly start: Local;
  /**
   * The window's size, or 0 while there is no current pane, so that no time falls into it. Absent where keys and arguments cannot
   * fail: a row may then come as far as to its group before it is seen that there is no pane.
   */
  readonly size: Local | undefined;
}

/** Where a slow path leads: to the same row again, or to the next one. */
interface Exits {
  readonly again: Label;
  readonly skip: Label;
}

/** What the slow paths need of the row that took them. */
interface Taken {
  readonly scope: RowScope;
  readonly site: Site;
  /** The columns at the aggregate, with which late rows go on. */
  readonly columns: readonly Readable[];
  /** Reads the keys again, so that the hot loop need not keep them for the slow path. */
  readonly keysAgain: () => RowKeys;
  readonly noPane: Label;
  /** The aggregates' arguments. */
  readonly values: readonly Held[];
  /** Look at values that were computed without checks. */
  readonly checks: readonly (() => void)[];
}

/** Where a row leaves the hot loop: its window is not the current one; its group is not there; a sum needs a closer look. */
interface Ways {
  readonly noPane: Label;
  readonly noGroup: Label;
  readonly exact: Label;
}

export class AggregateSink {
  readonly #f: FunctionBuilder;
  readonly #layout: AggregateLayout;
  /** The function of `generateGroupFunction`. */
  readonly #group: Callee;
  readonly #pane: CurrentPane;
  readonly #time: Local;
  readonly #record: Local;
  readonly #late: PortWriter | undefined;
  /** Address of a word that stays 0. */
  readonly #emptySlot: number;
  #taken: Taken | undefined;

  constructor(generation: Generation, f: FunctionBuilder, layout: AggregateLayout, group: Callee) {
    const { code, plan, ports } = generation;
    this.#f = f;
    this.#layout = layout;
    this.#group = group;
    const size = mayFail(generation, layout) ? f.local('i64', 'pane_size') : undefined;
    this.#pane = { ...paneLocals(f, layout), start: f.local('i64', 'pane_start'), size };
    this.#time = f.local('i64', 'time');
    this.#record = f.local('i32', 'record');
    this.#emptySlot = code.memory.reserve(4);
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
    f.if(
      () => this.#enterPane(),
      () => this.#enterNoPane(),
    );
    this.#late?.begin();
  }

  end(inputs: readonly InputColumn[]): void {
    this.#late?.end(inputs, this.#taken?.columns ?? []);
  }

  /** One row; it leaves where its window is not the current one, and where its group is not there yet. */
  row(context: StepContext, { noPane, noGroup, exact }: Ways): void {
    const { scope, checks } = context;
    const { step, operator, keys } = this.#layout;
    const f = this.#f;
    preload(context, [step.time, ...aggregateExpressions(step).flatMap(columnsOf)]);
    standAt(context, operator, step.input.fields[step.time]?.name ?? '');
    const { columns, site } = scope;
    this.#readTime(scope, columns);
    this.#comparePane(noPane);
    const heldKeys = keys.map(({ text, expr }) => holdAt(context, operator, text, expr));
    const values = this.#argumentsOf(context);
    const rowKeys = prepareKeys(f, this.#layout, heldKeys);
    const keysAgain = () =>
      prepareKeys(
        f,
        this.#layout,
        heldKeys.map((key, index) => this.#readAgain(scope, key, index)),
      );
    this.#taken = { scope, site, columns, keysAgain, noPane, values, checks };
    findGroup(f, scope.code, this.#layout, rowKeys, { pane: this.#pane, record: this.#record, missing: noGroup });
    this.#update(scope, values, exact);
  }

  /** Arguments of the calls, or what a final merges. */
  #argumentsOf(context: StepContext): Held[] {
    const { step, operator } = this.#layout;
    if (step.phase === 'final') {
      return mergedColumns(step).map((column) => holdAt(context, operator, column.name, column));
    }
    return this.#layout.arguments.map(({ text, expr }) => holdAt(context, operator, text, expr));
  }

  /** The slow path of a row whose window is not the current one. A late row is counted and put out. */
  openPane({ again, skip }: Exits, row: Local): void {
    const f = this.#f;
    const taken = this.#taken;
    if (taken === undefined) return;
    const { size, recordSize, earliest, latest } = this.#layout;
    const { scope } = taken;
    for (const check of taken.checks) check();
    scope.site = taken.site;
    this.#readTime(scope, taken.columns);
    const answer = f.local('i32', 'answer');
    f.get(this.#time);
    f.i64(size);
    f.i32(recordSize);
    f.i64(earliest);
    f.i64(latest);
    f.call(scope.code.support(openerOf(this.#layout.step)));
    f.tee(answer);
    f.i32(1);
    f.op('i32.gt_u');
    f.if(() => {
      f.get(answer);
      f.set(this.#pane.pane);
      this.#enterPane();
      f.br(again);
    });
    f.get(answer);
    f.if(() => scope.fail('outOfRange'));
    f.i32(0);
    f.i32(0);
    f.memory('i64.load', LATE_ROWS);
    this.#countOfRow(taken);
    f.op('i64.add');
    f.memory('i64.store', LATE_ROWS);
    this.#late?.row(scope, taken.columns, row);
    f.br(skip);
  }

  /** How many rows of the source the row stands for. */
  #countOfRow({ scope, columns }: Taken): void {
    const { step } = this.#layout;
    if (step.phase === 'final') columns[1 + step.keys.length]?.read(scope, undefined);
    else this.#f.i64(1n);
  }

  /** The slow path of a row whose group is not there yet (or, before the first one, whose window is not). */
  makeGroup({ again }: Exits): void {
    const f = this.#f;
    const taken = this.#taken;
    if (taken === undefined) return;
    for (const check of taken.checks) check();
    f.get(this.#pane.pane);
    f.op('i32.eqz');
    f.brIf(taken.noPane);
    const at = { pane: this.#pane, record: this.#record, group: this.#group };
    makeGroup(f, taken.scope.code, this.#layout, taken.keysAgain(), at);
    f.br(again);
  }

  /** The slow path of a row with an infinite or NaN float, or a sum that overflows: as the hot path, with every check. */
  addExactly({ skip }: Exits): void {
    const taken = this.#taken;
    if (taken === undefined) return;
    for (const check of taken.checks) check();
    taken.scope.site = taken.site;
    this.#update(taken.scope, taken.values, undefined);
    this.#f.br(skip);
  }

  /** A key that is a plain column is read once more; one that was computed is kept. */
  #readAgain(scope: RowScope, key: Held, index: number): Held {
    const expr = this.#layout.keys[index]?.expr;
    const column = expr?.node === 'column' ? scope.columns[expr.index] : undefined;
    return expr !== undefined && column instanceof InputColumn ? hold(scope, expr, 'key_again') : key;
  }

  /** Leaves the row's time in a local. */
  #readTime(scope: RowScope, columns: readonly Readable[]): void {
    const f = this.#f;
    const { step } = this.#layout;
    const column = columns[step.time];
    if (column?.nullable !== true) {
      column?.read(scope, undefined);
      f.set(this.#time);
    } else {
      f.block((known) => {
        f.block((isNull) => {
          column.read(scope, isNull);
          f.set(this.#time);
          f.br(known);
        });
        scope.fail('timeNull');
      });
    }
    if (step.timeIsEnd === true) this.#oneTickEarlier(scope);
  }

  /** Goes on if the row's time is in the current window. */
  #comparePane(noPane: Label): void {
    const f = this.#f;
    f.get(this.#time);
    f.get(this.#pane.start);
    f.op('i64.sub');
    if (this.#pane.size === undefined) f.i64(this.#layout.size);
    else f.get(this.#pane.size);
    f.op('i64.ge_u');
    f.brIf(noPane);
  }

  #oneTickEarlier(scope: RowScope): void {
    const f = this.#f;
    f.get(this.#time);
    f.i64(-(2n ** 63n));
    f.op('i64.eq');
    f.if(() => scope.fail('outOfRange'));
    f.get(this.#time);
    f.i64(1n);
    f.op('i64.sub');
    f.set(this.#time);
  }

  #enterPane(): void {
    const f = this.#f;
    f.get(this.#pane.pane);
    f.memory('i64.load', PANE_START);
    f.set(this.#pane.start);
    if (this.#pane.size !== undefined) {
      f.i64(this.#layout.size);
      f.set(this.#pane.size);
    }
    loadTable(f, this.#pane);
  }

  /** While there is no current pane, a table of one empty slot: a row finds no group there, and so comes to `makeGroup`. */
  #enterNoPane(): void {
    const f = this.#f;
    f.i32(this.#emptySlot);
    f.set(this.#pane.slots);
    f.i64(1n);
    f.set(this.#pane.slotCount);
  }

  /**
   * First every new sum, which can overflow; then the stores. With `exact` floats are taken for finite, and what shows that one is
   * not leads there, where all is done again without that assumption.
   */
  #update(scope: RowScope, values: readonly Held[], exact: Label | undefined): void {
    const f = this.#f;
    const record = this.#record;
    if (this.#layout.step.phase === 'final') {
      mergeRecord(scope, this.#layout, values, { record, pane: this.#pane.pane });
      return;
    }
    const pending = this.#addSums(scope, values, exact);
    f.get(record);
    f.get(record);
    f.memory('i64.load', RECORD_ROWS);
    f.i64(1n);
    f.op('i64.add');
    f.memory('i64.store', RECORD_ROWS);
    this.#layout.arguments.forEach((slot, index) => {
      const value = values[index];
      if (value === undefined) return;
      const mayBeNan = exact === undefined;
      this.#store(slot, value, () => {
        const sum = pending.get(slot);
        if (sum !== undefined) storeSum(f, slot, record, sum);
        updateExtremes(scope, slot, value, { record, pane: this.#pane.pane, mayBeNan });
      });
    });
  }

  /** In the order of the calls of sum, so that the first one that overflows is reported. */
  #addSums(scope: RowScope, values: readonly Held[], exact: Label | undefined): Map<ArgumentSlot, PendingSum> {
    const f = this.#f;
    const record = this.#record;
    const pending = new Map<ArgumentSlot, PendingSum>();
    const slots = [...this.#layout.arguments.entries()];
    slots.sort(([, a], [, b]) => (a.sumCall?.order ?? 0) - (b.sumCall?.order ?? 0));
    for (const [index, slot] of slots) {
      const value = values[index];
      if (value === undefined) continue;
      if (slot.sum === undefined) {
        if (exact !== undefined && slot.nans !== undefined) unlessNull(f, value, () => leaveIfNan(f, value, exact));
        continue;
      }
      scope.site = { ...scope.site, text: slot.sumCall?.text ?? slot.text };
      const sum = unlessNull(f, value, () => addToSum(scope, slot, value, { record, exact }));
      if (sum !== undefined) pending.set(slot, sum);
    }
    return pending;
  }

  /** Counts a null, or takes the value. */
  #store({ nulls }: ArgumentSlot, { flag }: Held, take: () => void): void {
    const f = this.#f;
    if (flag === undefined) {
      take();
      return;
    }
    f.get(flag);
    f.if(() => {
      if (nulls === undefined) return;
      f.get(this.#record);
      f.get(this.#record);
      f.memory('i64.load', nulls);
      f.i64(1n);
      f.op('i64.add');
      f.memory('i64.store', nulls);
    }, take);
  }
}

/** The support function that opens a row's window; a partial opens it however late the row is. */
export function openerOf({ phase }: AggregateStep): 'openPane' | 'reopenPane' {
  return phase === 'partial' ? 'reopenPane' : 'openPane';
}

function leaveIfNan(f: FunctionBuilder, value: Held, exact: Label): void {
  value.get(f);
  value.get(f);
  f.op(`${value.locals[0]?.type}.ne`);
  f.brIf(exact);
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

/** Whether evaluating a key or an argument may be an error, which late rows must be spared. */
function mayFail({ plan }: Generation, { step }: AggregateLayout): boolean {
  const hasUint64 = plan.cell.input.fields.some(({ type }) => type.kind === 'uint64');
  const functions = aggregateExpressions(step).flatMap(functionsOf);
  return hasUint64 || functions.some((id) => catalogueFunction(id).canFail);
}
