/** Which functions of the support module, besides those of the catalogue, the code of a chain calls; only these are imported. */
import { type DataType, type Field, isVariable } from '../../batch/types.ts';
import { catalogueFunction } from '../../expression/catalogue.ts';
import type { AggregateStep } from '../../graph/plan.ts';
import { openerOf } from './aggregate-update.ts';
import { type ChainPlan, functionsOfChain } from './chain-plan.ts';
import { inlineHelper } from './inline.ts';
import { widthShift } from './types.ts';

/** `called` are the catalogue functions that are called rather than inlined. */
export function helpersOf(plan: ChainPlan, called: readonly string[]): Set<string> {
  const helpers = new Set(['selectRun', 'portFull']);
  if (callsForText(called)) helpers.add('arenaStart');
  for (const { port, schema } of plan.cell.outputs) {
    if (port !== 'errors') for (const name of schema.fields.flatMap(helpersOfOutput)) helpers.add(name);
  }
  for (const id of functionsOfChain(plan)) {
    const helper = inlineHelper(id);
    if (helper !== undefined) helpers.add(helper);
  }
  if (plan.aggregate !== undefined) for (const name of helpersOfAggregate(plan.aggregate.step)) helpers.add(name);
  return helpers;
}

/** Whether any of these functions puts texts or bytes into the arena. */
export function callsForText(called: readonly string[]): boolean {
  return called.some((id) => {
    const { result, args } = catalogueFunction(id);
    return [result.kind, ...args].some((kind) => kind === 'utf8' || kind === 'binary');
  });
}

/** To write a column, or to gather it. */
function helpersOfOutput({ type, nullable }: Field): string[] {
  const nulls = nullable ? ['setNull', 'gatherNulls'] : [];
  if (isVariable(type)) return ['appendBytes', 'gatherBytes', ...nulls];
  return [type.kind === 'bool' ? 'gatherBits' : `gather${8 << widthShift(type)}`, ...nulls];
}

function helpersOfAggregate(step: AggregateStep): string[] {
  const { keys, aggregates } = step;
  const helpers = [openerOf(step), 'growPane', 'duePane', 'releasePane'];
  const [only] = keys;
  if (keys.length === 1 && only !== undefined && !isVariable(only.expr.type)) helpers.push('indexGroup');
  if (keys.some(({ expr }) => isVariable(expr.type))) helpers.push('hashBytes', 'equalBytes', 'keepBytes');
  for (const { fn, arg } of aggregates) {
    if (arg === undefined) continue;
    if (fn === 'avg' && isInteger(arg.type)) helpers.push('average128');
    if ((fn === 'min' || fn === 'max') && isVariable(arg.type)) helpers.push('compareBytes', 'replaceBytes');
  }
  return helpers;
}

function isInteger({ kind }: DataType): boolean {
  return kind === 'int32' || kind === 'int64';
}
