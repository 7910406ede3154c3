/**
 * What the protocol core asks of a carrier: datagrams one way and back between the two ends of one channel. A carrier may lose, delay and
 * repeat them, and change their order where it has connected anew. `nats.ts` is one; tests have one that does all of that on purpose.
 */
export interface DatagramPort {
  /**
   * Takes the bytes before it returns; with `written` they stay as they are until it is called, once, and need not be copied. Where it cannot send
   * now, they are lost.
   */
  send(bytes: Uint8Array, written?: () => void): void;
  /** The bytes are the handler's. Called once, at the beginning. */
  onMessage(handler: (bytes: Uint8Array) => void): void;
  /** Called when the carrier knows of itself that it is cut off (with the reason), and when it is back (undefined). Called once, at the beginning. */
  onStatus(listener: (down: string | undefined) => void): void;
  /** Of the largest datagram now; at least 1,024. */
  readonly maxBytes: number;
  /** A promise while more should not be sent, since what was is not written yet. */
  room(): Promise<void> | undefined;
  /** True where the carrier itself finds damage; else every datagram carries a checksum. */
  readonly checked: boolean;
  /** No handler is called after it returns. */
  close(): void;
}

/** All in milliseconds. */
export interface Timing {
  /** An end that has nothing to say says so this often. */
  readonly keepAlive: number;
  /** The other end counts as disconnected when nothing was heard for so long. */
  readonly silence: number;
  /** Acknowledgements wait so long for more to acknowledge. */
  readonly acknowledge: number;
  /** The shortest wait before a sender asks what became of its items. It doubles with every unanswered question, up to `keepAlive`. */
  readonly ask: number;
}

export const TIMING: Timing = { keepAlive: 1_000, silence: 3_500, acknowledge: 20, ask: 50 };
