/**
 * The link between the two sites of this example: two network namespaces with a delay of 20 ms each way, some loss and 20 Mbit/s where that
 * is permitted, else loopback with a relay of TCP connections that can be cut.
 */

import type { AddressInfo } from 'node:net';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { networkMissing, openNetwork, type Side } from './network/network.ts';

export interface TwoSites {
  /** What the link is, in words. */
  readonly description: string;
  readonly edge: Place;
  readonly cloud: Place;
  /** Where the edge finds `port` of the cloud. */
  throughLink(port: number): Promise<{ readonly host: string; readonly port: number }>;
  cut(): Promise<void>;
  mend(): Promise<void>;
  close(): Promise<void>;
}

export interface Place {
  readonly address: string;
  /** A command line that runs there. */
  command(program: string, args: readonly string[]): [string, string[]];
}

export async function openTwoSites(loopback: boolean): Promise<TwoSites> {
  const missing = loopback ? 'as asked' : networkMissing();
  if (missing !== undefined) return new Loopback(missing);
  const settings = { delay: 20, jitter: 2, loss: 0.002, rate: '20mbit' };
  const network = await openNetwork(settings);
  return {
    description: 'two network namespaces, 20 ms each way, 0.2 % loss, 20 Mbit/s',
    edge: placeOf(network.a),
    cloud: placeOf(network.b),
    throughLink: async (port) => ({ host: network.b.address, port }),
    cut: () => network.down(),
    mend: () => network.up(),
    close: () => network.close(),
  };
}

function placeOf(side: Side): Place {
  return { address: side.address, command: (program, args) => side.command(program, args) };
}

const HERE: Place = { address: '127.0.0.1', command: (program, args) => [program, [...args]] };

class Loopback implements TwoSites {
  readonly description: string;
  readonly edge: Place = HERE;
  readonly cloud: Place = HERE;
  readonly #sockets = new Set<Socket>();
  readonly #servers: Server[] = [];
  #isCut = false;

  constructor(why: string) {
    this.description = `loopback (${why})`;
  }

  async throughLink(port: number): Promise<{ readonly host: string; readonly port: number }> {
    const server = createServer((near) => {
      if (this.#isCut) {
        near.destroy();
        return;
      }
      const far = connect(port, '127.0.0.1');
      for (const [socket, other] of [
        [near, far],
        [far, near],
      ] as const) {
        this.#sockets.add(socket);
        socket.pipe(other);
        socket.on('error', () => other.destroy());
        socket.on('close', () => {
          this.#sockets.delete(socket);
          other.destroy();
        });
      }
    });
    this.#servers.push(server);
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return { host: '127.0.0.1', port: (server.address() as AddressInfo).port };
  }

  async cut(): Promise<void> {
    this.#isCut = true;
    for (const socket of this.#sockets) socket.destroy();
  }

  async mend(): Promise<void> {
    this.#isCut = false;
  }

  async close(): Promise<void> {
    await this.cut();
    for (const server of this.#servers) await new Promise((resolve) => server.close(resolve));
  }
}
