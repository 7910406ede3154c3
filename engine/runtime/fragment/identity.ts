/** What a source or sink is called outside, the same in every run: hidden files, consumers and transactions go by it. */
import type { FragmentPlan } from '../../compile/fragment-plan.ts';

/** Of a node of a fragment; of one that runs in several places each part has its own. */
export function identityOf({ namespace, app, shares }: FragmentPlan, node: string): string {
  const share = shares.get(node);
  const part = share?.site ?? (share === undefined || share.partition === 0 ? undefined : share.partition);
  return part === undefined ? `${namespace}/${app}/${node}` : `${namespace}/${app}/${node}/${part}`;
}
