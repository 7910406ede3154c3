/**
 * Room on a disk for the logs of one thread: they ask before they write, are told to wait while less than the reserve is free, and ask again. What others write there
 * is seen at the next look.
 */
import type { Ports } from '../../ports.ts';
import { type SpaceMeter, wouldTake } from './space.ts';

/** Milliseconds from one look at the disk to the next, while somebody asks; from one look at the sizes of checkpoints to the next. */
const LOOK = 250;
const LOOK_AT_CHECKPOINTS = 10_000;
/** Of what is left for logs a thread takes this part before it has written it and looks again: others take of it, too. */
const UNSEEN = 1 / 8;

export class DiskRoom {
  readonly #meter: SpaceMeter;
  readonly #ports: Ports;
  /** Of the last look; nothing is known before, nor where the file system does not say. */
  #free = Number.POSITIVE_INFINITY;
  #reserve = 0;
  #lookedAt = Number.NEGATIVE_INFINITY;
  #weighedAt = Number.NEGATIVE_INFINITY;
  /** Appended to logs and not written; written since the last look. */
  #promised = 0;
  #written = 0;
  #looking: Promise<void> | undefined;
  #later: Promise<void> | undefined;

  constructor(meter: SpaceMeter, ports: Ports) {
    this.#meter = meter;
    this.#ports = ports;
  }

  /** Undefined where so many bytes may be written; else resolves when that may have changed, at once where it is only to be looked. */
  room(bytes: number): Promise<void> | undefined {
    if (this.isShort(bytes)) {
      this.#later ??= this.#lookLater();
      return this.#later;
    }
    const isOld = this.#ports.monotonic() - this.#lookedAt >= LOOK;
    const unseen = this.#promised + this.#written;
    return isOld || unseen > (this.#free - this.#reserve) * UNSEEN ? this.look() : undefined;
  }

  isShort(bytes: number): boolean {
    return wouldTake(bytes, this.#free - this.#promised - this.#written, this.#reserve);
  }

  /** So many bytes will be written. */
  promise(bytes: number): void {
    this.#promised += bytes;
  }

  /** Of what was promised so many bytes are in a file; `isGone`: they will not be. */
  keep(bytes: number, isGone = false): void {
    this.#promised -= bytes;
    if (!isGone) this.#written += bytes;
  }

  /** Files with so many bytes are removed. */
  giveBack(bytes: number): void {
    this.#written -= bytes;
  }

  /** Looks at the disk, once for all who ask at the same time. Never rejects: a disk that does not say how full it is holds nobody back. */
  look(): Promise<void> {
    this.#looking ??= this.#look().finally(() => {
      this.#looking = undefined;
    });
    return this.#looking;
  }

  async #look(): Promise<void> {
    const now = this.#ports.monotonic();
    const isWeighed = now - this.#weighedAt < LOOK_AT_CHECKPOINTS;
    try {
      const before = this.#written;
      const { free, size } = await this.#meter.space();
      if (!isWeighed) this.#reserve = await this.#meter.reserve(size);
      this.#free = free;
      this.#written -= before;
      if (!isWeighed) this.#weighedAt = now;
    } catch {
      this.#free = Number.POSITIVE_INFINITY;
    }
    this.#lookedAt = now;
  }

  /** While nobody asks, nothing goes on. */
  #lookLater(): Promise<void> {
    return new Promise((resolve) => {
      this.#ports.after(LOOK, () => {
        void this.look().then(() => {
          this.#later = undefined;
          resolve();
        });
      });
    });
  }
}
