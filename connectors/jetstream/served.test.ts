/** The jetstream connector keeps the contract of connectors of servers: all of it. */
import { bytesOf, messageOf, NatsWorld, natsRefusals } from '../../test/contract/served-nats.ts';
import { servedSink } from '../../test/contract/served-sink.ts';
import { servedSource } from '../../test/contract/served-source.ts';
import { hasNats, NO_NATS } from '../../test/kit/nats-server.ts';
import { jetstream as connector } from './jetstream.ts';

const missing = hasNats() ? undefined : NO_NATS.installed;

servedSource({
  title: 'jetstream',
  connector,
  missing,
  start: () => NatsWorld.start(),
  place: async (world: NatsWorld) => {
    const name = world.fresh();
    const js = world.nats.jetstream();
    await js.ensureStream({ name, subjects: [name] });
    const send = async (messages: readonly Uint8Array[]): Promise<void> => {
      for (const message of messages) await js.publish(name, message);
    };
    return {
      options: { url: world.url, stream: name },
      publish: (rows) => send(rows.map(messageOf)),
      poison: () => send([bytesOf('no json')]),
    };
  },
  passed: (world) => world.relay.passed,
  bound: 16_000_000,
  exceptions: {
    'is sent again what was not acknowledged, and nothing that was': 'its position says where it goes on',
  },
  refusals: [...natsRefusals({ stream: 'x' })],
});

servedSink({
  title: 'jetstream',
  connector,
  missing,
  start: () => NatsWorld.start(),
  place: async (world: NatsWorld) => {
    const name = world.fresh();
    const js = world.nats.jetstream();
    await js.ensureStream({ name, subjects: [name] });
    const collected = async (): Promise<number[]> => {
      const ids: number[] = [];
      const last = await js.lastMessage(name, name);
      if (last === undefined) return ids;
      const reader = await js.read(name);
      for (let at = 0; at < last.sequence; ) {
        const message = await reader.next();
        if (message === undefined) break;
        at = message.sequence;
        ids.push(JSON.parse(new TextDecoder().decode(message.data)).id);
      }
      reader.close();
      return ids;
    };
    return { options: { url: world.url, subject: name }, collected };
  },
  little: { options: { maxHeld: '1MB' }, code: 'jetstream.too-much-held' },
  exceptions: {},
  refusals: [...natsRefusals({ subject: 'x' })],
});
