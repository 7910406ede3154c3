/** Sends a leader's wishes: at once where something has changed, again while they are not fulfilled, and now and then to hear that all is well. */
import { WISH_FULFILLED, WISH_UNFULFILLED } from '../process/timing.ts';
import type { RegionContext } from './context.ts';
import type { RegionRun } from './run.ts';

export class Wishes {
  readonly #context: RegionContext;
  readonly #run: RegionRun;
  readonly #sent = new Map<string, { readonly at: number; readonly content: string }>();
  #serial = 0;

  constructor(context: RegionContext, run: RegionRun) {
    this.#context = context;
    this.#run = run;
  }

  /** Sends what is due; returns in how many milliseconds something will be. */
  send(): number {
    const { goal, barrier, commit, fragments, takeover, bequest } = this.#run;
    const now = this.#context.ports.monotonic();
    let next = WISH_FULFILLED;
    for (const fragment of fragments) {
      const last = this.#sent.get(fragment);
      const content = `${goal}/${barrier}/${commit}/${takeover?.committed}/${bequest?.epoch}/${this.#run.memoryOf(fragment)}`;
      const pause = this.#run.satisfied(fragment) ? WISH_FULFILLED : WISH_UNFULFILLED;
      if (last?.content === content && now - last.at < pause) {
        next = Math.min(next, pause - (now - last.at));
        continue;
      }
      const wish = this.#run.wish(fragment, ++this.#serial);
      if (wish !== undefined) this.#context.send(wish);
      this.#sent.set(fragment, { at: now, content });
      next = Math.min(next, pause);
    }
    return next;
  }
}
