/** What was counted of a cell whose partitions are others now: sums stay, whoever they are told of. */
import type { CellPlan } from '../../compile/cell-plan.ts';
import type { FragmentPlan } from '../../compile/fragment-plan.ts';
import type { FragmentSnapshot } from '../../state/checkpoint/state.ts';

/**
 * Sums for the cell in this fragment: of its own partition, and the last one takes those of partitions that are no more. Undefined where no cell of its name was.
 */
export function carriedCounts(
  fragment: FragmentPlan,
  { name, operators }: CellPlan,
  snapshots: readonly FragmentSnapshot[],
): Readonly<Record<string, number>> | undefined {
  const node = operators[0]?.name ?? '';
  const { partition = 0, partitions = 1 } = fragment.shares.get(node) ?? {};
  const own = snapshots.flatMap(({ counters, shares }) => {
    const counts = counters.get(`cell ${name}`);
    const former = shares?.get(node)?.partition ?? 0;
    return counts !== undefined && Math.min(former, partitions - 1) === partition ? [counts] : [];
  });
  if (own.length === 0) return undefined;
  const sums: Record<string, number> = {};
  for (const counts of own) for (const [key, count] of Object.entries(counts)) sums[key] = (sums[key] ?? 0) + count;
  return sums;
}
