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
  /** Every fragment is saved, and none commits yet. */
  completing = false;
  committing = 0;
  ended = 0;
  readonly #highest = new Map<string, number>();
  readonly #moved: () => void;

  /** `moved` is called when the cluster comes to another phase. */
  constructor(violate: (what: string) => void, say: (what: string) => void, moved: () => void) {
    this.#violate = violate;
    this.#say = say;
    this.#moved = moved;
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
    this.completing = false;
    this.committing = 0;
    this.#moved();
  }

  cuts(): void {
    this.cutting += 1;
    this.#moved();
  }

  hasCut(well: boolean): void {
    this.cutting = Math.max(0, this.cutting - 1);
    this.completing = well && this.cutting === 0;
    this.#moved();
  }

  commits(): void {
    this.completing = false;
    this.committing += 1;
    this.#moved();
  }

  hasCommitted(): void {
    this.committing = Math.max(0, this.committing - 1);
    this.#moved();
  }

  hasEnded(): void {
    this.ended += 1;
    this.#moved();
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
        overseer.hasCut(true);
        events.saved(id, receipt);
      },
      notSaved: (id, error) => {
        overseer.say(`${where}: checkpoint ${id} not saved: ${error.message}`);
        overseer.hasCut(false);
        events.notSaved(id, error);
      },
      ready: () => events.ready(),
      ended: () => {
        overseer.hasEnded();
        events.ended();
      },
      tookOver: (figures) => events.tookOver?.(figures),
      handedOver: (id) => events.handedOver?.(id),
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
    checkpoint: (id, options) => {
      overseer.cuts();
      handle.checkpoint(id, options);
    },
    bequeath: (bequest) => handle.bequeath(bequest),
    commit: async (id) => {
      overseer.commits();
      try {
        await handle.commit(id);
      } finally {
        overseer.hasCommitted();
      }
    },
    pause: () => handle.pause(),
    resume: () => handle.resume(),
    finish: () => handle.finish(),
    stop: (how) => handle.stop(how),
  };
}
