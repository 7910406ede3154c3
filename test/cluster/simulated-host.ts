/** Fragments of a simulated agent: they open, are cut and commit after a while, and do nothing once their process is dead. */
import type { FragmentPlan } from '../../engine/compile/fragment-plan.ts';
import { externalError } from '../../engine/errors.ts';
import type {
  FragmentEvents,
  FragmentHandle,
  FragmentHost,
  FragmentStart,
  FragmentStatus,
} from '../../engine/runtime/fragment-handle.ts';
import type { SimulatedNode } from '../simulation/nats/node.ts';
import type { ControlLedger } from './control-ledger.ts';
import { NO_METRICS } from './scripted.ts';

export class SimulatedHost implements FragmentHost {
  readonly fragments: SimulatedFragment[] = [];
  readonly #node: SimulatedNode;
  readonly #agent: string;
  readonly #ledger: ControlLedger;
  readonly #say: (what: string) => void;

  constructor(node: SimulatedNode, agent: string, ledger: ControlLedger, say: (what: string) => void) {
    this.#node = node;
    this.#agent = agent;
    this.#ledger = ledger;
    this.#say = say;
  }

  start(start: FragmentStart, events: FragmentEvents): Promise<FragmentHandle> {
    const node = this.#node;
    return new Promise((resolve) => {
      node.after(node.random.next() * 50, () => {
        const { name } = start.plan;
        this.#say(`${this.#agent} starts ${name} at ${start.epoch} from ${start.checkpoint ?? 'the beginning'}`);
        this.#ledger.started(start, this.#agent);
        const fragment = new SimulatedFragment(start, events, node, (id) => {
          this.#say(`${this.#agent} commits ${id} of ${name} at ${start.epoch}`);
          this.#ledger.committed(start, id, this.#agent);
        });
        this.fragments.push(fragment);
        resolve(fragment);
      });
    });
  }

  close(): Promise<void> {
    return Promise.resolve();
  }

  get running(): readonly SimulatedFragment[] {
    return this.fragments.filter(({ isOver }) => !isOver);
  }
}

export class SimulatedFragment implements FragmentHandle {
  readonly plan: FragmentPlan;
  readonly start: FragmentStart;
  readonly #events: FragmentEvents;
  readonly #node: SimulatedNode;
  readonly #committed: (id: number) => void;
  #state: FragmentStatus['state'] = 'opening';

  constructor(start: FragmentStart, events: FragmentEvents, node: SimulatedNode, committed: (id: number) => void) {
    this.start = start;
    this.plan = start.plan;
    this.#events = events;
    this.#node = node;
    this.#committed = committed;
    this.#after(100, () => {
      if (this.#state !== 'opening') return;
      this.#state = 'running';
      events.ready();
    });
  }

  get isOver(): boolean {
    return this.#state === 'failed' || this.#state === 'stopped' || this.#state === 'ended';
  }

  status(): FragmentStatus {
    return { state: this.#state, waiting: [], channels: new Map(), metrics: NO_METRICS };
  }

  fail(): void {
    if (this.isOver) return;
    this.#state = 'failed';
    this.#events.over(externalError('test.failed', `${this.plan.name} failed`));
  }

  checkpoint(id: number): void {
    const receipt = { fragment: this.plan.name, blobs: [], paused: 0, took: 1, bytes: 10, detail: {} };
    this.#after(100, () => {
      if (!this.isOver) this.#events.saved(id, receipt);
    });
  }

  bequeath(): Promise<void> {
    return Promise.resolve();
  }

  commit(id: number): Promise<void> {
    return new Promise((resolve) => {
      this.#after(50, () => {
        // What has been stopped is not committed any more.
        if (this.isOver) return resolve();
        this.#committed(id);
        resolve();
      });
    });
  }

  pause(): Promise<void> {
    if (!this.isOver) this.#state = 'paused';
    return Promise.resolve();
  }

  resume(): Promise<void> {
    if (!this.isOver) this.#state = 'running';
    return Promise.resolve();
  }

  finish(): Promise<void> {
    return this.stop();
  }

  stop(): Promise<void> {
    return new Promise((resolve) => {
      this.#after(30, () => {
        const over = this.isOver;
        if (!over) this.#state = 'stopped';
        if (!over) this.#events.over();
        resolve();
      });
    });
  }

  #after(most: number, task: () => void): void {
    this.#node.after(this.#node.random.next() * most, task);
  }
}
