/**
 * The logical state of a chain of declared operators, the same for compiled cells and kernel cells: what each operator keeps as rows and
 * counters, so that either kind, or a cell of other operators fused otherwise, takes it.
 */

import type { Batch } from '../../batch/batch.ts';
import type { Schema } from '../../batch/types.ts';
import { defined } from '../../defined.ts';
import { userError } from '../../errors.ts';
import type { AggregateStep, OperatorNode } from '../../graph/plan.ts';
import type { CellPlan } from '../cell-plan.ts';
import { AGGREGATE_STATE, stateMismatch, stateSchema } from './aggregate-state.ts';
import { type GroupRow, type GroupSource, type KeyGroupRange, readGroups, writeGroups } from './group-rows.ts';

/** A `LogicalState` (engine/state/checkpoint/state.ts) in all but name, since that lies a layer above. */
export interface OperatorState {
  readonly operator: string;
  readonly kind: string;
  readonly schema: Schema;
  readonly batches: readonly Batch[];
  readonly watermark?: bigint;
  readonly counters: Readonly<Record<string, number>>;
}

/** What a cell keeps besides groups. */
export interface ChainCounts {
  /** Of the cell's input, so far. */
  readonly rows: number;
  /** Microseconds; undefined before the first. */
  readonly watermark: bigint | undefined;
  readonly late: number;
  /** Groups put out before their time. */
  readonly evicted: number;
  /** Rows that failed and were left out, by operator. */
  readonly errors: ReadonlyMap<string, number>;
}

const COUNTERS_STATE = 'counters/1';
const COUNTERS_SCHEMA: Schema = { fields: [{ name: 'key_group', type: { kind: 'int32' }, nullable: false }] };

export function aggregateOf({ steps }: OperatorNode): AggregateStep | undefined {
  return steps.find((step) => step.kind === 'aggregate');
}

/** `groups` is asked for once where the chain has an aggregate. */
export function exportChain(plan: CellPlan, counts: ChainCounts, groups: () => GroupSource): OperatorState[] {
  return plan.operators.flatMap((operator): OperatorState[] => {
    const step = aggregateOf(operator);
    const errors = counts.errors.get(operator.name) ?? 0;
    const counters = { rows: counts.rows, errors };
    const watermark = defined({ watermark: counts.watermark });
    const state = { operator: operator.name, ...watermark };
    if (step !== undefined) {
      const batches = writeGroups(step, groups());
      const late = { ...counters, late: counts.late, evicted: counts.evicted };
      return [{ ...state, kind: AGGREGATE_STATE, schema: stateSchema(step), batches, counters: late }];
    }
    return [{ ...state, kind: COUNTERS_STATE, schema: COUNTERS_SCHEMA, batches: [], counters }];
  });
}

/**
 * Hands the groups of `range` to `take` and returns the counts: counters go to whoever takes key group 0, so that they are counted once.
 * The watermark is the least of those given, and none where one has none, so that no row becomes late. Throws `state.mismatch`.
 */
export function importChain(
  plan: CellPlan,
  states: readonly OperatorState[],
  range: KeyGroupRange,
  take: (group: GroupRow) => void,
): ChainCounts {
  for (const state of states) checkState(plan, state);
  for (const operator of plan.operators) {
    const step = aggregateOf(operator);
    const own = states.filter((state) => state.operator === operator.name);
    if (step !== undefined) {
      readGroups(
        step,
        own.flatMap(({ batches }) => batches),
        range,
        take,
      );
    }
  }
  return countsOf(plan, states, range.first === 0);
}

function checkState(plan: CellPlan, { operator: name, kind, schema, batches }: OperatorState): void {
  const operator = plan.operators.find((candidate) => candidate.name === name);
  if (operator === undefined) throw mismatch(name, 'there is no such operator in the cell');
  if (kind === COUNTERS_STATE && batches.length === 0) return;
  const step = aggregateOf(operator);
  if (step === undefined || kind !== AGGREGATE_STATE) {
    throw mismatch(name, `it is of kind ${kind}, not ${step === undefined ? COUNTERS_STATE : AGGREGATE_STATE}`);
  }
  const why = stateMismatch(step, schema);
  if (why !== undefined) throw mismatch(name, why);
}

function mismatch(operator: string, why: string): Error {
  return userError('state.mismatch', `the state of operator ${operator} does not fit: ${why}`, {
    hint: `restore the operator as it was, give the new one another name, or drop its state`,
  });
}

function countsOf(plan: CellPlan, states: readonly OperatorState[], first: boolean): ChainCounts {
  const marks = states.flatMap((state) => state.watermark ?? []);
  const [watermark] = marks.length < states.length ? [] : marks.toSorted((a, b) => (a < b ? -1 : 1));
  const sum = (operator: string, counter: string) =>
    states.reduce((total, { operator: name, counters }) => {
      return name === operator ? total + (counters[counter] ?? 0) : total;
    }, 0);
  const names = plan.operators.map(({ name }) => name);
  if (!first) return { rows: 0, watermark, late: 0, evicted: 0, errors: new Map() };
  return {
    rows: sum(names[0] ?? '', 'rows'),
    watermark,
    late: names.reduce((total, name) => total + sum(name, 'late'), 0),
    evicted: names.reduce((total, name) => total + sum(name, 'evicted'), 0),
    errors: new Map(names.map((name) => [name, sum(name, 'errors')])),
  };
}
