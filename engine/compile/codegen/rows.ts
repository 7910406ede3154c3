/**
 * The function that takes the selected rows of one block through the chain's first steps: up to the output port, or into the
 * aggregate. Its parameter counts the row numbers in the selection.
 */
import { internalError } from '../../errors.ts';
import type { FunctionBuilder, Label, Local } from '../emit/function.ts';
import { ARENA_BASE, ARENA_TOP } from '../support/assembly/control.ts';
import { AggregateSink } from './aggregate-update.ts';
import { isPlannedProject, uncheckedColumns } from './chain-plan.ts';
import type { Generation, Variant } from './generation.ts';
import type { InputColumn } from './input.ts';
import { PortWriter } from './ports.ts';
import { type Failure, type Readable, RowScope } from './scope.ts';
import { inputColumns } from './select.ts';
import type { Site } from './sites.ts';
import { type Remaining, runSteps, type StepContext } from './steps.ts';

export function generateRows(generation: Generation, variant: Variant, remaining: Remaining): FunctionBuilder {
  const { code } = generation;
  const f = code.builder.function(`rows${variant.suffix}`, [['count', 'i32']]);
  const row = f.local('i32', 'row');
  const inputs = inputColumns(generation, variant, row);
  if (generation.aggregate === undefined) fillPort(generation, { f, row, inputs, remaining });
  else {
    const sink = new AggregateSink(generation, f, generation.aggregate.layout, generation.aggregate.group);
    sink.begin();
    const slow: SlowPath[] = [
      (exits) => sink.makeGroup(exits),
      (exits) => sink.openPane(exits, row),
      (exits) => sink.addExactly(exits),
    ];
    loopRows(generation, { f, row, inputs, remaining }, slow, (context, [noGroup, noPane, exact]) => {
      if (noPane && noGroup && exact) sink.row(context, { noPane, noGroup, exact });
    });
    sink.end(inputs);
  }
  return f;
}

interface Rows {
  readonly f: FunctionBuilder;
  readonly row: Local;
  readonly inputs: readonly InputColumn[];
  readonly remaining: Remaining;
}

function fillPort(generation: Generation, rows: Rows): void {
  const { code, plan, ports, selection } = generation;
  const { f, row, inputs } = rows;
  const [port] = ports;
  if (port === undefined) return;
  const writer = new PortWriter(f, code, port, plan.cell.input, selection);
  writer.begin();
  let columns = onlyGathered(generation, rows);
  if (columns !== undefined && writer.gathersAll(columns)) writer.advance(f.param(0));
  else {
    loopRows(generation, rows, [], ({ scope }) => {
      columns = scope.columns;
      writer.row(scope, columns, row);
    });
  }
  writer.end(inputs, columns ?? inputs);
}

/** The output columns where no row needs to be looked at: the selection is final and all are input columns under other names. */
function onlyGathered({ plan }: Generation, { inputs, remaining }: Rows): readonly Readable[] | undefined {
  let columns: readonly Readable[] = inputs;
  for (const planned of plan.before) {
    if (!isPlannedProject(planned)) {
      if (remaining.get(planned) !== null) return undefined;
      continue;
    }
    const outer = columns;
    const named = planned.step.columns.map(({ expr }) => (expr.node === 'column' ? outer[expr.index] : undefined));
    columns = named.filter((column) => column !== undefined && !column.canFail) as Readable[];
    if (columns.length < named.length) return undefined;
  }
  return columns;
}

/** What is rare of a row, out of the way of the loop: `again` takes the row once more, `skip` leaves it out. */
export type SlowPath = (exits: { readonly again: Label; readonly skip: Label }) => void;

/**
 * For every selected row: the steps, then `consume`, which may branch to the labels of the `slow` paths. Calls are made behind the hot
 * loop and not in it, since they would have V8 keep every value of the loop in memory; where a row needs one it leaves the
 * loop, and enters it again.
 *
 *     outer: loop { hot: loop { row; next row } done   slow path: again | skip   failure: report   next row }
 */
function loopRows(
  generation: Generation,
  rows: Rows,
  slow: readonly SlowPath[],
  consume: (context: StepContext, slow: readonly Label[]) => void,
): void {
  const { f, row } = rows;
  const at = f.local('i32', 'at');
  const end = f.local('i32', 'end');
  const error = f.local('i32', 'error');
  const site = f.local('i32', 'site');
  f.block((done) => {
    f.get(f.param(0));
    f.i32(2);
    f.op('i32.shl');
    f.tee(end);
    f.op('i32.eqz');
    f.brIf(done);
    f.loop((again) => {
      f.block((skip) => {
        f.block((label) => {
          const failure = { label, error, site };
          const exits = { again, skip };
          const nest = (labels: readonly Label[], paths: readonly SlowPath[]): void => {
            const [path, ...others] = paths;
            if (path === undefined) {
              hotLoop(generation, rows, { at, end, failure }, (context) => consume(context, labels));
              f.br(done);
              return;
            }
            f.block((here) => nest([here, ...labels], others));
            loadRow(generation, rows, at);
            path(exits);
          };
          // The first path's block is the innermost, so that it may lead on to the others.
          nest([], slow.toReversed());
        });
        loadRow(generation, rows, at);
        reportFailure(generation, f, { site, error, row });
      });
      nextRow(f, at, end);
      f.brIf(again);
    });
  });
}

/** The row number at the place in the selection; read again behind the loop, so that the loop need not keep it. */
function loadRow({ selection }: Generation, { f, row }: Rows, at: Local): void {
  f.get(at);
  f.memory('i32.load', selection);
  f.set(row);
}

interface HotLoop {
  readonly at: Local;
  readonly end: Local;
  readonly failure: Failure;
}

function hotLoop(
  generation: Generation,
  { f, row, inputs, remaining }: Rows,
  { at, end, failure }: HotLoop,
  consume: (context: StepContext) => void,
): void {
  const { code, plan, sites, usesArena } = generation;
  const first = firstSite(generation);
  const unchecked = uncheckedColumns(plan);
  f.loop((again) => {
    loadRow(generation, { f, row, inputs, remaining }, at);
    if (usesArena) resetArena(f);
    f.block((next) => {
      const scope = new RowScope(f, code, sites, failure, first);
      scope.columns = inputs;
      const context = { scope, grouped: false, next, reads: plan.reads, unchecked, checks: [] };
      runSteps(context, plan.before, remaining);
      consume(context);
    });
    nextRow(f, at, end);
    f.brIf(again);
  });
}

/** Moves on in the selection; leaves whether there is a row. */
function nextRow(f: FunctionBuilder, at: Local, end: Local): void {
  f.get(at);
  f.i32(4);
  f.op('i32.add');
  f.tee(at);
  f.get(end);
  f.op('i32.ne');
}

/** Where code stands in front of the first step. */
export function firstSite({ plan }: Generation, grouped = false): Site {
  const [operator] = plan.cell.operators;
  if (operator === undefined) throw internalError('internal.chain', 'a cell without operators');
  return { operator, text: '', grouped };
}

/** Tells the host which expression failed, how, and on which row; it throws, counts or diverts. */
export function reportFailure(
  { code }: Generation,
  f: FunctionBuilder,
  { site, error, row }: { readonly site: Local; readonly error: Local; readonly row: Local },
): void {
  f.get(site);
  f.get(error);
  f.get(row);
  f.call(code.fail);
}

/** What one row left in the arena is forgotten. */
export function resetArena(f: FunctionBuilder): void {
  f.i32(0);
  f.i32(0);
  f.memory('i32.load', ARENA_BASE);
  f.memory('i32.store', ARENA_TOP);
}
