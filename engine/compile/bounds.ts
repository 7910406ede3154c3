/** Which streams between fragments end by themselves: those behind which every source does. Sinks are told, wherever they run. */
import type { FragmentPlan, Inlet } from './fragment-plan.ts';

/** The fragments with `bounded` set on their inlets. */
export function withBounds(plans: readonly FragmentPlan[]): readonly FragmentPlan[] {
  const fragments = new Map(plans.map((fragment) => [fragment.name, fragment]));
  const known = new Map<string, boolean>();
  const ends = (name: string): boolean => {
    const before = known.get(name);
    if (before !== undefined) return before;
    // Fragments have no cycle; a wrong plan must not hang us.
    known.set(name, false);
    const { sources, inlets } = fragments.get(name) ?? { sources: [], inlets: [] };
    const all = sources.every((source) => source.bounded === true) && inlets.every((inlet) => inletEnds(inlet, ends));
    known.set(name, all);
    return all;
  };
  const bounded = (fragment: FragmentPlan): FragmentPlan => ({
    ...fragment,
    inlets: fragment.inlets.map((inlet) => (inletEnds(inlet, ends) ? { ...inlet, bounded: true } : inlet)),
  });
  return plans.map(bounded);
}

function inletEnds({ channels }: Inlet, ends: (fragment: string) => boolean): boolean {
  return channels.every(({ from }) => ends(from));
}
