/**
 * A simulated cluster of agents with scripted fragments: two servers and a link, two agents of the cloud, two of a plant, faults of
 * processes, connections, servers and the link, and a user who changes his mind.
 */
import { Agent } from '../../engine/cluster/agent.ts';
import { ClusterClient } from '../../engine/cluster/client.ts';
import type { Wanted } from '../../engine/cluster/documents/app.ts';
import type { AgentStatus } from '../../engine/cluster/documents/status.ts';
import type { LogicalPlan } from '../../engine/graph/plan.ts';
import type { Nats } from '../../engine/nats/nats.ts';
import type { BlobStore } from '../../engine/state/blobs/blobs.ts';
import type { Checkpoints } from '../../engine/state/checkpoint/checkpoints.ts';
import type { Link } from '../simulation/nats/link.ts';
import { SimulatedNetwork } from '../simulation/nats/network.ts';
import type { SimulatedNode } from '../simulation/nats/node.ts';
import type { SeededRandom } from '../simulation/nats/random.ts';
import type { SimulatedServer } from '../simulation/nats/server.ts';
import { twoFragments } from './cluster.ts';
import { ControlLedger } from './control-ledger.ts';
import { MemoryBlobs, MemoryCheckpoints } from './scripted.ts';
import { SimulatedHost } from './simulated-host.ts';

export interface Process {
  readonly site: string;
  readonly name: string;
  readonly tier: 'edge' | 'cloud';
  readonly server: SimulatedServer;
  /** Outlives the process. */
  readonly disk: MemoryBlobs;
  node: SimulatedNode;
  nats: Nats | undefined;
  agent: Agent | undefined;
  host: SimulatedHost | undefined;
  lives: number;
  /** Why it let go of everything. */
  lost?: Error;
}

export const APP = { namespace: 'default', app: 'shop' };

export class ControlWorld {
  readonly network: SimulatedNetwork;
  readonly random: SeededRandom;
  readonly ledger: ControlLedger = new ControlLedger();
  readonly log: string[] = [];
  readonly hub: SimulatedServer;
  readonly leaf: SimulatedServer;
  readonly link: Link;
  readonly processes: Process[] = [];
  readonly #checkpoints = new Map<string, MemoryCheckpoints>();
  #user: { readonly node: SimulatedNode; readonly nats: Nats; readonly client: ClusterClient } | undefined;

  constructor(seed: number) {
    this.network = new SimulatedNetwork(seed);
    this.random = this.network.random.fork('world');
    this.hub = this.network.server({ name: 'hub', domain: 'hub' });
    this.leaf = this.network.server({ name: 'leaf', domain: 'leaf' });
    this.link = this.network.link(this.leaf, this.hub);
    this.add('hub', 'c1', 'cloud', this.hub);
    this.add('hub', 'c2', 'cloud', this.hub);
    this.add('plant', 'a', 'edge', this.leaf);
    this.add('plant', 'b', 'edge', this.leaf);
  }

  get now(): number {
    return this.network.clock.now;
  }

  say(what: string): void {
    this.log.push(`${this.now.toFixed(0).padStart(7)} ${what}`);
  }

