/** Which placement holds for a node: its own entry, and of `"*"` what its own leaves open. */
import type { PlacementEntry } from './document.ts';

const LOCATION = ['site', 'tier', 'labels', 'each'] as const;

/**
 * Where a node's own entry says anything of its location (site, tier, labels, each), nothing of the location in `"*"` counts; device, apart and
 * rebuild are taken one by one.
 */
export function placementOf(
  name: string,
  placement: Readonly<Record<string, PlacementEntry>> | undefined,
): PlacementEntry | undefined {
  const own = placement?.[name];
  const general = placement?.['*'];
  if (own === undefined || general === undefined) return own ?? general;
  const isPlaced = LOCATION.some((key) => own[key] !== undefined);
  const { site: _, tier: __, labels: ___, each: ____, ...rest } = general;
  return { ...(isPlaced ? rest : general), ...own };
}
