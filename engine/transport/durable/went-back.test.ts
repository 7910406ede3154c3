/** Durable channels on a simulated server that goes back while the receiver is cut off: how much is written again before that is back, is for the test to say. */
import { describe, expect, it } from 'vitest';
import { Told } from '../../../test/contract/transport.ts';
import { SimulatedNetwork } from '../../../test/simulation/nats/network.ts';
import { MemoryLog } from '../../state/log/memory.ts';
import type { DurableReceiver, DurableSender } from './durable.ts';
import { DurableTransport } from './transport.ts';

const address = { namespace: 'default', app: 'shop', channel: 'edge-cloud' };
/** Milliseconds in which what can go on does. */
const SOON = 1_000;
const PATIENCE = 60_000;

class World {
  readonly network = new SimulatedNetwork(1);
  readonly server = this.network.server({ name: 'hub' });
  readonly told = new Told();
  #sent = 0;

  async transport(name: string) {
    const node = this.network.node(name);
    const connecting = this.network.connect(node, [this.server]);
    await this.pass(SOON);
    const nats = await connecting;
    const openLog = async (_: unknown, limits: ConstructorParameters<typeof MemoryLog>[0]) => new MemoryLog(limits);
    return { nats, transport: new DurableTransport({ nats, ports: node.ports, openLog }) };
  }

  async pass(milliseconds: number, done: () => boolean = () => false): Promise<void> {
    const { clock } = this.network;
    await clock.run(done, clock.now + milliseconds);
  }

  /** So many items, each in a message of its own; or, where the server is away, in those of the sender's choice. */
  async publish(sender: DurableSender, items: number): Promise<void> {
    for (let count = 0; count < items; count += 1) {
      this.#sent += 1;
      sender.send({ kind: 'batch', payload: new Uint8Array(8), rows: this.#sent });
      const mark = sender.mark();
      await sender.drained();
      sender.commit(mark);
      if (this.server.up) await this.pass(SOON);
    }
  }
}

function take(receiver: DurableReceiver, into: number[]): void {
  for (let item = receiver.take(); item !== undefined; item = receiver.take()) {
    if (item.kind === 'batch') into.push(item.rows);
  }
}

describe('a durable channel whose stream went back and was written again while the receiver was cut off', () => {
  // of ten messages five are left; all that is missing goes into one, and then come so many further ones
  it.each([
    { further: 0, where: 'before where the receiver was' },
    { further: 4, where: 'exactly to where the receiver was' },
    { further: 8, where: 'beyond where the receiver was' },
  ])('hands on every item once, where that reaches $where', async ({ further }) => {
    const world = new World();
    const [near, far] = [await world.transport('near'), await world.transport('far')];
    const sender = await near.transport.openSender(address, { epoch: 1, maxBytes: 1 << 20 }, world.told);
    const receiver = await far.transport.openReceiver(address, { epoch: 1, maxBytes: 1 << 20 }, world.told);
    const taken: number[] = [];
    await world.publish(sender, 5);
    const disk = world.server.streams.disk();
    await world.publish(sender, 5);
    take(receiver, taken);
    expect(taken.length).toBe(10);

    world.network.cut(far.nats);
    world.server.crash();
    await world.publish(sender, 1);
    world.server.start(disk);
    await world.pass(10 * SOON);
    await world.publish(sender, further);
    const [{ lastSequence } = { lastSequence: 0 }] = [...world.server.streams.disk().values()];
    expect(lastSequence).toBe(6 + further);
    world.network.heal(far.nats);

    const all = Array.from({ length: 11 + further }, (_, index) => index + 1);
    await world.pass(PATIENCE, () => {
      take(receiver, taken);
      return taken.length >= all.length;
    });
    expect(taken).toEqual(all);
  });
});
