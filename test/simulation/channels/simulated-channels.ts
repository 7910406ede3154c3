/** Two servers with a link between them, two processes behind each, and channels from process to process. */
import type { Link } from '../nats/link.ts';
import type { SimulatedServer } from '../nats/server.ts';
import type { Stage } from '../stage.ts';
import { Lane, type Process } from './lane.ts';
import { plantChannels } from './plants.ts';

export class SimulatedChannels {
  readonly stage: Stage;
  readonly servers: readonly SimulatedServer[];
  readonly link: Link;
  readonly processes: Process[] = [];
  readonly lanes: Lane[] = [];
  readonly #plant: string | undefined;

  constructor(stage: Stage, plant: string | undefined) {
    this.stage = stage;
    this.#plant = plant;
    const maxPayload = stage.random.pick([2_048, 8_192, 65_536]);
    this.servers = ['edge', 'cloud'].map((name) => stage.network.server({ name, domain: name, maxPayload }));
    this.link = stage.network.link(this.server(0), this.server(1));
  }

  server(index: number): SimulatedServer {
    const server = this.servers[index];
    if (server === undefined) throw new RangeError(`no server ${index}`);
    return server;
  }

  process(index: number): Process {
    const process = this.processes[index];
    if (process === undefined) throw new RangeError(`no process ${index}`);
    return process;
  }

  async begin(): Promise<void> {
    for (let index = 0; index < 4; index += 1) this.processes.push(await this.makeProcess(index));
    const { random } = this.stage;
    for (let index = 0; index < 4; index += 1) {
      const from = index % 4;
      const to = (from + random.integer(1, 3)) % 4;
      const lane = new Lane({
        channel: `c${index}`,
        stage: this.stage,
        random: random.fork(`lane ${index}`),
        items: random.integer(40, 70),
        maxBytes: random.pick([6_000, 20_000, 100_000]),
        largest: random.pick([50, 1_500, 5_000]),
        from,
        to,
        process: (at) => this.process(at),
      });
      this.lanes.push(lane);
      lane.open();
    }
  }

  /** Two processes a server. */
  async makeProcess(index: number): Promise<Process> {
    const node = this.stage.network.node(`p${index}`);
    node.rate = 1 + (this.stage.random.next() - 0.5) * 0.01;
    const nats = await this.stage.network.connect(node, [this.server(index % 2)]);
    return { node, nats: plantChannels(nats, this.#plant), connection: nats };
  }

  get alive(): readonly Process[] {
    return this.processes.filter(({ node }) => node.alive);
  }

  hosts(process: number): { readonly sending: readonly Lane[]; readonly receiving: readonly Lane[] } {
    const { node } = this.process(process);
    return {
      sending: this.lanes.filter((lane) => lane.from.node === node),
      receiving: this.lanes.filter((lane) => lane.to.node === node),
    };
  }
}
