/** What every cell that runs a join has to do alike: find its step, take state back, say that there is too much of it. */
import { type CloudskinError, externalError, internalError, userError } from '../../errors.ts';
import type { JoinStep, OperatorNode } from '../../graph/plan.ts';
import { formatSize } from '../../graph/units.ts';
import type { CellPlan } from '../cell-plan.ts';
import { wholeName } from '../distribute/names.ts';
import type { OperatorState } from './chain-state.ts';
import type { KeyGroupRange } from './group-rows.ts';
import { JOIN_STATE, joinMismatch } from './join-state.ts';

export interface JoinCounts {
  rows: number;
  late: number;
  errors: number;
}

export function joinOf({ name, operators }: CellPlan): { readonly operator: OperatorNode; readonly step: JoinStep } {
  const [operator] = operators;
  const [step] = operator?.steps ?? [];
  if (operator === undefined || step?.kind !== 'join') throw internalError('internal.join', `cell ${name} is no join`);
  return { operator, step };
}

/**
 * What states amount to besides their rows: counters go to whoever takes key group 0, the watermark is the least of those given, and none
 * where one has none. Throws `state.mismatch`.
 */
export function importJoin(
  operator: OperatorNode,
  step: JoinStep,
  states: readonly OperatorState[],
  groups: KeyGroupRange,
): { readonly watermark: bigint | undefined; readonly counts: JoinCounts } {
  for (const { kind, schema } of states) {
    const why = kind === JOIN_STATE ? joinMismatch(step, schema) : `it is of kind ${kind}, not ${JOIN_STATE}`;
    if (why === undefined) continue;
    throw userError('state.mismatch', `the state of operator ${operator.name} does not fit: ${why}`, {
      hint: 'restore the operator as it was, give the new one another name, or drop its state',
    });
  }
  const marks = states.flatMap((state) => state.watermark ?? []);
  const [least] = marks.toSorted((a, b) => (a < b ? -1 : 1));
  const sum = (counter: string): number =>
    groups.first === 0 ? states.reduce((total, { counters }) => total + (counters[counter] ?? 0), 0) : 0;
  const counts = { rows: sum('rows'), late: sum('late'), errors: sum('errors') };
  return { watermark: marks.length < states.length ? undefined : least, counts };
}

export function joinOverLimit({ name, memory }: OperatorNode, bytes: number, rows: number): CloudskinError {
  const limit = formatSize(memory?.bytes ?? 0);
  const message = `operator ${wholeName(name)} keeps ${Math.ceil(bytes / 1024)} KiB of state in ${rows} rows, more than its memory of ${limit}`;
  return externalError('cell.memory-limit', message, {
    hint: 'shorter windows or a smaller maxDelay need less; give it more memory',
  });
}
