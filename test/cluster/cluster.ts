/** Agents of the control plane on one NATS server, with scripted fragments, for tests. */

import { Agent } from '../../engine/cluster/agent.ts';
import { ClusterClient } from '../../engine/cluster/client.ts';
import type { Placement } from '../../engine/cluster/coordinator/placement.ts';
import type { RegionFigures } from '../../engine/cluster/documents/status.ts';
import type { TaskHost } from '../../engine/cluster/tasks/task-host.ts';
import type { AgentInfo } from '../../engine/compile/distribute.ts';
import type { DistributedPlan, FragmentPlan, Host } from '../../engine/compile/fragment-plan.ts';
import { defined } from '../../engine/defined.ts';
import { userError } from '../../engine/errors.ts';
import type { LogicalPlan } from '../../engine/graph/plan.ts';
import { connectNats } from '../../engine/nats/client.ts';
import type { Nats } from '../../engine/nats/nats.ts';
import { realPorts } from '../../engine/ports.ts';
import { until } from '../kit/until.ts';
import { MemoryBlobs, MemoryCheckpoints, ScriptedHost } from './scripted.ts';
import { severable } from './severable.ts';

export interface TestAgent {
  readonly agent: Agent;
  readonly host: ScriptedHost;
  readonly nats: Nats;
  readonly disk: MemoryBlobs;
  /** Cuts it off: nothing it says is heard and it hears nothing, until the function is called that is returned. */
  readonly sever: () => () => void;
}

export interface AgentDraft {
  readonly site: string;
  readonly tier: 'edge' | 'cloud';
  readonly agent?: string;
  readonly disk?: MemoryBlobs;
  /** `twoFragments` unless given. */
  readonly place?: Placement;
  readonly tasks?: TaskHost;
  readonly trusted?: readonly string[];
}

/** Two fragments in one region: `above` on an edge, `below` in the cloud. */
export const twoFragments: Placement = {
  assign(_plan, agents) {
    const host = (tier: AgentInfo['tier']): Host => {
      const found = agents.find((agent) => agent.tier === tier);
      if (found === undefined) throw userError('placement.no-agent', `no agent of the ${tier} is there`);
      return { site: found.site, agent: found.agent, worker: 0 };
    };
    return {
      nodes: new Map([
        ['above', [host('edge')]],
        ['below', [host('cloud')]],
      ]),
    };
  },
  distribute(plan, { nodes }, revision): DistributedPlan {
    const fragments = [...nodes].flatMap(([name, [host]]) =>
      host === undefined ? [] : [fragmentOf(plan, name, host, revision)],
    );
    return { logical: plan, fragments };
  },
};

export function fragmentOf(plan: LogicalPlan, name: string, host: Host, revision: number): FragmentPlan {
  return {
    namespace: plan.namespace,
    app: plan.name,
    revision,
    name,
    host,
    region: 'main',
    sources: [],
    cells: [],
    sinks: [],
    shares: new Map(),
    inlets: [],
    outlets: [],
  };
}

export class Cluster {
  readonly checkpoints: Map<string, MemoryCheckpoints> = new Map();
  readonly #url: string;
  readonly #agents = new Set<TestAgent>();
  #client: { readonly nats: Nats; readonly client: ClusterClient } | undefined;
  #counted = 0;

  constructor(url: string) {
    this.#url = url;
  }

  async agent(draft: AgentDraft): Promise<TestAgent> {
    const { nats, sever } = severable(await connectNats({ servers: this.#url }));
    const host = new ScriptedHost();
    const disk = draft.disk ?? new MemoryBlobs();
    const agent = await Agent.start({
      nats,
      ports: realPorts,
      site: draft.site,
      tier: draft.tier,
      disk,
      host,
      agent: draft.agent ?? `a${++this.#counted}`,
      workers: 1,
      version: '0.0.0',
      place: draft.place ?? twoFragments,
      ...defined({ tasks: draft.tasks, trusted: draft.trusted }),
      checkpoints: (region) => {
        const label = `${region.namespace}/${region.app}/${region.region}`;
        const known = this.checkpoints.get(label) ?? new MemoryCheckpoints(region);
        this.checkpoints.set(label, known);
        return Promise.resolve(known);
      },
      dropState: ({ namespace, app, region }) => {
        this.checkpoints.delete(`${namespace}/${app}/${region}`);
        return Promise.resolve();
      },
    });
    const made = { agent, host, nats, disk, sever };
    this.#agents.add(made);
    if (this.#client === undefined) {
      const own = await connectNats({ servers: this.#url });
      this.#client = { nats: own, client: new ClusterClient(own, realPorts) };
    }
    return made;
  }

  /** As `kill -9` does: the connection is gone, nothing is told. */
  async kill(one: TestAgent): Promise<void> {
    this.#agents.delete(one);
    one.agent.abandon();
    await one.nats.close(100);
  }

  /** Resolves when `test` is true. */
  async when(test: () => boolean): Promise<void> {
    await until(test, { every: 10 });
  }

  /** Resolves when `test` resolves to true; that it rejects is no matter. */
  async eventually(test: () => Promise<boolean>): Promise<void> {
    await until(() => test().catch(() => false), { every: 10 });
  }

  get client(): ClusterClient {
    if (this.#client === undefined) throw new Error('start an agent of the cloud first');
    return this.#client.client;
  }

  plan(name: string, checkpointEvery = 60_000, namespace = 'default'): LogicalPlan {
    return {
      name,
      namespace,
      file: '<test>',
      sources: [],
      operators: [],
      sinks: [],
      warnings: [],
      checkpoint: { every: BigInt(checkpointEvery) * 1_000n },
    };
  }

  /** Resolves once the regions of an app, as their leaders tell them, are as wanted. */
  async until(wanted: (regions: readonly RegionFigures[]) => boolean, app = 'shop'): Promise<void> {
    let last: readonly RegionFigures[] = [];
    const look = async (): Promise<boolean> => {
      const statuses = await this.client.ask(200, (all) => all.length === this.#agents.size);
      last = statuses.flatMap(({ regions }) => regions.filter((region) => region.app === app));
      return wanted(last);
    };
    await until(look, { every: 20, told: () => JSON.stringify(last, null, 1) });
  }

  async close(): Promise<void> {
    for (const one of this.#agents) await this.kill(one);
    await this.#client?.nats.close(100);
  }
}
