/** A link between the two ends of a channel that loses, delays, repeats, reorders and damages datagrams as a seed says. */
import type { Ports } from '../../engine/ports.ts';
import type { DatagramPort } from '../../engine/transport/protocol/datagram.ts';

export interface LinkFaults {
  /** Shares of datagrams, 0 to 1. */
  readonly lose?: number;
  readonly repeat?: number;
  readonly damage?: number;
  /** Milliseconds; datagrams keep their order unless `reorder`. */
  readonly delay?: readonly [number, number];
  readonly reorder?: boolean;
  readonly maxBytes?: number;
  readonly seed?: number;
}

/** Marsaglia's xorshift of 32 bits. */
export function randomOf(seed: number): () => number {
  let state = seed | 0 || 1;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) / 2 ** 32;
  };
}

class Side implements DatagramPort {
  readonly checked: boolean;
  readonly #link: LossyLink;
  readonly #toSender: boolean;
  #handler: (bytes: Uint8Array) => void = () => undefined;
  #status: (down: string | undefined) => void = () => undefined;

  constructor(link: LossyLink, toSender: boolean) {
    this.#link = link;
    this.#toSender = toSender;
    this.checked = (link.faults.damage ?? 0) === 0;
  }

  get maxBytes(): number {
    return this.#link.maxBytes;
  }

  send(bytes: Uint8Array, written?: () => void): void {
    if (bytes.length > this.maxBytes) throw new Error(`a datagram of ${bytes.length} bytes; ${this.maxBytes} may go`);
    this.#link.carry(bytes, this.#toSender);
    written?.();
  }

  onMessage(handler: (bytes: Uint8Array) => void): void {
    this.#handler = handler;
  }

  onStatus(listener: (down: string | undefined) => void): void {
    this.#status = listener;
  }

  room(): undefined {
    return undefined;
  }

  close(): void {
    this.#link.leave(this);
  }

  hear(bytes: Uint8Array): void {
    this.#handler(bytes);
  }

  tell(down: string | undefined): void {
    this.#status(down);
  }
}

export class LossyLink {
  readonly faults: LinkFaults;
  maxBytes: number;
  /** Datagrams that were sent. */
  sent = 0;
  readonly #ports: Ports;
  readonly #random: () => number;
  readonly #senders = new Set<Side>();
  readonly #receivers = new Set<Side>();
  readonly #last = [0, 0];
  #isCut = false;

  constructor(ports: Ports, faults: LinkFaults = {}) {
    this.#ports = ports;
    this.faults = faults;
    this.maxBytes = faults.maxBytes ?? 65_536;
    this.#random = randomOf(faults.seed ?? 1);
  }

  /** As many as are opened: old ends go on hearing beside the new. */
  senderPort(): DatagramPort {
    const side = new Side(this, false);
    this.#senders.add(side);
    return side;
  }

  receiverPort(): DatagramPort {
    const side = new Side(this, true);
    this.#receivers.add(side);
    return side;
  }

  leave(side: Side): void {
    this.#senders.delete(side);
    this.#receivers.delete(side);
  }

  /** Loses everything until `mend`; the ends are told only where `told`. */
  cut(told = false): void {
    this.#isCut = true;
    if (told) this.#tell('the link is cut');
  }

  mend(told = false): void {
    this.#isCut = false;
    if (told) this.#tell(undefined);
  }

  carry(bytes: Uint8Array, toSender: boolean): void {
    this.sent += 1;
    const { lose = 0, repeat = 0, damage = 0 } = this.faults;
    if (this.#isCut || this.#random() < lose) return;
    const copy = new Uint8Array(bytes);
    if (this.#random() < damage) {
      const at = Math.floor(this.#random() * copy.length);
      copy[at] = (copy[at] ?? 0) ^ (1 << Math.floor(this.#random() * 8));
    }
    this.#deliver(copy, toSender);
    if (this.#random() < repeat) this.#deliver(new Uint8Array(copy), toSender);
  }

  #deliver(bytes: Uint8Array, toSender: boolean): void {
    const [least, most] = this.faults.delay ?? [1, 1];
    const way = toSender ? 0 : 1;
    let at = this.#ports.monotonic() + least + this.#random() * (most - least);
    if (this.faults.reorder !== true) at = Math.max(at, this.#last[way] ?? 0);
    this.#last[way] = at;
    this.#ports.after(at - this.#ports.monotonic(), () => {
      for (const side of toSender ? this.#senders : this.#receivers) side.hear(new Uint8Array(bytes));
    });
  }

  #tell(down: string | undefined): void {
    for (const side of [...this.#senders, ...this.#receivers]) side.tell(down);
  }
}
