/** A user who moves operators between agents and changes their partitions all the time, and what becomes of it. */
import { ClusterClient } from '../../../engine/cluster/client.ts';
import type { MoveRequest } from '../../../engine/cluster/coordinator/try-moving.ts';
import type { AppName } from '../../../engine/cluster/documents/names.ts';
import type { MoveReceipt } from '../../../engine/cluster/documents/status.ts';
import { messageOf } from '../../../engine/errors.ts';
import type { SimulatedCluster } from './simulated-cluster.ts';

const ENTRIES = ['valid', 'sums'] as const;
const AGENTS = ['c1', 'c2'] as const;
/** Milliseconds between two of them, at least and at most. */
const PAUSE = [100, 2_500] as const;

export class Mover {
  readonly #continuum: SimulatedCluster;
  readonly #app: AppName;
  /** By revision. */
  readonly #receipts = new Map<number, MoveReceipt>();

  constructor(continuum: SimulatedCluster, app: AppName) {
    this.#continuum = continuum;
    this.#app = app;
  }

  /** How many changes were made, while rows flowed and by a restart. */
  get moves(): { readonly live: number; readonly restart: number } {
    const all = [...this.#receipts.values()];
    const live = all.filter(({ how }) => how === 'live').length;
    return { live, restart: all.length - live };
  }

  /** As long as the virtual time is before `until`. */
  async run(until: number): Promise<void> {
    const { stage, hub } = this.#continuum;
    const node = stage.network.node('mover');
    const { random } = stage;
    let client: ClusterClient | undefined;
    while (stage.now < until) {
      await new Promise<void>((resolve) => node.after(random.between(...PAUSE), resolve));
      try {
        client ??= new ClusterClient(await stage.network.connect(node, [hub]), node.ports, 'hub');
        const request = this.#request();
        stage.say(`mover: ${JSON.stringify(request)}`);
        await client.move(this.#app, request);
      } catch (error) {
        stage.say(`mover: ${messageOf(error)}`);
      }
    }
  }

  /** Takes down what leaders say. */
  look(): void {
    for (const { agent, alive } of this.#continuum.machines) {
      for (const { move } of alive ? (agent?.status().regions ?? []) : []) {
        if (move !== undefined) this.#receipts.set(move.revision, move);
      }
    }
  }

  #request(): MoveRequest {
    const { random } = this.#continuum.stage;
    const entries = random.chance(0.2) ? ENTRIES : [random.pick(ENTRIES)];
    if (random.chance(0.3)) return { entries: ['sums'], partitions: random.integer(1, 3) };
    return { entries, site: 'centre', agent: random.pick(AGENTS) };
  }
}
