/** The cluster as `top` looks at it. */
import type { ClusterClient } from '../../../engine/cluster/client.ts';
import type { DistributedPlan } from '../../../engine/compile/fragment-plan.ts';
import { overviewOf } from '../../cluster/overview.ts';
import type { Look } from './model.ts';
import type { AppName, Want } from './state.ts';

export interface Watched {
  /** `app`: the one that is looked into. */
  look(app: AppName | undefined): Promise<Look>;
  want(want: Want): Promise<void>;
}

export function watch(client: ClusterClient, now: () => number): Watched {
  let known: { readonly digest: string; readonly plan: DistributedPlan } | undefined;
  const planOf = async (digest: string): Promise<DistributedPlan | undefined> => {
    if (digest === '') return undefined;
    if (known?.digest !== digest) known = { digest, plan: await client.distributed(digest) };
    return known.plan;
  };
  return {
    async look(app) {
      const overview = await overviewOf(client, app);
      const into = overview.apps.find(
        ({ document }) => document.app === app?.app && document.namespace === app.namespace,
      );
      return { at: now(), overview, plan: await planOf(into?.assignment?.distributed ?? '') };
    },
    async want({ app, wanted }) {
      await client.want(app, wanted);
    },
  };
}
