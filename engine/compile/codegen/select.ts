/**
 * The selection of a block: which rows go on, as row numbers. What SIMD can decide of the first filters is decided here, sixteen rows at a
 * time; masks become row numbers by a table that lists the positions of the ones of every byte.
 */
import type { Expr } from '../../expression/ir.ts';
import type { FunctionBuilder, Local } from '../emit/function.ts';
import { canFail, mayBeNull, type Names } from './analysis.ts';
import { isPlannedProject, type PlannedFilter, type PlannedProject, type Stateless } from './chain-plan.ts';
import type { Generation, Variant } from './generation.ts';
import { InputColumn } from './input.ts';
import { LaneCode } from './lane-code.ts';
import { type Prefilter, prefilterOf } from './lane-trees.ts';
import { type Lanes, lanesOf, type PlainColumn } from './lanes.ts';
import type { Remaining } from './steps.ts';

export interface SelectPlan {
  /** What SIMD decides, all of it; empty where every row goes on. */
  readonly lanes: readonly (Lanes | Prefilter)[];
  readonly remaining: Remaining;
}

/** Splits the filters in front of the aggregate into what SIMD decides and what is left for the rows' loop. */
function planSelect({ plan }: Generation, inputs: readonly InputColumn[]): SelectPlan {
  const lanes: (Lanes | Prefilter)[] = [];
  const remaining = new Map<Stateless, Expr | null>();
  let columns: readonly (InputColumn | undefined)[] = inputs;
  for (const planned of plan.before) {
    if (isPlannedProject(planned)) {
      if (projectCanFail(planned, columns)) break;
      const outer = columns;
      columns = planned.step.columns.map(({ expr }) => (expr.node === 'column' ? outer[expr.index] : undefined));
      continue;
    }
    if (!splitFilter(planned, columns, lanes, remaining)) break;
  }
  return { lanes, remaining };
}

/** A row that a later filter drops must still fail here, so nothing behind is decided in front. */
function projectCanFail({ step }: PlannedProject, columns: readonly (InputColumn | undefined)[]): boolean {
  return step.columns.some(({ expr }) => canFail(namesOf(columns), expr));
}

function namesOf(columns: readonly (InputColumn | undefined)[]): Names {
  return { columns: columns as Names['columns'], variables: new Map() };
}

/**
 * Takes the conjuncts that SIMD can decide. A false one decides whatever the others are, but a null one does not: then others are
 * evaluated, and may fail. Returns whether filters behind may be decided in front as well: not where a row could fail here.
 */
function splitFilter(
  planned: PlannedFilter,
  columns: readonly (InputColumn | undefined)[],
  lanes: (Lanes | Prefilter)[],
  remaining: Map<Stateless, Expr | null>,
): boolean {
  const names = namesOf(columns);
  const { predicate } = planned.step;
  const conjuncts = predicate.node === 'and' ? predicate.args : [predicate];
  const columnAt = plainColumns(columns);
  const isNullable = new Set(columns.flatMap((column) => (column?.nullable === true ? [column.input] : [])));
  const rest: Expr[] = [];
  let blocked = false;
  for (const part of conjuncts) {
    const othersFail = conjuncts.some((other) => other !== part && canFail(names, other));
    const allowed: boolean = !blocked && !(othersFail && mayBeNull(names, part));
    const simd: Lanes | undefined = allowed ? lanesOf(part, columnAt) : undefined;
    const prefilter = allowed ? prefilterOf(part, columnAt, (input) => isNullable.has(input)) : undefined;
    const taken = simd ?? prefilter;
    if (taken !== undefined) lanes.push(taken);
    if (simd === undefined) rest.push(part);
    blocked ||= simd === undefined && canFail(names, part);
  }
  const [only] = rest;
  if (rest.length < conjuncts.length) {
    remaining.set(planned, only === undefined || predicate.node !== 'and' ? null : { ...predicate, args: rest });
  }
  return !blocked;
}

function plainColumns(columns: readonly (InputColumn | undefined)[]): (index: number) => PlainColumn | undefined {
  return (index) => {
    const column = columns[index];
    return column === undefined ? undefined : { input: column.input, type: column.stored };
  };
}

