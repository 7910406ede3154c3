/** The nats connector keeps the contract of connectors of servers, as far as core NATS can. */

import { bytesOf, messageOf, NatsWorld, natsRefusals } from '../../test/contract/served-nats.ts';
import { servedSink } from '../../test/contract/served-sink.ts';
import { servedSource } from '../../test/contract/served-source.ts';
import { hasNats, NO_NATS } from '../../test/kit/nats-server.ts';
import { nats as connector } from './nats.ts';

const AT_MOST_ONCE = 'core NATS keeps nothing: what nobody hears is gone';
const AT_LEAST_ONCE = 'output is seen as it is written';
const missing = hasNats() ? undefined : NO_NATS.installed;

servedSource({
  title: 'nats',
  connector,
  missing,
  start: () => NatsWorld.start(),
  place: async (world: NatsWorld) => {
    const subject = world.fresh();
    const send = async (messages: readonly Uint8Array[]): Promise<void> => {
      for (const message of messages) world.nats.publish(subject, message);
      await world.nats.flush();
    };
    return {
      options: { url: world.url, subject },
      publish: (rows) => send(rows.map(messageOf)),
      poison: () => send([bytesOf('no json')]),
      listened: () => world.listened(subject),
    };
  },
  passed: (world) => world.relay.passed,
  bound: Number.POSITIVE_INFINITY,
  exceptions: {
    'reads what was there': AT_MOST_ONCE,
    'goes on from every position': AT_MOST_ONCE,
    'is sent again what was not acknowledged, and nothing that was': AT_MOST_ONCE,
    'holds no more than its bound while nobody reads, and loses nothing':
      'what is beyond `maxQueue` is left out and told: see nats.test.ts',
    'the connection is lost and comes back while it reads': AT_MOST_ONCE,
    'the server is killed and comes back while it reads': AT_MOST_ONCE,
  },
  refusals: natsRefusals({ subject: 'x' }),
});

servedSink({
  title: 'nats',
  connector,
  missing,
  start: () => NatsWorld.start(),
  place: async (world: NatsWorld) => {
    const subject = world.fresh();
    const seen: number[] = [];
    const listening = world.nats.subscribe(subject, ({ data }) => {
      seen.push(JSON.parse(new TextDecoder().decode(data)).id);
    });
    await world.nats.flush();
    return {
      options: { url: world.url, subject },
      collected: async () => [...seen],
      close: async () => listening.close(),
    };
  },
  repeats: true,
  little: { options: {} },
  exceptions: {
    'shows output when its checkpoint is complete, once, however often it is committed': AT_LEAST_ONCE,
    'a checkpoint that was given up goes with the next': AT_LEAST_ONCE,
    'commits through a killed server': 'who listens is cut off with it, and core NATS keeps nothing',
    'leaves nothing behind when it is aborted before its checkpoint': AT_LEAST_ONCE,
    'goes on from a checkpoint that was not committed': AT_LEAST_ONCE,
    'goes on from a checkpoint that was committed, and one without output': AT_LEAST_ONCE,
  },
  refusals: natsRefusals({ subject: 'x' }),
});
