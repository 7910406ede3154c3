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
  /** Fragments that are to take over and have not, and those that hand over and are not over, with their epochs. */
  readonly preparing: Set<string> = new Set();
  readonly handing: Set<string> = new Set();
  readonly #highest = new Map<string, number>();
  readonly #moved: () => void;

  /** `moved` is called when the cluster comes to another phase. */
  constructor(violate: (what: string) => void, say: (what: string) => void, moved: () => void) {
    this.#violate = violate;
    this.#say = say;
    this.#moved = moved;
  }

  starts({ plan, epoch, checkpoint }: FragmentStart, who: string): void {
    const from = checkpoint === undefined ? 'the beginning' : `checkpoint ${checkpoint}`;
    this.#say(`${who}: starts ${plan.name} at epoch ${epoch} from ${from}`);
    this.owns({ plan, epoch }, who);
    this.ended = 0;
    this.cutting = 0;
    this.completing = false;
    this.committing = 0;
    this.#moved();
  }

  /** From now on, and nobody else at this epoch. */
  owns({ plan, epoch }: Pick<FragmentStart, 'plan' | 'epoch'>, who: string): void {
    const key = `${plan.name}@${epoch}`;
    const owner = this.#owners.get(key);
    if (owner !== undefined) this.#violate(`${plan.name}: ${owner} and ${who} own it at the same epoch ${epoch}`);
    this.#owners.set(key, who);
    this.#highest.set(plan.name, Math.max(epoch, this.#highest.get(plan.name) ?? 0));
  }

  /** Of a fragment at an epoch. */
  prepares(where: string): void {
    this.preparing.add(where);
    this.#moved();
  }

  hands(where: string): void {
    this.handing.add(where);
    this.#moved();
  }

  /** It is through with that. */
  through(where: string): void {
    this.preparing.delete(where);
    this.handing.delete(where);
    this.#moved();
  }

  /** The process is gone, with all that it ran. */
  gone(who: string): void {
    for (const all of [this.preparing, this.handing]) {
      for (const where of [...all]) if (where.startsWith(`${who}:`)) all.delete(where);
    }
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
    const where = `${this.#who}: ${start.plan.name} at ${start.epoch}`;
    if (start.takeover === undefined) overseer.starts(start, this.#who);
    else {
      overseer.say(`${where}: is to take over from ${start.takeover.from}`);
      overseer.prepares(where);
    }
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
      tookOver: (figures) => {
        overseer.say(`${where}: took over after ${Math.round(figures.pause)} ms`);
        overseer.through(where);
        overseer.owns(start, this.#who);
        events.tookOver?.(figures);
      },
      handedOver: (id) => {
        overseer.say(`${where}: handed over at ${id}`);
        events.handedOver?.(id);
      },
      over: (error) => {
        overseer.through(where);
        overseer.say(`${where}: over${error === undefined ? '' : `: ${error.message}`}`);
        events.over(error);
      },
    });
    return watched(handle, overseer, where);
  }

  close(): Promise<void> {
    return this.#inner.close();
  }
}

function watched(handle: FragmentHandle, overseer: Overseer, where: string): FragmentHandle {
  return {
    plan: handle.plan,
    status: () => handle.status(),
    checkpoint: (id, options) => {
      overseer.cuts();
      if (options?.handover === true) overseer.hands(where);
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
