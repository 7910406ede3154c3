/** What a stream over channels says of its progress while a link is down. */
import { describe, expect, it } from 'vitest';
import { ManualPorts } from '../../../test/kit/manual-ports.ts';
import type { Schema } from '../../batch/types.ts';
import type { Channel, FragmentPlan, Inlet } from '../../compile/fragment-plan.ts';
import type { InletState } from '../../state/checkpoint/state.ts';
import type { DurableEnds, DurableReceiver } from '../../transport/durable/durable.ts';
import type { ChannelEvents, Item } from '../../transport/transport.ts';
import { Control } from '../control.ts';
import { Channels, NO_CHANNELS } from './channels.ts';
import { InletNode } from './inlet-node.ts';

const SCHEMA: Schema = { fields: [{ name: 'at', type: { kind: 'timestamp', unit: 'ms' }, nullable: true }], time: 0 };
const host = { site: 'hub', agent: 'a', worker: 0 };
const channel: Channel = { id: 'c', from: 'far', to: 'near', transport: 'durable', why: '', maxBytes: 1000 };
const inlet: Inlet = { stream: { node: 'rows', port: '' }, schema: SCHEMA, channels: [channel] };
const plan: FragmentPlan = {
  namespace: 'default',
  app: 'shop',
  revision: 1,
  name: 'near',
  host,
  region: 'after_rows',
  sources: [],
  cells: [],
  sinks: [],
  shares: new Map(),
  inlets: [inlet],
  outlets: [],
};

/** A receiver that a test feeds, and whose link it cuts. */
class Scripted implements DurableReceiver {
  current = true;
  events: ChannelEvents | undefined;
  readonly lost = 0;
  position = 0;
  readonly #items: Item[] = [];
  #wake: (() => void) | undefined;

  get stats(): DurableReceiver['stats'] {
    return { connected: true, items: 0, bytes: 0, rows: 0, repeated: 0, dropped: 0, queued: 0, roundTrip: 0 };
  }

  put(item: Item): void {
    this.#items.push(item);
    this.#wake?.();
  }

  take(): Item | undefined {
    const item = this.#items.shift();
    if (item !== undefined) this.position += 1;
    return item;
  }

  async ready(): Promise<void> {
    if (this.#items.length > 0) return;
    await new Promise<void>((wake) => {
      this.#wake = wake;
    });
  }

  snapshot(): number {
    return this.position;
  }

  acknowledge(): void {}

  async close(): Promise<void> {}
}

interface Stage {
  readonly ports: ManualPorts;
  readonly control: Control;
  readonly receiver: Scripted;
  readonly node: InletNode;
  /** What it handed on since the last call. */
  readonly said: () => string[];
  /** Settles when the channel is at its end, or the fragment has failed. */
  readonly run: () => Promise<void>;
}

async function stageOf(restored?: InletState): Promise<Stage> {
  const ports = new ManualPorts();
  const control = new Control(ports);
  const receiver = new Scripted();
  const ends: DurableEnds = {
    openSender: async () => expect.unreachable(),
    openReceiver: async (_address, _options, events) => {
      receiver.events = events;
      return receiver;
    },
    close: async () => undefined,
  };
  const channels = new Channels({ ...NO_CHANNELS, durable: () => ends }, () => undefined);
  const past = { inlet: () => restored, outlet: () => undefined };
  const node = new InletNode(inlet, control, channels, past);
  const all: string[] = [];
  node.stream.attach({
    batch: () => undefined,
    progress: (watermark, idle) => all.push(`${watermark}${idle ? ' idle' : ''}`),
    end: () => all.push('end'),
  });
  await channels.open(plan, control, past);
  const lane = { hold: () => undefined, barrier: () => undefined, ended: () => undefined, isOver: false };
  return { ports, control, receiver, node, said: () => all.splice(0), run: () => node.run(0, receiver, lane, []) };
}

describe('an inlet of a durable channel', () => {
  it('that was idle is not idle while its link is down, nor before what came meanwhile was read', async () => {
    const { ports, receiver, node, said, run } = await stageOf();
    const running = run();
    const hear = async (item: Item): Promise<string[]> => {
      receiver.put(item);
      await ports.advance(1);
      return said();
    };
    expect(await hear({ kind: 'watermark', time: 5n, idle: true })).toEqual(['5 idle']);
    receiver.current = false;
    receiver.events?.disconnected('the link is cut');
    expect(said()).toEqual(['5']);
    // a checkpoint meanwhile keeps what was said
    expect(node.states()).toEqual([['c', { taken: 1, idle: true, ended: false, watermark: 5n }]]);
    receiver.events?.connected();
    expect(said()).toEqual([]);
    expect(await hear({ kind: 'watermark', time: 7n, idle: false })).toEqual(['7']);
    receiver.current = true;
    expect(await hear({ kind: 'watermark', time: 8n, idle: true })).toEqual(['8 idle']);
    expect(await hear({ kind: 'end' })).toEqual(['end']);
    await running;
  });

  it('is idle again when its link is there, and nothing came meanwhile', async () => {
    const { control, receiver, said, run } = await stageOf({ taken: 3, idle: true, ended: false, watermark: 9n });
    receiver.current = false;
    const running = run();
    expect(said()).toEqual(['9']);
    receiver.current = true;
    receiver.events?.connected();
    expect(said()).toEqual(['9 idle']);
    control.failed.trip();
    await running;
  });
});