  get client(): ClusterClient {
    if (this.#user === undefined) throw new Error('begin first');
    return this.#user.client;
  }

  async begin(): Promise<void> {
    for (const process of this.processes) await this.settle(this.start(process));
    const node = this.network.node('user');
    const nats = await this.settle(this.network.connect(node, [this.hub]));
    this.#user = { node, nats, client: new ClusterClient(nats, node.ports, 'hub') };
  }

  /** Passes virtual time. */
  async pass(milliseconds: number): Promise<void> {
    await this.network.clock.run(() => false, this.now + milliseconds);
  }

  /** Runs the simulation until `work` has settled. */
  async settle<T>(work: Promise<T>): Promise<T> {
    let settled = false;
    const done = (): void => {
      settled = true;
    };
    work.then(done, done);
    await this.network.clock.run(() => settled, this.now + 60_000);
    return await work;
  }

  /** Also again, after it was killed. */
  async start(process: Process): Promise<void> {
    process.lives += 1;
    const node = this.network.node(`${process.name}.${process.lives}`);
    Object.assign(process, { node, nats: undefined, agent: undefined, host: undefined });
    const nats = await this.network.connect(node, [process.server]);
    if (!node.alive) return;
    process.nats = nats;
    const host = new SimulatedHost(node, `${process.site}/${process.name}`, this.ledger, (what) => this.say(what));
    process.host = host;
    process.agent = await Agent.start({
      nats,
      ports: node.ports,
      site: process.site,
      agent: process.name,
      tier: process.tier,
      workers: 1,
      version: '0',
      disk: onNode(node, process.disk),
      host,
      place: twoFragments,
      checkpoints: (region) => Promise.resolve(this.#checkpointsOf(node, region)),
      dropState: ({ namespace, app, region }) => {
        this.#checkpoints.delete(`${namespace}/${app}/${region}`);
        return Promise.resolve();
      },
      displaced: (error) => {
        process.lost = error;
      },
      log: (level, message, fields) => {
        if (level !== 'info' || fields?.region !== undefined) {
          this.say(`${process.name}.${process.lives} ${level} ${message} ${fields?.epoch ?? ''}`);
        }
      },
    });
  }

  plan(): LogicalPlan {
    return {
      planVersion: 1,
      name: APP.app,
      namespace: APP.namespace,
      file: '<test>',
      sources: [],
      operators: [],
      sinks: [],
      warnings: [],
      checkpoint: { every: 400_000n },
    };
  }

  /** What the user does now may be lost with the server; he tries it once. */
  act(what: Wanted | 'deploy'): void {
    this.say(`user: ${what}`);
    const work =
      what === 'deploy' ? this.client.deploy({ plan: this.plan(), parameters: [] }) : this.client.want(APP, what);
    work.catch((error: unknown) => this.say(`user: ${what} failed: ${String(error)}`));
  }

  statuses(): readonly AgentStatus[] {
    return this.processes.flatMap(({ agent, node }) => (agent !== undefined && node.alive ? [agent.status()] : []));
  }

  add(site: string, name: string, tier: 'edge' | 'cloud', server: SimulatedServer): void {
    const node = this.network.node(`${name}.0`);
    const nothing = { nats: undefined, agent: undefined, host: undefined, lives: 0 };
    this.processes.push({ site, name, tier, server, disk: new MemoryBlobs(), node, ...nothing });
  }

  #checkpointsOf(node: SimulatedNode, region: { namespace: string; app: string; region: string }): Checkpoints {
    const label = `${region.namespace}/${region.app}/${region.region}`;
    const store = (): MemoryCheckpoints => {
      const known = this.#checkpoints.get(label) ?? new MemoryCheckpoints(region);
      this.#checkpoints.set(label, known);
      return known;
    };
    const after = <T>(work: () => Promise<T>): Promise<T> => later(node, 20, work);
    return {
      complete: (head, receipts) => after(() => store().complete(head, receipts)),
      list: () => after(() => store().list()),
      newest: (id) => after(() => store().newest(id)),
      load: () => Promise.reject(new Error('nothing is loaded here')),
    };
  }
}

/** A disk that is there as long as its process lives, and takes a while. */
function onNode(node: SimulatedNode, disk: BlobStore): BlobStore {
  return {
    description: disk.description,
    put: (name, parts) => later(node, 3, () => disk.put(name, parts)),
    get: (name) => later(node, 1, () => disk.get(name)),
    list: (prefix) => later(node, 1, () => disk.list(prefix)),
    delete: (name) => later(node, 1, () => disk.delete(name)),
  };
}

/** Done after up to so many milliseconds, unless the process has died meanwhile. */
function later<T>(node: SimulatedNode, most: number, work: () => Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    node.after(node.random.next() * most, () => {
      work().then(
        (value) => node.after(0, () => resolve(value)),
        (error: unknown) => node.after(0, () => reject(error)),
      );
    });
  });
}
