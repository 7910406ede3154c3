/** Changes of a run's plan at given batches, and what became of them. */
import fc from 'fast-check';
import { expect } from 'vitest';
import type { DistributedPlan } from '../../engine/compile/fragment-plan.ts';
import type { MetricsSnapshot } from '../../engine/metrics/snapshot.ts';
import type { ChangeReceipt } from '../../engine/runtime/run/change.ts';
import type { EmbeddedRun } from '../../engine/runtime/run/embedded-run.ts';
import { hosts } from './dealt.ts';
import type { Choices } from './dealt-graph.ts';
import type { Ledger } from './ledger.ts';

/** One a source or operator of the graph. */
export const anyHosts: fc.Arbitrary<Choices> = fc.array(hosts, { minLength: 9, maxLength: 9 });

/** Sources stay where the first choices have them, and with them the sinks. */
export function withSourcesOf(first: Choices, choices: Choices): Choices {
  return choices.map((choice, index) => (index < 2 ? (first[index] ?? []) : choice));
}

export type Changes = readonly (readonly [plan: DistributedPlan, at: number])[];

/** Changes the plan at the given batches, each counted from the change before; gives what became of each when the run is over. */
export async function changing(
  own: Ledger,
  run: EmbeddedRun,
  plans: Changes,
): Promise<PromiseSettledResult<ChangeReceipt>[]> {
  const receipts: Promise<ChangeReceipt>[] = [];
  let batches = 0;
  own.onBatch = () => {
    const [plan, at] = plans[receipts.length] ?? [];
    batches += 1;
    if (plan === undefined || at === undefined || batches < at) return;
    batches = 0;
    receipts.push(run.change(plan));
  };
  const settled = async () => await Promise.allSettled(receipts);
  await run.run().finally(() => {
    own.onBatch = () => undefined;
  });
  return await settled();
}

/** Those that came in time: a run that is at its end says so. */
export function receiptsOf(all: readonly PromiseSettledResult<ChangeReceipt>[]): readonly ChangeReceipt[] {
  return all.flatMap((result) => {
    if (result.status === 'fulfilled') return [result.value];
    expect(result.reason).toMatchObject({ code: expect.stringMatching(/^handover\.(ending|not-running)$/) });
    return [];
  });
}

/** Totals that are the same however a run went. */
export function sums({ rowsIn, rowsOut, late, errors, bad }: MetricsSnapshot): object {
  return { rowsIn, rowsOut, late, errors, bad };
}
