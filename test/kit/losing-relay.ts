/** A TCP relay in front of a server that loses what a test chooses, and goes on as if it had been delivered: as when a process is killed while bytes are on their way. */
import { createServer, type Server, type Socket, connect as tcp } from 'node:net';

export type Side = 'client' | 'server';

export class LosingRelay {
  readonly #server: Server;
  readonly #target: number;
  readonly #sockets = new Set<Socket>();
  /** Whether a piece that this side sent is lost. */
  loses: (from: Side, piece: Buffer) => boolean = () => false;
  /** Sees every piece, lost or not. */
  sees: (from: Side, piece: Buffer) => void = () => undefined;

  private constructor(target: number) {
    this.#target = target;
    this.#server = createServer((socket) => this.#accept(socket));
  }

  /** In front of a port of 127.0.0.1. */
  static async start(target: number): Promise<LosingRelay> {
    const relay = new LosingRelay(target);
    await new Promise<void>((resolve, reject) => {
      relay.#server.once('error', reject);
      relay.#server.listen(0, '127.0.0.1', resolve);
    });
    return relay;
  }

  get port(): number {
    const address = this.#server.address();
    return typeof address === 'object' && address !== null ? address.port : 0;
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
  }

  #accept(client: Socket): void {
    const server = tcp(this.#target, '127.0.0.1');
    this.#join(client, server, 'client');
    this.#join(server, client, 'server');
  }

  #join(from: Socket, to: Socket, side: Side): void {
    this.#sockets.add(from);
    from.setNoDelay(true);
    from.on('data', (piece: Buffer) => {
      this.sees(side, piece);
      if (!this.loses(side, piece)) to.write(piece);
    });
    // an error is followed by the end, which ends the other side as well
    from.on('error', () => undefined);
    from.on('close', () => {
      this.#sockets.delete(from);
      to.destroy();
    });
  }
}
