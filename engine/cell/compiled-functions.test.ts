/** Every function of the catalogue, in a compiled cell and in a kernel cell: results, nulls and errors are the same. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { argumentsOf, edgesOf } from '../../test/kit/arguments.ts';
import { drive, type Outcome } from '../../test/kit/chains.ts';
import { PLACE } from '../../test/kit/plans.ts';
import { build } from '../../test/kit/tables.ts';
import { type DataType, type Field, type Schema, type TimeUnit, UNITS_PER_SECOND, type Value } from '../batch/types.ts';
import type { CellPlan } from '../compile/cell-plan.ts';
import { openKernelCell } from '../compile/kernels/chain.ts';
import { CATALOGUE } from '../expression/catalogue.ts';
import type { CatalogueFunction, ValueKind } from '../expression/define.ts';
import type { CallExpr, Expr } from '../expression/ir.ts';
import { ERRORS_SCHEMA } from '../graph/plan.ts';
import { openCompiledCell } from './compiled.ts';

const span = { start: 0, end: 1 };
const UNITS = Object.keys(UNITS_PER_SECOND) as TimeUnit[];

function typeOf(kind: ValueKind, unit: TimeUnit): DataType {
  return kind === 'timestamp' || kind === 'duration' ? { kind, unit } : { kind };
}

/** A cell that calls the function on its columns; rows that fail are diverted. */
function planOf(fn: CatalogueFunction, unit: TimeUnit, resultUnit: TimeUnit, nullable: boolean): CellPlan {
  const fields = fn.args.map((kind, index): Field => ({ name: `a${index}`, type: typeOf(kind, unit), nullable }));
  const args = fields.map(({ name, type }, index): Expr => ({ node: 'column', index, name, type, nullable, span }));
  const expr: CallExpr = { node: 'call', fn: fn.id, args, type: typeOf(fn.result.kind, resultUnit), nullable, span };
  const output: Schema = { fields: [{ name: 'result', type: expr.type, nullable }] };
  const input: Schema = { fields };
  const column = { name: 'result', text: fn.id, expr, place: PLACE };
  const operator = {
    name: 'op',
    inputs: [],
    input,
    steps: [{ kind: 'project' as const, columns: [column], output }],
    outputs: new Map([
      ['', output],
      ['errors', ERRORS_SCHEMA],
    ]),
    onError: 'divert' as const,
    place: PLACE,
  };
  const outputs = [
    { operator: 'op', port: '', schema: output },
    { operator: 'op', port: 'errors', schema: ERRORS_SCHEMA },
  ];
  return { name: 'op', kind: 'compiled', operators: [operator], inputs: [], input, outputs };
}

function both(plan: CellPlan, rows: readonly (readonly Value[])[]): readonly [Outcome, Outcome] {
  const events = [{ batch: build(plan.input, rows) }, 'end' as const];
  return [drive(openCompiledCell(plan), events), drive(openKernelCell(plan), events)];
}

/** The units of the arguments, and of the result where the function is told them apart. */
function unitsOf(fn: CatalogueFunction): readonly (readonly [TimeUnit, TimeUnit])[] {
  const timed = [...fn.args, fn.result.kind].some((kind) => kind === 'timestamp' || kind === 'duration');
  if (!timed) return [['us', 'us']];
  if (fn.units === 'both') return UNITS.flatMap((unit) => UNITS.map((result) => [unit, result] as const));
  return UNITS.map((unit) => [unit, unit] as const);
}

describe('every function of the catalogue', () => {
  it.each(CATALOGUE.map((fn) => [fn.id, fn] as const))('is compiled as the kernels compute it: %s', (_, fn) => {
    const samples = fc.sample(argumentsOf(fn), { numRuns: 150, seed: 7 });
    const rows = [...edgesOf(fn), ...samples] as (readonly Value[])[];
    for (const [unit, resultUnit] of unitsOf(fn)) {
      const [compiled, kernels] = both(planOf(fn, unit, resultUnit, false), rows);
      expect(compiled).toEqual(kernels);
    }
    // Each argument null on some rows, alone and together.
    const holes = rows.slice(0, 64).map((row, index) => row.map((value, at) => ((index >> at) & 1 ? null : value)));
    const [compiled, kernels] = both(planOf(fn, 'us', 'us', true), holes);
    expect(compiled).toEqual(kernels);
  });
});
