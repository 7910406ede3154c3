/** Two servers with a link, two agents in the cloud and one at each of two sites of the edge, and the app deployed on them. */

import { ClusterClient } from '../../../engine/cluster/client.ts';
import type { AppName } from '../../../engine/cluster/documents/names.ts';
import type { RegionFigures, RegionPhase } from '../../../engine/cluster/documents/status.ts';
import { messageOf } from '../../../engine/errors.ts';
import type { Link } from '../nats/link.ts';
import type { SimulatedServer } from '../nats/server.ts';
import type { Disk } from '../nats/server-streams.ts';
import type { Stage } from '../stage.ts';
import { appPlan, batchesOf, expectedRows, regionsOf, textOf, type Variant } from './app.ts';
import { Machine } from './machine.ts';
import { Outside } from './outside.ts';
import type { Planted } from './plants.ts';
import { RecordWatch } from './record-watch.ts';
import { Overseer } from './watched-host.ts';

/** Milliseconds between two attempts of the user to deploy. */
const AGAIN = 500;
const LOOK_AGAIN = 5_000;
/** Kept of each server's disk. */
const BACKUPS = 3;

export class SimulatedCluster {
  readonly stage: Stage;
  readonly hub: SimulatedServer;
  readonly leaf: SimulatedServer;
  readonly link: Link;
  readonly machines: readonly Machine[];
  readonly outside: Outside;
  readonly overseer: Overseer;
  readonly variant: Variant;
  readonly records: RecordWatch;
  deployed = false;
  readonly #backups = new Map<SimulatedServer, readonly Disk[]>();

  constructor(stage: Stage, planted: Planted) {
    this.stage = stage;
    this.variant = stage.random.pick(['across', 'cloud', 'durable'] as const);
    this.hub = stage.network.server({ name: 'hub', domain: 'hub' });
    this.leaf = stage.network.server({ name: 'leaf', domain: 'leaf' });
    this.link = stage.network.link(this.leaf, this.hub);
    const violate = (what: string): void => stage.violate(what);
    this.records = new RecordWatch(this.servers, violate);
    const say = (what: string): void => stage.say(what);
    this.overseer = new Overseer(violate, say, () => stage.reached(this.phase));
    this.outside = new Outside({
      violate,
      say,
      batches: batchesOf,
      handedOut: () => {
        stage.batches += 1;
      },
    });
    const { outside, overseer, hub, leaf } = this;
    const common = { stage, outside, overseer, planted };
    this.machines = [
      new Machine({ ...common, site: 'centre', agent: 'c1', tier: 'cloud', server: hub }),
      new Machine({ ...common, site: 'centre', agent: 'c2', tier: 'cloud', server: hub }),
      new Machine({ ...common, site: 'north', agent: 'n1', tier: 'edge', server: leaf }),
      new Machine({ ...common, site: 'south', agent: 's1', tier: 'edge', server: leaf }),
    ];
  }

  get servers(): readonly SimulatedServer[] {
    return [this.hub, this.leaf];
  }

  get alive(): readonly Machine[] {
    return this.machines.filter(({ alive, connections }) => alive && connections.length > 0);
  }

  begin(): void {
    for (const machine of this.machines) void machine.start();
    for (const server of this.servers) this.#writeToDisk(server);
    void this.#deploy();
  }

  /** Older disks of a server, the latest last. */
  backups(server: SimulatedServer): readonly Disk[] {
    return this.#backups.get(server) ?? [];
  }

  /** Each stream comes to the disk at its own moments; now and then somebody copies all of it. */
  #writeToDisk(server: SimulatedServer): void {
    const { random, network } = this.stage;
    if (server.up) {
      for (const name of server.streams.names) if (random.chance(0.5)) server.streams.sync(name);
      if (random.chance(0.3))
        this.#backups.set(server, [...this.backups(server), server.streams.disk()].slice(-BACKUPS));
    }
    network.clock.after(random.between(200, 1_500), () => this.#writeToDisk(server));
  }

  /** As a user who tries until it is safe, looks now and then whether the app is still there, and does what troubles say. */
  async #deploy(): Promise<void> {
    const { network } = this.stage;
    const node = network.node('user');
    const plan = await appPlan(this.variant);
    const name = { namespace: plan.namespace, app: plan.name };
    let client: ClusterClient | undefined;
    for (;;) {
      await new Promise<void>((resolve) => node.after(this.deployed ? LOOK_AGAIN : AGAIN, resolve));
      try {
        client ??= new ClusterClient(await network.connect(node, [this.hub]), node.ports, 'hub');
        if (await isToBeDeployed(client, name)) await client.deploy({ plan, parameters: [] });
        this.deployed = true;
      } catch (error) {
        this.stage.say(`user: tries again: ${messageOf(error)}`);
      }
    }
  }

  /** Of the regions, as their leaders say. */
  get phases(): readonly RegionPhase[] {
    return this.#regions.map(({ phase }) => phase);
  }

  get #regions(): readonly RegionFigures[] {
    return this.machines.flatMap(({ agent, alive }) => (alive && agent !== undefined ? agent.status().regions : []));
  }

  get phase(): string {
    const { phases, overseer } = this;
    if (!this.deployed) return 'deploying';
    if (phases.includes('running')) {
      if (overseer.handing.size > 0) return 'handing over';
      if (overseer.preparing.size > 0) return 'preparing';
      if (overseer.committing > 0) return 'committing';
      if (overseer.cutting > 0) return 'cutting';
      if (overseer.completing) return 'completing';
      return overseer.ended > 0 ? 'ending' : 'running';
    }
    if (phases.includes('starting')) return 'starting';
    return phases.includes('finished') ? 'finished' : 'recovering';
  }

  get finished(): boolean {
    const finished = this.#regions.filter(({ phase }) => phase === 'finished').map(({ region }) => region);
    return new Set(finished).size === regionsOf(this.variant);
  }

  /** In the end: nothing lost, nothing twice, in order by key. */
  compare(): void {
    const expected = expectedRows();
    for (const sink of ['rows', 'totals'] as const) this.#compare(sink, expected[sink]);
    this.#compareOrder();
  }

  #compare(sink: string, expected: readonly string[]): void {
    const seen = new Map<string, number>();
    for (const row of this.outside.rows(sink)) seen.set(row, (seen.get(row) ?? 0) + 1);
    const wanted = new Set(expected);
    const lost = expected.filter((row) => !seen.has(row));
    const twice = [...seen].filter(([row, count]) => wanted.has(row) && count > 1).map(([row]) => row);
    const strange = [...seen.keys()].filter((row) => !wanted.has(row));
    for (const [what, rows] of Object.entries({ lost, twice, strange })) {
      if (rows.length > 0) this.stage.violate(`${sink}: ${rows.length} rows ${what}: ${rows.slice(0, 3).join('; ')}`);
    }
  }

  #compareOrder(): void {
    const last = new Map<string, number>();
    for (const row of this.outside.rows('rows')) {
      const [key = '', , value] = row.split('|');
      const before = last.get(key) ?? -1;
      if (Number(value) < before) {
        this.stage.violate(`rows: ${textOf([key, value])} came after ${before}`);
        return;
      }
      last.set(key, Number(value));
    }
  }
}

/** Where a server has lost the app, or its plan, which agents that never saw it cannot give back. */
async function isToBeDeployed(client: ClusterClient, name: AppName): Promise<boolean> {
  if ((await client.app(name)) === undefined) return true;
  const troubles = (await client.assignment(name))?.troubles ?? [];
  return troubles.some(({ code }) => code === 'cluster.no-artifact');
}
