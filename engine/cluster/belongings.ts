/** What of an app is one agent's, for its housekeeping. */
import { dirname } from 'node:path';
import type { Ports } from '../ports.ts';
import { type AgentName, type AppName, sameAgent } from './documents/names.ts';
import type { Belongings } from './memory/housekeeping.ts';
import type { Plans } from './plans/plans.ts';

/** What the agent does of an app. */
interface Doing {
  /** Whether it leads a region of it. */
  leads(app: AppName): boolean;
  /** Forgets what it ran; false where something of it still runs. */
  forget(app: AppName): boolean;
}

export function belongingsOf(name: AgentName, ports: Ports, plans: Plans, doing: Doing): Belongings {
  return {
    letGo: (app) => !doing.leads(app) && doing.forget(app),
    domains: ({ fragments, regions }) => {
      const mine = Object.values(fragments).filter(({ host }) => sameAgent(host, name));
      return [...new Set(mine.map(({ region }) => regions[region]?.domain))];
    },
    left: async ({ distributed }) => {
      const plan = await plans.own(distributed);
      if (plan === undefined) return undefined;
      const fragments = plan.fragments.filter(({ host }) => sameAgent(host, name));
      const { file } = plan.logical;
      return { fragments, ...(file.startsWith('<') ? {} : { directory: dirname(file) }) };
    },
    tidyPlans: (assignments) => plans.tidy(assignments, ports.monotonic()),
  };
}
