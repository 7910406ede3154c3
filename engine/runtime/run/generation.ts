/** The fragments of one plan of a run, at one epoch, with their leader: a run that changes its plan while rows flow has one after the other. */
import type { DistributedPlan } from '../../compile/fragment-plan.ts';
import { CloudskinError, internalError } from '../../errors.ts';
import type { CheckpointLeader } from '../checkpoint/checkpoint-leader.ts';
import { Latch } from '../control.ts';
import type { FragmentEvents, FragmentHandle, FragmentHost, FragmentStart, TookOver } from '../fragment-handle.ts';

export interface GenerationEvents {
  failed(error: CloudskinError): void;
  /** All have ended well. */
  over(): void;
}

export class Generation {
  readonly plan: DistributedPlan;
  readonly epoch: number;
  leader: CheckpointLeader | undefined;
  readonly #events: GenerationEvents;
  readonly #handles = new Map<string, FragmentHandle>();
  readonly #ready = new Set<string>();
  readonly #tookOver = new Map<string, TookOver>();
  readonly #over = new Set<string>();
  readonly #allReady = new Latch();
  readonly #allTookOver = new Latch();

  constructor(plan: DistributedPlan, epoch: number, events: GenerationEvents) {
    this.plan = plan;
    this.epoch = epoch;
    this.#events = events;
  }

  get handles(): readonly FragmentHandle[] {
    return [...this.#handles.values()];
  }

  /** Resolves when all are. */
  get ready(): Promise<void> {
    return this.#allReady.tripping;
  }

  /** Resolves when all have, with what each has. */
  async tookOver(): Promise<readonly TookOver[]> {
    await this.#allTookOver.tripping;
    return [...this.#tookOver.values()];
  }

  /** Starts all; rejects with the first that could not be. */
  async start(host: FragmentHost, startOf: (name: string) => Omit<FragmentStart, 'plan' | 'epoch'>): Promise<void> {
    const opened = await Promise.allSettled(
      this.plan.fragments.map(async (plan) => {
        const start = { plan, epoch: this.epoch, ...startOf(plan.name) };
        this.#handles.set(plan.name, await host.start(start, this.#eventsOf(plan.name)));
      }),
    );
    const refused = opened.find((result) => result.status === 'rejected');
    if (refused !== undefined) throw refused.reason;
  }

  async stop(): Promise<void> {
    this.leader?.stop();
    await Promise.all(this.handles.map((handle) => handle.stop('discard')));
  }

  #eventsOf(name: string): FragmentEvents {
    const count = this.plan.fragments.length;
    return {
      saved: (id, receipt) => this.leader?.saved(name, id, receipt),
      notSaved: (id, error) => this.leader?.notSaved(id, error),
      ready: () => {
        if (this.#ready.add(name).size === count) this.#allReady.trip();
      },
      ended: () => this.leader?.ended(name),
      tookOver: (figures) => {
        if (this.#tookOver.set(name, figures).size === count) this.#allTookOver.trip();
      },
      over: (error) => {
        this.#over.add(name);
        if (error !== undefined) this.#events.failed(known(error));
        if (this.#over.size === count) this.#events.over();
      },
    };
  }
}

export function known(error: unknown): CloudskinError {
  return error instanceof CloudskinError ? error : internalError('runtime.failed', String(error), { cause: error });
}