/** The input columns of a function's code. */
export function inputColumns({ plan, input }: Generation, variant: Variant, row: Local): InputColumn[] {
  return plan.cell.input.fields.map(
    (field, index) => new InputColumn(field, index, input.places.get(index), variant.nulls, row),
  );
}

/** Generates `select(base, count)`, which returns how many rows it selected; and says what is left to the rows' loop. */
export function generateSelect(
  generation: Generation,
  variant: Variant,
): { readonly select: FunctionBuilder; readonly remaining: Remaining } {
  const { code, selection } = generation;
  const params = [
    ['base', 'i32'],
    ['count', 'i32'],
  ] as const;
  const f = code.builder.function(`select${variant.suffix}`, params, ['i32']);
  const row = f.local('i32', 'row');
  const inputs = inputColumns(generation, variant, row);
  const { lanes, remaining } = planSelect(generation, inputs);
  if (lanes.length === 0) {
    f.i32(selection);
    f.get(f.param(0));
    f.get(f.param(1));
    f.call(code.support('selectRun'));
    f.get(f.param(1));
    return { select: f, remaining };
  }
  const laneCode = new LaneCode(f, inputs, row);
  selectLoop(generation, f, row, () => laneCode.maskOfAll(lanes));
  f.prepend(() => laneCode.prologue());
  return { select: f, remaining };
}

/** For every sixteen rows: the mask, and the row numbers of its ones to the selection. */
function selectLoop(generation: Generation, f: FunctionBuilder, row: Local, mask: () => void): void {
  const end = f.local('i32', 'end');
  const at = f.local('i32', 'at');
  const bits = f.local('i32', 'bits');
  const rows = f.local('v128', 'rows');
  f.get(f.param(0));
  f.tee(row);
  f.op('i32x4.splat');
  f.set(rows);
  f.get(row);
  f.get(f.param(1));
  f.op('i32.add');
  f.set(end);
  f.loop((again) => {
    mask();
    f.set(bits);
    f.get(bits);
    f.i32(0xff);
    f.op('i32.and');
    appendByte(generation, f, at, rows);
    f.get(bits);
    f.i32(8);
    f.op('i32.shr_u');
    appendByte(generation, f, at, rows);
    f.get(row);
    f.i32(16);
    f.op('i32.add');
    f.tee(row);
    f.get(end);
    f.op('i32.lt_u');
    f.brIf(again);
  });
  cutOff(generation, f, at, end);
  f.get(at);
  f.i32(2);
  f.op('i32.shr_u');
}

/**
 * Takes a byte of the mask. Writes eight row numbers, of which the first ones count: as many as there are ones in the byte. `rows` is
 * the row of the byte's first bit, four times, and goes on by eight.
 */
function appendByte({ selection, positions }: Generation, f: FunctionBuilder, at: Local, rows: Local): void {
  const byte = f.local('i32', 'byte');
  const entry = f.local('i32', 'entry');
  f.tee(byte);
  f.i32(5);
  f.op('i32.shl');
  f.set(entry);
  for (const half of [0, 16]) {
    f.get(at);
    f.get(entry);
    f.memory('v128.load', positions + half);
    f.get(rows);
    f.op('i32x4.add');
    f.memory('v128.store', selection + half);
  }
  f.get(at);
  f.get(byte);
  f.op('i32.popcnt');
  f.i32(2);
  f.ops('i32.shl i32.add');
  f.set(at);
  f.get(rows);
  f.i32(8);
  f.ops('i32x4.splat i32x4.add');
  f.set(rows);
}

/** Takes back the rows from `end` on: the last sixteen may have gone beyond it. */
function cutOff({ selection }: Generation, f: FunctionBuilder, at: Local, end: Local): void {
  f.block((done) => {
    f.loop((again) => {
      f.get(at);
      f.op('i32.eqz');
      f.brIf(done);
      f.get(at);
      f.i32(4);
      f.op('i32.sub');
      f.memory('i32.load', selection);
      f.get(end);
      f.op('i32.lt_u');
      f.brIf(done);
      f.get(at);
      f.i32(4);
      f.op('i32.sub');
      f.set(at);
      f.br(again);
    });
  });
}

/** The table of `fillPositions`: eight u32 for each of 256 bytes. */
export const POSITIONS_BYTES = 8192;
