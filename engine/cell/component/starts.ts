/**
 * What makes the next guest of an operator start at once: the image that its `init` left, and guests that have ended and were brought back to
 * it. By operator, configuration, inputs and memory limit; bounded in bytes, the operators that started longest ago going first.
 *
 *   first guest      instantiate, init -> image
 *   next guests      a guest that has ended, brought back to the image when it ended (about a microsecond)
 *                    else: instantiate on a pooled memory, copy the image
 */
import { createHash } from 'node:crypto';
import { encodeSchema } from '../../batch/ipc.ts';
import type { Schema } from '../../batch/types.ts';
import type { GuestImage } from './guest-image.ts';
import type { OperatorInstance } from './instance.ts';
import type { Lifter } from './lifter.ts';
import type { Deadline } from './watchdog.ts';

/** Bytes of images, and of the memories of guests that wait, at most; for each thread that runs guests. */
const MAX_BYTES = 128 * 1024 * 1024;
/** A guest whose memory grew beyond this is not kept: bringing it back would take longer than a new one. */
const MAX_WAITING_BYTES = 4 * 1024 * 1024;
const MAX_WAITING = 1_024;

/** What a guest is made of. */
export interface GuestParts {
  readonly instance: OperatorInstance;
  readonly lifter: Lifter;
  readonly deadline: Deadline;
}

export interface StartCounts {
  /** Guests that ran `init`, that were made from the image, and that were there already. */
  initialised: number;
  copied: number;
  reused: number;
}

export interface StartsHeld {
  /** Images, and guests that wait at one. */
  readonly held: number;
  readonly bytes: number;
  readonly maxBytes: number;
}

let bytesHeld = 0;
const counts: StartCounts = { initialised: 0, copied: 0, reused: 0 };
/** Least recently used first. */
const known = new Map<string, Start>();

/** The start of one operator with one configuration, inputs and limit. */
export class Start {
  /** SHA-256 of code, configuration and inputs: what an image of a cell's state is bound to, too. */
  readonly digest: string;
  readonly #key: string;
  #image: GuestImage | undefined;
  readonly #waiting: GuestParts[] = [];
  #held = 0;

  constructor(digest: string, key: string) {
    this.digest = digest;
    this.#key = key;
  }

  get image(): GuestImage | undefined {
    return this.#image;
  }

  /** How many things it holds: its image, and guests that wait there. */
  get held(): number {
    return this.#waiting.length + (this.#image === undefined ? 0 : 1);
  }

  /** A guest that waits at the image. */
  take(): GuestParts | undefined {
    const parts = this.#waiting.pop();
    if (parts === undefined) return undefined;
    this.#hold(-parts.instance.size);
    counts.reused += 1;
    return parts;
  }

  /** The first guest has been initialised; `image` is what it was then, if others can begin with it. */
  initialised(image: GuestImage | undefined): void {
    counts.initialised += 1;
    if (image === undefined || this.#image !== undefined || known.get(this.#key) !== this) return;
    this.#image = image;
    this.#hold(image.size);
  }

  /** A fresh instance was brought to the image. */
  copied(): void {
    counts.copied += 1;
  }

  /** Takes a guest that has ended well and brings it back to the image; false where it is not kept. */
  give(parts: GuestParts): boolean {
    const { instance } = parts;
    const bytes = instance.size;
    const image = this.#image;
    if (image === undefined || bytes > MAX_WAITING_BYTES || this.#waiting.length >= MAX_WAITING) return false;
    if (known.get(this.#key) !== this || bytesHeld + bytes > MAX_BYTES) return false;
    image.restore(instance);
    this.#waiting.push(parts);
    this.#hold(instance.size);
    return true;
  }

  /** Gives up what it holds; guests may still start with it, by `init`. */
  drop(): void {
    for (const { instance } of this.#waiting.splice(0)) instance.release();
    this.#image = undefined;
    this.#hold(-this.#held);
  }

  #hold(bytes: number): void {
    this.#held += bytes;
    bytesHeld += bytes;
  }
}

export interface StartOf {
  /** Of the prepared operator. */
  readonly checksum: string;
  readonly config: Readonly<Record<string, unknown>>;
  readonly inputs: readonly { readonly name: string; readonly schema: Schema }[];
  readonly memoryLimitBytes: number;
}

/** The start that all guests alike share. */
export function startOf({ checksum, config, inputs, memoryLimitBytes }: StartOf): Start {
  const hash = createHash('sha256').update(checksum).update(JSON.stringify(config));
  for (const { name, schema } of inputs) hash.update(JSON.stringify(name)).update(encodeSchema(schema));
  const digest = hash.digest('hex');
  const key = `${digest} ${memoryLimitBytes}`;
  const start = known.get(key) ?? new Start(digest, key);
  known.delete(key);
  known.set(key, start);
  for (const [oldest, other] of known) {
    if (bytesHeld <= MAX_BYTES || other === start) break;
    known.delete(oldest);
    other.drop();
  }
  return start;
}

/** How guests of this thread have started, and what is held for the next ones. */
export function startStats(): Readonly<StartCounts> & StartsHeld {
  let held = 0;
  for (const start of known.values()) held += start.held;
  return { ...counts, held, bytes: bytesHeld, maxBytes: MAX_BYTES };
}
