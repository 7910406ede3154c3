/** The http connector keeps the contract of connectors of servers: webhook, fetching, sending. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll } from 'vitest';
import type { Refusal } from '../../test/contract/served-connector.ts';
import { fetchedPlace, HttpWorld, sentPlace, WebhookWorld } from '../../test/contract/served-http.ts';
import { servedSink } from '../../test/contract/served-sink.ts';
import { servedSource } from '../../test/contract/served-source.ts';
import { http as connector } from './http.ts';

const closing: (() => void)[] = [];
afterAll(() => {
  for (const close of closing) close();
});

/** Takes a port, and says no to all who ask. */
async function unfriendly(): Promise<number> {
  const server = createServer((_request, response) => response.writeHead(403).end('not you'));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  closing.push(() => {
    server.close();
    server.closeAllConnections();
  });
  return (server.address() as AddressInfo).port;
}

const refusals: readonly Refusal[] = [
  {
    title: 'nobody answers',
    options: () => ({ url: 'http://127.0.0.1:1/', retryFor: '100ms' }),
    code: 'http.unreachable',
  },
  {
    title: 'who answers refuses',
    options: async () => ({ url: `http://127.0.0.1:${await unfriendly()}/` }),
    code: 'http.refused',
  },
];

const ITS_OWN = 'the connector is the server here';
const NO_PLACE = 'an answer has no place to go back to';

servedSource({
  title: 'http, a webhook',
  connector,
  start: () => WebhookWorld.start(),
  place: (world: WebhookWorld) => world.place(),
  passed: () => 0,
  bound: 1_000_000,
  exceptions: {
    'goes on from every position': 'whoever sends repeats what was not answered',
    'what was not acknowledged when the connection was lost comes once':
      'who sent it cannot know, and sends it again: at least once',
    'holds no more than its bound while nobody reads, and loses nothing':
      'who sends is told to come back: see http.test.ts',
    'the connection is lost and comes back while it reads':
      'who sent it cannot know, and sends it again: at least once',
    'says what it tries while it is cut off, and when it goes on': ITS_OWN,
    'the server is killed and comes back while it waits': ITS_OWN,
    'the server is killed and comes back while it reads': ITS_OWN,
  },
  refusals: [
    {
      title: 'the address is taken',
      options: async () => ({ listen: `127.0.0.1:${await unfriendly()}` }),
      code: 'http.listen',
    },
  ],
});

servedSource({
  title: 'http, an address that is fetched',
  connector,
  start: () => HttpWorld.start(),
  place: async (world: HttpWorld) => fetchedPlace(world),
  passed: (world) => world.relay.passed,
  bound: 16_000_000,
  exceptions: {
    'goes on from every position': NO_PLACE,
    'is sent again what was not acknowledged, and nothing that was': NO_PLACE,
    'holds no more than its bound while nobody reads, and loses nothing':
      'one answer is held at a time, and no larger one than `maxBody`',
  },
  refusals,
});

servedSink({
  title: 'http',
  connector,
  start: () => HttpWorld.start(),
  place: async (world: HttpWorld) => sentPlace(world),
  little: { options: { maxHeld: '1MB' }, code: 'http.too-much-held' },
  exceptions: {},
  refusals,
});
