/**
 * What a closed window yields: its groups in the order of their first rows, each as a row of window_start, window_end, keys and
 * aggregates, through the steps behind the aggregate and into the output port.
 */
import type { DataType } from '../../batch/types.ts';
import type { Callee, FunctionBuilder, Label, Local } from '../emit/function.ts';
import { BLOCK_ROWS, PANE_NEXT, PANE_RECORDS, PANE_START, RECORD_ROWS } from '../support/assembly/control.ts';
import type { AggregateLayout, KeySlot, ResultSlot } from './aggregate-layout.ts';
import { readExtreme } from './extremes.ts';
import type { Generation } from './generation.ts';
import { PortWriter } from './ports.ts';
import { firstSite, reportFailure, resetArena } from './rows.ts';
import { Held, type Readable, RowScope } from './scope.ts';
import { runSteps } from './steps.ts';
import { wasmTypes } from './types.ts';

/** `advance()`: closes and yields every window whose end is not after the watermark, earliest first. */
export function generateAdvance(generation: Generation, layout: AggregateLayout): void {
  const { code } = generation;
  const emitPane = generateEmitPane(generation, layout);
  const f = code.builder.function('advance', []);
  code.builder.export(f.callee);
  const pane = f.local('i32', 'pane');
  f.block((done) => {
    f.loop((again) => {
      f.i64(layout.size);
      f.call(code.support('duePane'));
      f.tee(pane);
      f.op('i32.eqz');
      f.brIf(done);
      f.get(pane);
      f.call(emitPane);
      f.get(pane);
      f.i32(layout.recordSize);
      f.call(code.support('releasePane'));
      f.br(again);
    });
  });
}

function generateEmitPane(generation: Generation, layout: AggregateLayout): Callee {
  const { code, plan, ports, sites, usesArena } = generation;
  const f = code.builder.function('emit_pane', [['pane', 'i32']]);
  const [port] = ports;
  if (port === undefined) return f.callee;
  const writer = new PortWriter(f, code, port, plan.cell.input, undefined);
  const word = (name: string) => f.local('i32', name);
  const record = word('record');
  const end = word('end');
  const group = word('group_number');
  const error = word('error');
  const site = word('site');
  const bounds = windowBounds(f, layout);
  const first = { ...firstSite(generation, true), operator: layout.operator };
  writer.begin();
  f.get(f.param(0));
  f.memory('i32.load', PANE_RECORDS);
  f.set(record);
  f.get(f.param(0));
  f.memory('i32.load', PANE_NEXT);
  f.set(end);
  f.block((done) => {
    f.loop((again) => {
      f.get(record);
      f.get(end);
      f.op('i32.eq');
      f.brIf(done);
      if (usesArena) resetArena(f);
      f.block((next) => {
        f.block((failure) => {
          const scope = new RowScope(f, code, sites, { label: failure, error, site }, first);
          scope.columns = groupColumns(layout, bounds, record);
          runSteps(
            { scope, grouped: true, next, reads: new Map(), unchecked: new Set<number>(), checks: [] },
            plan.after,
            new Map(),
          );
          writer.row(scope, scope.columns, undefined);
          emptyWhenFull(f, writer);
          f.br(next);
        });
        reportFailure(generation, f, { site, error, row: group });
      });
      f.get(record);
      f.i32(layout.recordSize);
      f.op('i32.add');
      f.set(record);
      f.get(group);
      f.i32(1);
      f.op('i32.add');
      f.set(group);
      f.br(again);
    });
  });
  writer.end([], []);
  return f.callee;
}

/** The port has room for whole blocks: it is looked at when one is full. */
function emptyWhenFull(f: FunctionBuilder, writer: PortWriter): void {
  f.get(writer.next);
  f.i32(BLOCK_ROWS - 1);
  f.ops('i32.and i32.eqz');
  f.if(() => writer.end([], []));
}

function windowBounds(f: FunctionBuilder, { size, step }: AggregateLayout): readonly [Held, Held] {
  const type = step.output.fields[0]?.type ?? { kind: 'int64' };
  const start = f.local('i64', 'window_start');
  const end = f.local('i64', 'window_end');
  f.get(f.param(0));
  f.memory('i64.load', PANE_START);
  f.tee(start);
  f.i64(size);
  f.op('i64.add');
  f.set(end);
  return [new Held(type, [start], undefined), new Held(type, [end], undefined)];
}

function groupColumns(layout: AggregateLayout, bounds: readonly Readable[], record: Local): readonly Readable[] {
  const keys = layout.keys.map((slot) => new KeyColumn(slot, record));
  if (layout.step.phase === 'partial') {
    const parts = layout.results.flatMap((slot) => partsOf(slot, record));
    return [...bounds.slice(0, 1), ...keys, new WordColumn(record, RECORD_ROWS), ...parts];
  }
  return [...bounds, ...keys, ...layout.results.map((slot) => new ResultColumn(slot, record))];
}

