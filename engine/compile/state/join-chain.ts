/** What every cell that runs a join has to do alike: find its step, take state back, say that there is too much of it. */
import type { Value } from '../../batch/types.ts';
import { type CloudskinError, externalError, internalError, userError } from '../../errors.ts';
import { textAt } from '../../graph/build/conjuncts.ts';
import type { JoinStep, OperatorNode } from '../../graph/plan.ts';
import type { CellPlan } from '../cell-plan.ts';
import { wholeName } from '../distribute/names.ts';
import type { OperatorState } from './chain-state.ts';
import type { KeyGroupRange } from './group-rows.ts';
import { columnOf, JOIN_STATE, type JoinRow, joinMismatch } from './join-state.ts';
import { type Kept, largestOf, mebibytes } from './memory-limit.ts';

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

/** `all` are the rows that are kept, window by window. */
export function joinOverLimit(
  { name, memory }: OperatorNode,
  step: JoinStep,
  found: { readonly bytes: number; readonly rows: number; readonly all: Iterable<JoinRow> },
): CloudskinError {
  const size = `${mebibytes(found.bytes)} of state in ${found.rows} rows`;
  const named = namedJoinKeys(step, found.all);
  const message = `operator ${wholeName(name)} keeps ${size}, more than its memory of ${mebibytes(memory?.bytes ?? 0)}${named}`;
  return externalError('cell.memory-limit', message, {
    hint: 'shorter windows or a smaller maxDelay need less; give it more memory',
  });
}

/** `; its largest keys: a.id=3 (2 windows, 70 rows), ...`, or nothing where there are none. */
export function namedJoinKeys(step: JoinStep, rows: Iterable<JoinRow>): string {
  return largestOf(keptRows(step, rows));
}

function* keptRows(step: JoinStep, rows: Iterable<JoinRow>): Generator<Kept> {
  const names = step.sides[0].keys.map(({ span }) => textAt(step.text, span));
  for (const { side, end, values } of rows) {
    const key = names.map((name, index) => `${name}=${values[columnOf(step, side, index)]}`).join(', ');
    const bytes = values.reduce<number>((sum, value) => sum + bytesOf(value), 0);
    yield { key, window: end, rows: 1n, bytes };
  }
}

function bytesOf(value: Value): number {
  return 8 + (typeof value === 'string' || value instanceof Uint8Array ? value.length : 0);
}
