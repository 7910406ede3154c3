/** A machine with an agent on it: the process is killed and started again, the disk stays. */

import { Agent } from '../../../engine/cluster/agent.ts';
import { placement } from '../../../engine/cluster/coordinator/placement.ts';
import { defined } from '../../../engine/defined.ts';
import { messageOf } from '../../../engine/errors.ts';
import type { Nats } from '../../../engine/nats/nats.ts';
import type { CheckpointStore } from '../../../engine/state/checkpoint/checkpoint-store.ts';
import { openCheckpoints } from '../../../engine/state/checkpoint/checkpoint-store.ts';
import { tidyCopies } from '../../../engine/state/checkpoint/copies.ts';
import { deleteRegion, type RegionName } from '../../../engine/state/checkpoint/layout.ts';
import { SimulatedDisk } from '../disk/disk.ts';
import { SimulatedLogs } from '../disk/logs.ts';
import type { SimulatedNode } from '../nats/node.ts';
import type { SimulatedServer } from '../nats/server.ts';
import type { Stage } from '../stage.ts';
import { type FragmentsOptions, SimulatedFragments, sharedStore, stateStore } from './fragments.ts';
import { type Outside, outsideConnector } from './outside.ts';
import type { Planted } from './plants.ts';
import { type Overseer, WatchedHost } from './watched-host.ts';

/** Short, so that what nothing names any more is deleted within a run, also while who wished for it is away. */
const ARTIFACTS = { every: 2_000, grace: 15_000, undeployed: 30_000 };

export interface MachineOptions {
  readonly site: string;
  readonly agent: string;
  readonly tier: 'edge' | 'cloud';
  readonly server: SimulatedServer;
  readonly stage: Stage;
  readonly outside: Outside;
  readonly overseer: Overseer;
  readonly planted: Planted;
}

/** Milliseconds after which an agent that found no server tries again. */
const AGAIN = 300;

export class Machine {
  readonly options: MachineOptions;
  readonly disk: SimulatedDisk;
  /** Of durable channels. */
  readonly logs: SimulatedLogs;
  agent: Agent | undefined;
  node: SimulatedNode | undefined;
  connections: readonly Nats[] = [];
  #lives = 0;

  constructor(options: MachineOptions) {
    this.options = options;
    this.disk = new SimulatedDisk(options.agent);
    this.logs = new SimulatedLogs(this.disk);
  }

  get name(): string {
    return this.options.agent;
  }

  get alive(): boolean {
    return this.node?.alive === true;
  }

  /** Resolves when the agent is there; tries until it can connect, or is killed. */
  async start(): Promise<void> {
    const { stage, agent } = this.options;
    this.#lives += 1;
    const life = this.#lives;
    const node = stage.network.node(`${agent}#${life}`);
    node.rate = 1 + (stage.random.next() - 0.5) * 0.004;
    this.node = node;
    for (;;) {
      try {
        await this.#begin(node);
        return;
      } catch (error) {
        if (!node.alive) return;
        stage.say(`${node.name}: could not start: ${messageOf(error)}`);
        await new Promise<void>((resolve) => node.after(AGAIN, resolve));
      }
    }
  }

  kill(): void {
    this.node?.kill();
    this.options.overseer.gone(this.node?.name ?? '');
    this.agent = undefined;
    this.connections = [];
  }

  /** As on SIGTERM: others take over what it runs, if they may, then its process ends, unless it is killed before. */
  leave(ended: () => void): void {
    const { agent, node } = this;
    const end = (): void => {
      if (this.node !== node || !this.alive) return;
      this.kill();
      ended();
    };
    agent?.leave().then(end, end);
  }

  /** In the place of a machine that is gone, with everything that was on its disk, another one of the same name is set up. */
  replace(): void {
    this.kill();
    this.disk.restore(new Map());
  }

  async #begin(node: SimulatedNode): Promise<void> {
    const { stage, server, planted, overseer, site, agent, tier } = this.options;
    const connect = async (): Promise<Nats> => {
      const nats = await stage.network.connect(node, [server]);
      this.connections = [...this.connections, nats];
      return planted.nats(nats);
    };
    for (const left of this.connections) await left.close(0);
    this.connections = [];
    const [nats, working] = [await connect(), await connect()];
    const options = this.#fragmentsOptions(node, working);
    const host = new WatchedHost(planted.host(new SimulatedFragments(options)), overseer, node.name);
    const own = this.#fragmentsOptions(node, nats);
    this.agent = await Agent.start({
      nats,
      ports: node.ports,
      site,
      agent,
      tier,
      workers: 1,
      version: '0.0.0',
      place: placement,
      host,
      artifactTimes: ARTIFACTS,
      disk: planted.disk(this.disk.open(node, 'agent')),
      log: (level, message) => {
        if (level !== 'debug') stage.say(`${node.name}: ${level}: ${message}`);
      },
      checkpoints: (region, domain, keep, known) => checkpointsOf(own, region, domain, { keep, known }),
      dropState: async (region, domain) => deleteRegion(await stateStore(own, region, domain), region),
      copies: {
        tidy: (region, domain, keep) => tidyCopies(region, own.disk, () => sharedStore(own, region, domain), keep),
        drop: (region) => deleteRegion(own.disk, region),
        // what runs here has none of it
        dropLogs: async () => undefined,
        dropHeld: async () => undefined,
        dropComponents: async () => undefined,
      },
    });
    stage.say(`${node.name}: started`);
  }

  #fragmentsOptions(node: SimulatedNode, nats: Nats): FragmentsOptions {
    const { outside, planted } = this.options;
    return {
      nats,
      ports: node.ports,
      disk: this.disk.open(node, 'checkpoints'),
      openLog: async ({ channel }, limits, known) => this.logs.open(node, channel, limits, known),
      seams: planted,
      connector: outsideConnector({ outside, node }),
    };
  }
}

async function checkpointsOf(
  options: FragmentsOptions,
  region: RegionName,
  domain: string | undefined,
  {
    keep,
    known,
  }: { readonly keep: number; readonly known: { readonly id: number; readonly epoch: number } | undefined },
): Promise<CheckpointStore> {
  const store = await stateStore(options, region, domain);
  return options.seams.checkpoints(openCheckpoints({ ...region, keep, store, ...defined({ known }) }));
}
