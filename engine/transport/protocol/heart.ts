/**
 * The life of one end: says something when it has been still for too long, and notices when the other end has. One timer, which fires early and
 * looks again rather than being set anew with every datagram.
 */
import type { Ports, Timer } from '../../ports.ts';
import type { Timing } from './datagram.ts';
import type { EndContext } from './end.ts';

export class Heart {
  readonly #context: EndContext;
  readonly #ports: Ports;
  readonly #timing: Timing;
  readonly #speak: () => void;
  #timer: Timer | undefined;
  #timerAt = 0;
  #beatAt = 0;
  #heardAt = 0;
  #connected = false;
  #closed = false;

  /** `speak` says something to the other end, and calls `beatIn` for the next time. */
  constructor(context: EndContext, speak: () => void) {
    this.#context = context;
    this.#ports = context.ports;
    this.#timing = context.timing;
    this.#speak = speak;
  }

  /** Takes what comes from now on, and says the first word. `back`: called instead of `speak` when the carrier is there again. */
  begin(accept: (bytes: Uint8Array) => void, back: () => void = this.#speak): void {
    const { port } = this.#context;
    port.onMessage(accept);
    port.onStatus((down) => {
      if (down === undefined) back();
      else this.lost(down);
    });
    this.#speak();
  }

  get connected(): boolean {
    return this.#connected;
  }

  /** The other end was heard. */
  heard(): void {
    this.#heardAt = this.#ports.monotonic();
    if (this.#connected || this.#closed) return;
    this.#connected = true;
    this.#context.events.connected();
  }

  /** The carrier knows that the other end cannot be heard; said also where it never was, as the reason why. */
  lost(reason: string): void {
    if (this.#closed) return;
    this.#connected = false;
    this.#context.events.disconnected(reason);
  }

  /** The next beat comes so many milliseconds from now, instead of when it was due. */
  beatIn(milliseconds: number): void {
    if (this.#closed) return;
    this.#beatAt = this.#ports.monotonic() + milliseconds;
    if (this.#timer === undefined || this.#timerAt > this.#beatAt) this.#arm(this.#beatAt);
  }

  close(): void {
    this.#closed = true;
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  #arm(at: number): void {
    this.#timer?.cancel();
    this.#timerAt = at;
    this.#timer = this.#ports.after(at - this.#ports.monotonic(), () => this.#look());
  }

  #look(): void {
    this.#timer = undefined;
    const now = this.#ports.monotonic();
    const silentAt = this.#heardAt + this.#timing.silence;
    if (this.#connected && now >= silentAt) {
      this.lost(`nothing was heard of the other end for ${Math.round(now - this.#heardAt)} ms`);
    }
    if (now >= this.#beatAt && !this.#closed) {
      this.#beatAt = now + this.#timing.keepAlive;
      this.#speak();
    }
    if (this.#closed || this.#timer !== undefined) return;
    this.#arm(this.#connected ? Math.min(this.#beatAt, Math.max(silentAt, now + 1)) : this.#beatAt);
  }
}
