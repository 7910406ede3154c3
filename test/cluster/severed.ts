/** A stage of two sites whose link a test cuts: hub and edge agents, an app with a durable stream between them, and an ear beside the edge. */
import { ClusterClient } from '../../engine/cluster/client.ts';
import type {
  AgentStatus,
  ChannelFigures,
  FragmentFigures,
  RegionFigures,
} from '../../engine/cluster/documents/status.ts';
import { connectNats } from '../../engine/nats/client.ts';
import type { Nats } from '../../engine/nats/nats.ts';
import { realPorts } from '../../engine/ports.ts';
import { type AgentProcess, Continuum } from './processes.ts';

/** The app that all graphs here are called. */
const APP = 'numbers';

export class Severed {
  readonly continuum: Continuum;
  readonly hub: AgentProcess;
  readonly edge: AgentProcess;
  /** Beside the leaf: hears the edge while the link is cut. */
  readonly #near: Nats;

  private constructor(continuum: Continuum, near: Nats) {
    this.continuum = continuum;
    this.#near = near;
    this.hub = continuum.agent({ site: 'hub', tier: 'cloud' });
    this.edge = continuum.agent({ site: 'plant', tier: 'edge' });
  }

  static async open(): Promise<Severed> {
    const continuum = await Continuum.start();
    const stage = new Severed(continuum, await connectNats({ servers: continuum.leaf.url }));
    await continuum.ready(2);
    return stage;
  }

  async close(): Promise<void> {
    await this.#near.close(200);
    await this.continuum.close();
  }

  async deploy(graph: string): Promise<void> {
    await this.continuum.ok('deploy', this.continuum.graph('graph.yaml', graph), '--wait', 'rows');
  }

  async at(
    site: 'plant' | 'hub',
  ): Promise<{ readonly status: AgentStatus; readonly fragment: FragmentFigures } | undefined> {
    const client = site === 'hub' ? this.continuum.client : new ClusterClient(this.#near, realPorts, 'hub');
    const agents = await client.ask(250, (all) => all.some((one) => one.site === site));
    const status = agents.find((one) => one.site === site);
    const fragment = status?.fragments.find(({ app }) => app === APP);
    return status === undefined || fragment === undefined ? undefined : { status, fragment };
  }

  /** An end of the durable channel. */
  async channel(site: 'plant' | 'hub'): Promise<ChannelFigures | undefined> {
    return (await this.at(site))?.fragment.channels.find(({ channel }) => channel.startsWith('twice_FROM_'));
  }

  /** Resolves when a site has taken in, or written, so many rows more and completed a checkpoint more. */
  async goesOn(rows: number, site: 'plant' | 'hub' = 'plant'): Promise<FragmentFigures> {
    const rowsOf = ({ rowsIn, rowsOut }: FragmentFigures): number => Math.max(rowsIn, rowsOut);
    const before = await this.continuum.until(() => this.at(site));
    const checkpointOf = ({ regions }: AgentStatus): number => regions.find(({ app }) => app === APP)?.checkpoint ?? 0;
    const after = await this.continuum.until(async () => {
      const now = await this.at(site);
      if (now === undefined || rowsOf(now.fragment) < rowsOf(before.fragment) + rows) return undefined;
      return checkpointOf(now.status) > checkpointOf(before.status) ? now : undefined;
    });
    return after.fragment;
  }

  async running(name: string): Promise<void> {
    const wanted = ({ phase, checkpoint }: RegionFigures): boolean => phase === 'running' && checkpoint > 1;
    await this.continuum.whenRegion(APP, wanted, { name });
  }

  /** What the sink `out.ndjson` has written, in order. */
  output(): readonly Readonly<Record<string, unknown>>[] {
    return this.continuum.rows('out');
  }

  ids(): readonly number[] {
    return this.continuum.ids('out');
  }
}
