/** The simulation as the world of test/contract/nats: its clock turns by itself as long as the test lives. */
import type { Nats } from '../../../engine/nats/nats.ts';
import { SimulatedNetwork } from '../../simulation/nats/network.ts';
import { EPOCH } from '../../simulation/nats/node.ts';
import type { SimulatedServer } from '../../simulation/nats/server.ts';
import type { Disk, Fate } from '../../simulation/nats/server-streams.ts';
import type { NatsWorld, NatsWorldMaker } from './world.ts';

/** Milliseconds that a server takes to start again. */
const START = 30;

export function simulatedNats(seed: number): NatsWorldMaker {
  return { name: `the simulation, seed ${seed}`, make: () => Promise.resolve(new SimulatedWorld(seed)) };
}

class SimulatedWorld implements NatsWorld {
  readonly #network: SimulatedNetwork;
  readonly #server: SimulatedServer;
  #clients = 0;
  #closed = false;

  constructor(seed: number) {
    this.#network = new SimulatedNetwork(seed);
    this.#server = this.#network.server({ name: 'one', domain: 'one' });
    void this.#turn();
  }

  /** Events happen one after the other, in turns of Node's own loop, so that the test goes on between them. */
  async #turn(): Promise<void> {
    while (!this.#closed) {
      const left = await this.#network.clock.run(() => this.#closed);
      // nothing is left to happen until the test does something
      if (!left) await new Promise((resolve) => setTimeout(resolve, 1));
    }
  }

  connect(): Promise<Nats> {
    this.#clients += 1;
    return this.#network.connect(this.#network.node(`client${this.#clients}`), [this.#server]);
  }

  cut(nats: Nats): Promise<void> {
    const lost = untilStatus(nats, 'disconnected');
    this.#network.cut(nats);
    return lost;
  }

  heal(nats: Nats): Promise<void> {
    const found = untilStatus(nats, 'reconnected');
    this.#network.heal(nats);
    return found;
  }

  restart(): Promise<void> {
    return this.#restart('kept');
  }

  backup(): Promise<unknown> {
    return Promise.resolve(this.#server.streams.disk());
  }

  restore(backup: unknown): Promise<void> {
    return this.#restart(backup as Disk);
  }

  pass(milliseconds: number): Promise<void> {
    return new Promise((resolve) => this.#network.clock.after(milliseconds, resolve));
  }

  now(): number {
    return EPOCH + Math.floor(this.#network.clock.now);
  }

  close(): Promise<void> {
    this.#closed = true;
    return Promise.resolve();
  }

  async #restart(fate: Fate): Promise<void> {
    this.#server.crash();
    await this.pass(START);
    this.#server.start(fate);
  }
}

function untilStatus(nats: Nats, wanted: string): Promise<void> {
  return new Promise((resolve) => {
    const listening = nats.onStatus((status) => {
      if (status !== wanted) return;
      listening.close();
      resolve();
    });
  });
}
