/** Datagrams of one channel end over core NATS, and the pace of all that share a connection. */
import { CloudskinError } from '../errors.ts';
import type { Nats, Subscription } from '../nats/nats.ts';
import type { DatagramPort } from './protocol/datagram.ts';
import { Signal } from './protocol/end.ts';

/** Bytes not yet written to the connection above which senders wait. */
const MOST_PENDING = 4 * 1024 * 1024;

/** Holds senders back while the connection is down or has much to write. */
export class NatsPace {
  readonly nats: Nats;
  #flushing: Promise<void> | undefined;
  readonly #connected = new Signal();
  readonly #status: Subscription;
  readonly #errors: Subscription;
  readonly #listeners = new Set<(down: string | undefined) => void>();
  readonly #refused = new Set<(error: CloudskinError) => void>();

  constructor(nats: Nats) {
    this.nats = nats;
    this.#status = nats.onStatus((status) => {
      this.#connected.settle();
      const down = status === 'reconnected' ? undefined : lostReason(status);
      for (const listener of [...this.#listeners]) listener(down);
    });
    this.#errors = nats.onError((error) => {
      if (!(error instanceof CloudskinError) || error.code !== 'nats.permission') return;
      for (const listener of [...this.#refused]) listener(error);
    });
  }

  room(): Promise<void> | undefined {
    const { nats } = this;
    if (!nats.connected) return this.#connected.wait();
    if (nats.pendingBytes < MOST_PENDING) return undefined;
    // fails where the connection is lost, and then there is nothing to wait for
    this.#flushing ??= nats
      .flush()
      .catch(() => undefined)
      .then(() => {
        this.#flushing = undefined;
      });
    return this.#flushing;
  }

  /** `refused` hears of everything that the server does not permit on this connection. */
  listen(status: (down: string | undefined) => void, refused: (error: CloudskinError) => void): Subscription {
    this.#listeners.add(status);
    this.#refused.add(refused);
    return {
      close: () => {
        this.#listeners.delete(status);
        this.#refused.delete(refused);
      },
    };
  }

  close(): void {
    this.#status.close();
    this.#errors.close();
    this.#connected.settle();
  }
}

function lostReason(status: 'disconnected' | 'closed'): string {
  return status === 'closed' ? 'the connection to NATS was closed' : 'the connection to NATS is lost';
}

export interface NatsPortOptions {
  readonly says: string;
  readonly hears: string;
  readonly maxPayload: number | undefined;
  onClose(): void;
}

export class NatsPort implements DatagramPort {
  /** TCP finds damage. */
  readonly checked = true;
  readonly #pace: NatsPace;
  readonly #options: NatsPortOptions;
  #subscription: Subscription | undefined;
  #status: Subscription | undefined;

  constructor(pace: NatsPace, options: NatsPortOptions) {
    this.#pace = pace;
    this.#options = options;
  }

  get maxBytes(): number {
    return Math.min(this.#pace.nats.info.maxPayload, this.#options.maxPayload ?? Number.POSITIVE_INFINITY);
  }

  send(bytes: Uint8Array, written?: () => void): void {
    const { nats } = this.#pace;
    try {
      if (written !== undefined && nats.publishKept !== undefined) {
        nats.publishKept(this.#options.says, bytes, written);
        return;
      }
      nats.publish(this.#options.says, bytes);
      written?.();
    } catch (error) {
      written?.();
      // closed, or connected a moment ago to a server that takes less: lost like any other, and cut anew when it is asked for again
      const { code } = error instanceof CloudskinError ? error : { code: '' };
      if (code !== 'nats.closed' && code !== 'nats.payload-too-large') throw error;
    }
  }

  onMessage(handler: (bytes: Uint8Array) => void): void {
    this.#subscription = this.#pace.nats.subscribe(this.#options.hears, ({ data }) =>
      // nats.js hands out Buffers, whose slices are not copies
      handler(new Uint8Array(data.buffer, data.byteOffset, data.byteLength)),
    );
  }

  onStatus(listener: (down: string | undefined) => void): void {
    const { says, hears } = this.#options;
    this.#status = this.#pace.listen(listener, ({ message }) => {
      if (message.includes(says) || message.includes(hears)) listener(message);
    });
    if (!this.#pace.nats.connected) listener(lostReason('disconnected'));
  }

  room(): Promise<void> | undefined {
    return this.#pace.room();
  }

  close(): void {
    this.#subscription?.close();
    this.#status?.close();
    this.#options.onClose();
  }
}
