/** Sees what agents do with fragments: no two may run one at the same epoch, and what they are at names the phase of the cluster. */
import type {
  FragmentEvents,
  FragmentHandle,
  FragmentHost,
  FragmentStart,
} from '../../../engine/runtime/fragment-handle.ts';

/** What all agents of a cluster do, as seen from outside. */
export class Overseer {
  /** By fragment and epoch, who runs it. */
  readonly #owners = new Map<string, string>();
  readonly #violate: (what: string) => void;
  readonly #say: (what: string) => void;
  cutting = 0;
  committing = 0;
  ended = 0;
  readonly #highest = new Map<string, number>();

  constructor(violate: (what: string) => void, say: (what: string) => void) {
    this.#violate = violate;
    this.#say = say;
  }

  starts({ plan, epoch, checkpoint }: FragmentStart, who: string): void {
    const key = `${plan.name}@${epoch}`;
    const owner = this.#owners.get(key);
    const from = checkpoint === undefined ? 'the beginning' : `checkpoint ${checkpoint}`;
    this.#say(`${who}: starts ${plan.name} at epoch ${epoch} from ${from}`);
    if (owner !== undefined) this.#violate(`${plan.name}: ${owner} and ${who} own it at the same epoch ${epoch}`);
    this.#owners.set(key, who);
    this.#highest.set(plan.name, Math.max(epoch, this.#highest.get(plan.name) ?? 0));
    this.ended = 0;
    this.cutting = 0;
    this.committing = 0;
  }

  say(what: string): void {
    this.#say(what);
  }
}

export class WatchedHost implements FragmentHost {
  readonly #inner: FragmentHost;
  readonly #overseer: Overseer;
  readonly #who: string;

  constructor(inner: FragmentHost, overseer: Overseer, who: string) {
    this.#inner = inner;
    this.#overseer = overseer;
    this.#who = who;
  }

  async start(start: FragmentStart, events: FragmentEvents): Promise<FragmentHandle> {
    const overseer = this.#overseer;
    overseer.starts(start, this.#who);
    const where = `${this.#who}: ${start.plan.name} at ${start.epoch}`;
    const handle = await this.#inner.start(start, {
      saved: (id, receipt) => {
        overseer.cutting = Math.max(0, overseer.cutting - 1);
        events.saved(id, receipt);
      },
      notSaved: (id, error) => {
        overseer.say(`${where}: checkpoint ${id} not saved: ${error.message}`);
        overseer.cutting = Math.max(0, overseer.cutting - 1);
        events.notSaved(id, error);
      },
      ready: () => events.ready(),
      ended: () => {
        overseer.ended += 1;
        events.ended();
      },
      over: (error) => {
        overseer.say(`${where}: over${error === undefined ? '' : `: ${error.message}`}`);
        events.over(error);
      },
    });
    return watched(handle, overseer);
  }

  close(): Promise<void> {
    return this.#inner.close();
  }
}

function watched(handle: FragmentHandle, overseer: Overseer): FragmentHandle {
  return {
    plan: handle.plan,
    status: () => handle.status(),
    checkpoint: (id) => {
      overseer.cutting += 1;
      handle.checkpoint(id);
    },
    commit: async (id) => {
      overseer.committing += 1;
      try {
        await handle.commit(id);
      } finally {
        overseer.committing = Math.max(0, overseer.committing - 1);
      }
    },
    pause: () => handle.pause(),
    resume: () => handle.resume(),
    finish: () => handle.finish(),
    stop: (how) => handle.stop(how),
  };
}
