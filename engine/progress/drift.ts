/**
 * `maxDrift`: holds back a source that has run far ahead of the slowest, so that a union or a window does not have to keep what
 * the fast one brings. Only flow is held, never meaning: results are the same without it.
 *
 * Nothing polls. Whoever is ahead waits for a promise that the others' progress fulfils.
 */
import { TIME_MIN } from './time.ts';

/** A wait for the slowest; `release` ends it early. */
export interface Hold {
  readonly promise: Promise<void>;
  release(): void;
}

interface Waiting {
  readonly member: DriftMember;
  readonly maxDrift: bigint;
  readonly release: () => void;
}

/** Partitions of sources that meet somewhere downstream. */
export class DriftGroup {
  readonly #members: DriftMember[] = [];
  readonly #waiting = new Set<Waiting>();

  join(): DriftMember {
    const member = new DriftMember(this);
    this.#members.push(member);
    return member;
  }

  /** Undefined when `member` may go on. */
  hold(member: DriftMember, maxDrift: bigint): Hold | undefined {
    if (!this.#isAhead(member, maxDrift)) return undefined;
    const { promise, resolve } = Promise.withResolvers<void>();
    const waiting: Waiting = { member, maxDrift, release: resolve };
    this.#waiting.add(waiting);
    const release = (): void => {
      this.#waiting.delete(waiting);
      resolve();
    };
    return { promise, release };
  }

  /** Lets go whoever is no longer too far ahead. */
  changed(): void {
    for (const waiting of this.#waiting) {
      if (this.#isAhead(waiting.member, waiting.maxDrift)) continue;
      this.#waiting.delete(waiting);
      waiting.release();
    }
  }

  #isAhead(member: DriftMember, maxDrift: bigint): boolean {
    if (member.watermark === TIME_MIN) return false;
    return this.#members.some((other) => other.active && other.watermark + maxDrift < member.watermark);
  }
}

/** One partition's place in its group. */
export class DriftMember {
  readonly #group: DriftGroup;
  #watermark = TIME_MIN;
  #active = true;

  constructor(group: DriftGroup) {
    this.#group = group;
  }

  get watermark(): bigint {
    return this.#watermark;
  }

  /** Neither idle nor ended: others wait for it. */
  get active(): boolean {
    return this.#active;
  }

  update(watermark: bigint, active: boolean): void {
    const changed = watermark !== this.#watermark || active !== this.#active;
    this.#watermark = watermark;
    this.#active = active;
    if (changed) this.#group.changed();
  }

  /** A wait for the others when this one is more than `maxDrift` microseconds ahead of the slowest. */
  hold(maxDrift: bigint): Hold | undefined {
    return this.#group.hold(this, maxDrift);
  }
}
