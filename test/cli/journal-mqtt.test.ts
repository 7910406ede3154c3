/** A journaled subscription in a process that is killed just when its confirmations are on their way: what the broker sends again is not taken twice. */
import { connectAsync, type MqttClient } from 'mqtt';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { LosingRelay } from '../kit/losing-relay.ts';
import { hasMosquitto, type Mosquitto, startMosquitto } from '../kit/mosquitto.ts';
import { JournaledRun, numbers } from './journaled.ts';

/** First bytes of packets (MQTT 5, section 2.1.2), which are sent each by itself. */
const [PUBACK, PUBREC, PUBREL, PUBCOMP, SUBACK] = [0x40, 0x50, 0x62, 0x70, 0x90];

const there = hasMosquitto();

describe.skipIf(!there)(`a journaled subscription${there ? '' : ' (skipped: mosquitto is not installed)'}`, () => {
  let broker: Mosquitto;
  let relay: LosingRelay;
  let publisher: MqttClient;
  let run: JournaledRun | undefined;
  let topics = 0;
  let topic = '';
  beforeAll(async () => {
    broker = await startMosquitto();
    publisher = await connectAsync(broker.url);
  });
  afterAll(async () => {
    await publisher?.endAsync(true);
    await broker?.stop();
  });
  afterEach(async () => {
    await run?.close();
    await relay?.close();
  });

  /** Resolves when it is subscribed. */
  async function begin(qos: 1 | 2): Promise<JournaledRun> {
    relay = await LosingRelay.start(broker.port);
    const subscribed = seen('server', SUBACK);
    topic = `t/${++topics}`;
    run = await JournaledRun.start({ mqtt: { url: `mqtt://127.0.0.1:${relay.port}`, topic, qos, clientId: topic } });
    await subscribed;
    return run;
  }

  /** Resolves when so many packets of that kind have come by. */
  function seen(side: 'client' | 'server', kind: number, count = 1): Promise<void> {
    let left = count;
    return new Promise((resolve) => {
      relay.sees = (from, piece) => {
        // a SUBACK may follow others in one piece
        if (from === side && (piece[0] === kind || piece.includes(kind))) left -= 1;
        if (left === 0) resolve();
      };
    });
  }

  async function publish(ids: readonly number[], qos: 1 | 2): Promise<void> {
    await Promise.all(ids.map((id) => publisher.publishAsync(topic, JSON.stringify({ id }), { qos })));
  }

  it.each([
    ['QoS 1, PUBACK', 1, 'client', PUBACK],
    ['QoS 2, PUBREC', 2, 'client', PUBREC],
    ['QoS 2, PUBREL', 2, 'server', PUBREL],
    ['QoS 2, PUBCOMP', 2, 'client', PUBCOMP],
  ] as const)('takes each message once though it is killed and %s lost', async (_, qos, side, kind) => {
    const running = await begin(qos);
    const before = 4;
    // one by one: how the broker numbers messages shows when it has heard that others are safe
    for (const id of numbers(0, before)) {
      await publish([id], qos);
      await running.out(id + 1);
    }
    const lost = seen(side, kind, 1);
    relay.loses = (from, piece) => from === side && piece[0] === kind;
    await publish(numbers(before, before + 5), qos);
    await lost;
    await running.kill();
    relay.loses = () => false;
    await publish(numbers(before + 5, before + 8), qos);
    running.begin();
    await running.out(before + 8);
    await running.stop();
    expect(running.ids).toEqual(numbers(0, before + 8));
  });
});
