/** Every transport keeps the contract, NATS on the oldest and the newest server that we support. */
import { describe } from 'vitest';
import { type TransportWorld, transportContract } from '../../test/contract/transport.ts';
import { randomOf } from '../../test/kit/lossy-link.ts';
import { hasNats, type NatsVersion, NO_NATS, startNats } from '../../test/kit/nats-server.ts';
import { Relay } from '../../test/kit/relay.ts';
import { connectNats } from '../nats/client.ts';
import type { Nats } from '../nats/nats.ts';
import { realPorts } from '../ports.ts';
import { LocalBroker, LocalTransport } from './local.ts';
import { NatsTransport } from './nats.ts';
import { ThreadTransport } from './thread.ts';

transportContract({
  title: 'thread',
  lossless: 'memory of one thread loses nothing',
  open: async () => {
    const transport = new ThreadTransport();
    return { sending: transport, receiving: transport, close: () => transport.close() };
  },
});

transportContract({
  title: 'local',
  lossless: 'memory of one process loses nothing',
  open: async () => {
    const broker = new LocalBroker();
    const sending = new LocalTransport(broker.connect());
    const receiving = new LocalTransport(broker.connect());
    return {
      sending,
      receiving,
      close: async () => {
        await Promise.all([sending.close(), receiving.close()]);
        broker.close();
      },
    };
  },
});

/** A connection that loses a share of what is published. */
function lossy(nats: Nats, share: () => number, seed: number): Nats {
  const random = randomOf(seed);
  const publish = (...call: Parameters<Nats['publish']>): void => {
    if (random() >= share()) nats.publish(...call);
  };
  return new Proxy(nats, {
    get: (target, name) => {
      if (name === 'publish') return publish;
      const member: unknown = Reflect.get(target, name, target);
      return typeof member === 'function' ? member.bind(target) : member;
    },
  });
}

async function natsWorld(version: NatsVersion): Promise<TransportWorld> {
  const server = await startNats({ version, jetstream: false });
  const relay = await Relay.start(server.port);
  const servers = `nats://127.0.0.1:${relay.port}`;
  let share = 0;
  const clients = [await connectNats({ servers }), await connectNats({ servers })];
  const [sending, receiving] = clients.map(
    (client, index) => new NatsTransport({ nats: lossy(client, () => share, index + 1), ports: realPorts }),
  );
  if (sending === undefined || receiving === undefined) throw new Error('two clients make two transports');
  return {
    sending,
    receiving,
    lose: (lost) => {
      share = lost;
    },
    cut: () => relay.cut(),
    heal: () => relay.heal(),
    restart: () => server.restart(),
    close: async () => {
      relay.heal();
      await Promise.all([sending.close(), receiving.close()]);
      await Promise.all(clients.map((client) => client.close(100)));
      await relay.close();
      await server.stop();
    },
  };
}

for (const version of ['installed', 'newest'] satisfies NatsVersion[]) {
  const reason = hasNats(version) ? '' : ` (skipped: ${NO_NATS[version]})`;
  describe.skipIf(!hasNats(version))(`the ${version} nats-server${reason}`, () => {
    transportContract({ title: 'nats', open: () => natsWorld(version) });
  });
}
