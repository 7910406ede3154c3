/** What goes to other threads at a handover: for each fragment of the old plan, who of the new one waits for what of it elsewhere. Plain data, of the two plans alone. */
import type { FragmentPlan, Host } from '../../compile/fragment-plan.ts';
import type { Bequest, Heir } from '../fragment-handle.ts';
import { type Succession, sameThread, successionOf } from './succession.ts';

type Fragments = readonly FragmentPlan[];

/** Where fragments run, by name. */
export function hostsOf(fragments: Fragments): ReadonlyMap<string, Host> {
  return new Map(fragments.map(({ name, host }) => [name, host]));
}

/** By fragment of `before`, each of them; throws what `successionOf` throws. `epoch`: that begins. */
export function bequestsOf(before: Fragments, after: Fragments, epoch: number): ReadonlyMap<string, Bequest> {
  const successions = successionOf(before, after);
  return new Map(
    before.map((former) => {
      const heirs = after
        .filter(({ host }) => !sameThread(host, former.host))
        .flatMap((plan) => heirOf(former.name, plan, successions.get(plan.name)));
      return [former.name, { epoch, heirs }];
    }),
  );
}

function heirOf(former: string, { name, host }: FragmentPlan, succession: Succession | undefined): readonly Heir[] {
  if (succession === undefined) return [];
  const carried = [...succession.cells.values()].flatMap(({ how, from, isSame }) =>
    how === 'carry' ? from.filter(({ fragment }) => fragment === former).map(({ cell }) => ({ cell, isSame })) : [],
  );
  const cells = [...new Set(carried.map(({ cell }) => cell))];
  const same = cells.filter((cell) => carried.some((one) => one.cell === cell && one.isSame));
  if (cells.length === 0 && !succession.closed.includes(former)) return [];
  return [{ fragment: name, host, cells, same }];
}
