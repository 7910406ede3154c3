/** What sinks and sources that were taken over had prepared and reached at cuts whose fate is not known: whoever has them commits it. */
import type { Prepared } from '../../graph/connector.ts';
import type { SourceState } from '../../state/checkpoint/state.ts';
import type { Cut } from '../fragment/cuts.ts';
import type { Legacy } from './legacy.ts';

/** By node, the fragment that had it. */
export interface Inherited {
  readonly sources: ReadonlyMap<string, string>;
  readonly sinks: ReadonlyMap<string, string>;
}

/** By checkpoint, rising. */
export function inheritedCuts(
  { sources, sinks }: Inherited,
  legacies: ReadonlyMap<string, Legacy>,
): ReadonlyMap<number, Cut> {
  const ids = new Set([...legacies.values()].flatMap(({ options }) => [...options.cuts.keys()]));
  const cutOf = (fragment: string, id: number): Cut | undefined => legacies.get(fragment)?.options.cuts.get(id);
  return new Map(
    [...ids]
      .sort((a, b) => a - b)
      .map((id) => {
        const states = [...sources].flatMap(([name, fragment]): [string, SourceState][] => {
          const state = cutOf(fragment, id)?.sources.get(name);
          return state === undefined ? [] : [[name, state]];
        });
        const prepared = Promise.all([...sinks].map(([name, fragment]) => preparedOf(cutOf(fragment, id), name)));
        const all = prepared.then((found) => new Map(found.flat()));
        all.catch(() => undefined);
        return [id, { sources: new Map(states), sinks: all, outlets: new Map(), inlets: new Map() }] as const;
      }),
  );
}

async function preparedOf(cut: Cut | undefined, sink: string): Promise<[string, Prepared][]> {
  const own = (await cut?.sinks)?.get(sink);
  return own === undefined ? [] : [[sink, own]];
}
