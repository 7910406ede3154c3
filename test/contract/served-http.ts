/** HTTP servers for the suites of connectors of servers: senders of a webhook, an address that is fetched, and one that rows are sent to. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { Value } from '../../engine/batch/types.ts';
import { freePort } from '../kit/nats-server.ts';
import { Relay } from '../kit/relay.ts';
import type { ServedWorld, SinkPlace, SourcePlace } from './served-connector.ts';

type Handler = (request: IncomingMessage, response: ServerResponse, body: string) => void;

/** A server behind a relay; what it has taken it still has when it was killed. */
export class HttpWorld implements ServedWorld {
  readonly relay: Relay;
  readonly #port: number;
  #server: Server | undefined;
  readonly #handlers = new Map<string, Handler>();
  #count = 0;

  private constructor(relay: Relay, port: number) {
    this.relay = relay;
    this.#port = port;
  }

  static async start(): Promise<HttpWorld> {
    const port = await freePort();
    const world = new HttpWorld(await Relay.start(port), port);
    await world.start();
    return world;
  }

  /** An address of the test's own. */
  place(handler: Handler): string {
    this.#count += 1;
    const path = `/p${this.#count}`;
    this.#handlers.set(path, handler);
    return `http://127.0.0.1:${this.relay.port}${path}`;
  }

  cut(): void {
    this.relay.cut();
  }

  heal(): void {
    this.relay.heal();
  }

  async kill(): Promise<void> {
    const server = this.#server;
    this.#server = undefined;
    if (server === undefined) return;
    const closed = new Promise((resolve) => server.close(resolve));
    server.closeAllConnections();
    await closed;
  }

  async start(): Promise<void> {
    const server = createServer((request, response) => {
      const pieces: Buffer[] = [];
      request.on('data', (piece: Buffer) => pieces.push(piece));
      request.on('end', () => {
        const handler = this.#handlers.get(request.url ?? '');
        if (handler === undefined) response.writeHead(404).end();
        else handler(request, response, Buffer.concat(pieces).toString());
      });
    });
    await new Promise<void>((resolve) => server.listen(this.#port, '127.0.0.1', resolve));
    this.#server = server;
  }

  async stop(): Promise<void> {
    await this.kill();
    await this.relay.close();
  }
}

const textOf = (row: readonly Value[]): string => JSON.stringify({ id: Number(row[0]), text: row[1] });

/** An address whose answer is the next of what was published once its reader says that it has the one before (If-None-Match). */
export function fetchedPlace(world: HttpWorld): SourcePlace {
  const answers: string[] = [];
  let at = 0;
  const url = world.place((request, response) => {
    if (request.headers['if-none-match'] === `"${at}"`) at += 1;
    const body = answers[at];
    const etag = `"${at}"`;
    if (body === undefined) response.writeHead(304).end();
    else response.writeHead(200, { etag, 'content-length': Buffer.byteLength(body) }).end(body);
  });
  return {
    options: { url, every: '20ms' },
    publish: async (rows) => void answers.push(`[${rows.map(textOf).join(',')}]`),
    poison: async () => void answers.push('no json'),
  };
}

/** An address that takes every request once, by its key, and confirms it afterwards. */
export function sentPlace(world: HttpWorld): SinkPlace {
  const taken = new Map<string, number>();
  const url = world.place((request, response, body) => {
    const key = String(request.headers['idempotency-key']);
    if (!taken.has(key)) taken.set(key, JSON.parse(body).id);
    response.writeHead(200).end();
  });
  return { options: { url }, collected: async () => [...taken.values()] };
}

/** A webhook's side of the world: the connector is the server, and what `cut` cuts is the way to it. */
export class WebhookWorld implements ServedWorld {
  readonly #stopping = new AbortController();
  readonly #relays: Relay[] = [];

  static async start(): Promise<WebhookWorld> {
    return new WebhookWorld();
  }

  cut(): void {
    for (const relay of this.#relays) relay.cut();
  }

  heal(): void {
    for (const relay of this.#relays) relay.heal();
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    for (const relay of this.#relays) await relay.close();
  }

  /** Bodies are on their way until they are answered by 200: each sender repeats its own, and a rejected place ends them. */
  async place(): Promise<SourcePlace> {
    const port = await freePort();
    const relay = await Relay.start(port);
    this.#relays.push(relay);
    const done = new AbortController();
    const signal = AbortSignal.any([done.signal, this.#stopping.signal]);
    let last: Promise<unknown> = Promise.resolve();
    const post = async (body: string): Promise<void> => {
      last = repeat(`http://127.0.0.1:${relay.port}/`, body, signal);
    };
    return {
      options: { listen: `127.0.0.1:${port}`, queue: '1MB' },
      publish: async (rows) => {
        await post(`[${rows.map(textOf).join(',')}]`);
      },
      poison: () => post('no json'),
      close: async () => {
        done.abort();
        await last;
      },
    };
  }
}

/** Sends a body until it is taken. */
async function repeat(url: string, body: string, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    const status = await fetch(url, { method: 'POST', body, signal }).then(
      (response) => response.status,
      () => 0,
    );
    if (status === 200) return;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
