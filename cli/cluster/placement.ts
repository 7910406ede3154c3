/** Where fragments run, until told better: the whole graph on one agent that everything in `placement` allows. */
import type { AgentView, Place } from '../../engine/cluster/place.ts';
import type { Host } from '../../engine/compile/fragment-plan.ts';
import { fuse } from '../../engine/compile/fuse.ts';
import { userError } from '../../engine/errors.ts';
import type { LogicalPlan } from '../../engine/graph/plan.ts';

export const placement: Place = {
  assign(plan, agents) {
    const agent = agents.find((candidate) => allows(plan, candidate));
    if (agent === undefined) {
      throw userError('placement.no-agent', `no agent fits the whole graph ${plan.name}`, {
        hint: 'cloudskin site list shows the sites there are',
      });
    }
    const host: Host = { site: agent.site, agent: agent.agent, worker: 0 };
    return { nodes: new Map([...plan.sources, ...plan.operators, ...plan.sinks].map(({ name }) => [name, [host]])) };
  },
  distribute(plan, { nodes }, revision) {
    const [host] = [...nodes.values()][0] ?? [];
    if (host === undefined) throw new TypeError('a graph has nodes');
    const { cells } = fuse(plan);
    const { name: app, namespace, sources, sinks } = plan;
    return {
      logical: plan,
      fragments: [
        {
          ...{ namespace, app, revision, name: 'main', host, region: 'main', sources, cells, sinks },
          ...{ shares: new Map(), inlets: [], outlets: [] },
        },
      ],
    };
  },
};

function allows({ placement: entries }: LogicalPlan, { site, tier }: AgentView): boolean {
  return Object.values(entries ?? {}).every((entry) => (entry.site ?? site) === site && (entry.tier ?? tier) === tier);
}
