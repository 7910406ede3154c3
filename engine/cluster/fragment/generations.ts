/**
 * A fragment on one agent, of which there are two while a region goes to another plan as rows flow: the one that runs, and the one of the same name
 * that is to take over from it, or from others. Otherwise there is one.
 */
import type { Wish } from '../documents/messages.ts';
import { type FragmentContext, HostedFragment } from './hosted-fragment.ts';

export class Generations {
  readonly #context: FragmentContext;
  readonly #changed: (fragment: HostedFragment) => void;
  #current: HostedFragment;
  #successor: HostedFragment | undefined;

  /** `changed` is called whenever one of them has something new to report. */
  constructor(wish: Wish, context: FragmentContext, changed: (fragment: HostedFragment) => void) {
    this.#context = context;
    this.#changed = changed;
    this.#current = this.#made(wish);
  }

  /** The one that runs. */
  get current(): HostedFragment {
    return this.#current;
  }

  /** The one that whoever looks is told of: what is prepared has nothing to tell yet. */
  get shown(): HostedFragment {
    return this.#successor?.hasTaken === true ? this.#successor : this.#current;
  }

  get all(): readonly HostedFragment[] {
    return this.#successor === undefined ? [this.#current] : [this.#current, this.#successor];
  }

  /** Whose wish it is takes it; returns it. */
  take(wish: Wish): HostedFragment {
    this.#promote();
    const [current, successor] = [this.#current, this.#successor];
    if (successor !== undefined && wish.epoch === successor.wish.epoch) {
      successor.take(wish);
      return successor;
    }
    if (wish.epoch <= current.wish.epoch) {
      current.take(wish);
      return current;
    }
    return this.#later(wish);
  }

  /** Lets go of all without a leader having said so: the fragment is somebody else's now. */
  release(): void {
    for (const fragment of this.all) fragment.release();
  }

  get idle(): boolean {
    return this.all.every(({ idle }) => idle);
  }

  async close(): Promise<void> {
    await Promise.all(this.all.map((fragment) => fragment.close()));
  }

  /** Of an epoch that neither has: beside the one that it takes over from, else in the place of both. */
  #later(wish: Wish): HostedFragment {
    const [current, successor] = [this.#current, this.#successor];
    const from = wish.takeover?.from;
    if (successor !== undefined && from === successor.epoch && successor.runs) {
      void current.close();
      this.#current = successor;
      this.#successor = this.#made(wish);
      return this.#successor;
    }
    const closed = successor?.close();
    this.#successor = undefined;
    if (from === current.epoch && current.runs) {
      this.#successor = this.#made(wish, closed);
      return this.#successor;
    }
    if (closed !== undefined) current.after(closed);
    current.take(wish);
    return current;
  }

  /** One that is over makes room. */
  #promote(): void {
    const successor = this.#successor;
    if (successor === undefined) return;
    if (successor.idle) {
      this.#successor = undefined;
      void successor.close();
    } else if (!this.#current.runs) {
      void this.#current.close();
      this.#current = successor;
      this.#successor = undefined;
    }
  }

  #made(wish: Wish, after?: Promise<void>): HostedFragment {
    const made: HostedFragment = new HostedFragment(wish, this.#context, () => this.#changed(made), after);
    return made;
  }
}