/** The accumulators of a call, as the columns of `callFields` (state/aggregate-state.ts). */
function partsOf(slot: ResultSlot, record: Local): readonly Readable[] {
  if (slot.fn !== 'avg') return [new ResultColumn(slot, record)];
  const { high, sum } = slot.argument ?? {};
  const count = new ResultColumn({ ...slot, fn: 'count', type: { kind: 'int64' } }, record);
  return [new WordColumn(record, high), new WordColumn(record, sum), count];
}

/** An int64 of the record, or 0 where it has none. */
class WordColumn implements Readable {
  readonly type: DataType = { kind: 'int64' };
  readonly nullable = false;
  readonly canFail = false;
  readonly #record: Local;
  readonly #offset: number | undefined;

  constructor(record: Local, offset: number | undefined) {
    this.#record = record;
    this.#offset = offset;
  }

  read({ f }: RowScope): void {
    if (this.#offset === undefined) {
      f.i64(0n);
      return;
    }
    f.get(this.#record);
    f.memory('i64.load', this.#offset);
  }

  isNull({ f }: RowScope): void {
    f.i32(0);
  }
}

/** A key as the record has it. */
class KeyColumn implements Readable {
  readonly type: DataType;
  readonly nullable: boolean;
  readonly canFail = false;
  readonly #slot: KeySlot;
  readonly #record: Local;

  constructor(slot: KeySlot, record: Local) {
    this.type = slot.expr.type;
    this.nullable = slot.nulls !== undefined;
    this.#slot = slot;
    this.#record = record;
  }

  read(scope: RowScope, onNull: Label | undefined): void {
    const { f } = scope;
    if (this.nullable && onNull !== undefined) {
      this.isNull(scope);
      f.brIf(onNull);
    }
    wasmTypes(this.type).forEach((type, part) => {
      f.get(this.#record);
      f.memory(`${type}.load`, this.#slot.offset + 4 * part);
    });
  }

  isNull({ f }: RowScope): void {
    const { nulls } = this.#slot;
    if (nulls === undefined) {
      f.i32(0);
      return;
    }
    f.get(this.#record);
    f.memory('i32.load', nulls.word);
    f.i32(nulls.bit);
    f.op('i32.shr_u');
    f.i32(1);
    f.op('i32.and');
  }
}

/** An aggregate's result; null (but for counts) where no value of the argument was not null. */
class ResultColumn implements Readable {
  readonly type: DataType;
  readonly nullable: boolean;
  readonly canFail = false;
  readonly #slot: ResultSlot;
  readonly #record: Local;

  constructor(slot: ResultSlot, record: Local) {
    this.type = slot.type;
    this.nullable = slot.fn !== 'count' && slot.argument?.nulls !== undefined;
    this.#slot = slot;
    this.#record = record;
  }

  read(scope: RowScope, onNull: Label | undefined): void {
    const { f } = scope;
    if (this.nullable && onNull !== undefined) {
      this.isNull(scope);
      f.brIf(onNull);
    }
    const { fn, argument } = this.#slot;
    if (fn === 'count') this.#count(f);
    else if (argument === undefined) f.op('unreachable');
    else if (fn === 'avg') this.#average(scope);
    else if (fn === 'sum') this.#load(f, wasmTypes(this.type)[0] ?? 'i64', argument.sum);
    else readExtreme(f, argument, fn === 'min', this.#record, () => this.#count(f));
  }

  isNull({ f }: RowScope): void {
    this.#count(f);
    f.op('i64.eqz');
  }

  /** Values that were not null. */
  #count(f: FunctionBuilder): void {
    this.#load(f, 'i64', RECORD_ROWS);
    const nulls = this.#slot.argument?.nulls;
    if (nulls === undefined) return;
    this.#load(f, 'i64', nulls);
    f.op('i64.sub');
  }

  #average(scope: RowScope): void {
    const { f } = scope;
    const argument = this.#slot.argument;
    if (argument === undefined) return;
    if (wasmTypes(argument.expr.type)[0]?.startsWith('f') === true) {
      this.#load(f, 'f64', argument.sum);
      this.#count(f);
      f.ops('f64.convert_i64_s f64.div');
      return;
    }
    if (argument.high === undefined) f.i64(0n);
    else this.#load(f, 'i64', argument.high);
    this.#load(f, 'i64', argument.sum);
    this.#count(f);
    scope.support('average128');
  }

  #load(f: FunctionBuilder, type: string, offset = 0): void {
    f.get(this.#record);
    f.memory(`${type}.load`, offset);
  }
}
