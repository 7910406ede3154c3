/** A fragment that runs in a worker thread, as its owner in the main thread sees it: by what was heard of it last. */
import type { FragmentPlan } from '../../compile/fragment-plan.ts';
import type { CloudskinError } from '../../errors.ts';
import type { MetricsSnapshot } from '../../metrics/snapshot.ts';
import type {
  BarrierOptions,
  Bequest,
  FragmentEvents,
  FragmentHandle,
  FragmentStatus,
  StopHow,
} from '../fragment-handle.ts';
import { type Ask, errorOf, type Word } from './messages.ts';

/** The way to the worker. */
export interface FragmentLine {
  checkpoint(id: number, options?: BarrierOptions): void;
  ask(what: Ask): Promise<void>;
}

const NOTHING: MetricsSnapshot = {
  at: 0,
  state: 'opening',
  elapsed: 0,
  rowsIn: 0,
  rowsOut: 0,
  rowsPerSecond: 0,
  late: 0,
  errors: 0,
  bad: 0,
  watermark: null,
  lag: null,
  memory: 0,
  troubles: [],
  nodes: [],
};

export class RemoteFragment implements FragmentHandle {
  readonly plan: FragmentPlan;
  readonly #events: FragmentEvents;
  readonly #line: FragmentLine;
  #status: FragmentStatus = { state: 'opening', waiting: [], channels: new Map(), metrics: NOTHING };
  #isOver = false;

  constructor(plan: FragmentPlan, events: FragmentEvents, line: FragmentLine) {
    this.plan = plan;
    this.#events = events;
    this.#line = line;
  }

  /** At most half a second old. */
  status(): FragmentStatus {
    return this.#status;
  }

  checkpoint(id: number, options?: BarrierOptions): void {
    if (!this.#isOver) this.#line.checkpoint(id, options);
  }

  async bequeath(bequest: Bequest | undefined): Promise<void> {
    if (!this.#isOver) await this.#line.ask({ kind: 'bequeath', bequest });
  }

  commit(id: number): Promise<void> {
    return this.#line.ask({ kind: 'commit', id });
  }

  pause(): Promise<void> {
    return this.#line.ask({ kind: 'pause' });
  }

  resume(): Promise<void> {
    return this.#line.ask({ kind: 'resume' });
  }

  async finish(): Promise<void> {
    if (!this.#isOver) await this.#line.ask({ kind: 'finish' });
  }

  async stop(how: StopHow): Promise<void> {
    if (!this.#isOver) await this.#line.ask({ kind: 'stop', how });
  }

  hear(word: Extract<Word, { readonly fragment: number }>): void {
    switch (word.kind) {
      case 'status':
        this.#status = word.status;
        return;
      case 'saved':
        this.#events.saved(word.id, word.receipt);
        return;
      case 'not-saved':
        this.#events.notSaved(word.id, errorOf(word.error));
        return;
      case 'ready':
        this.#events.ready();
        return;
      case 'ended':
        this.#events.ended();
        return;
      case 'took-over':
        this.#events.tookOver?.(word.figures);
        return;
      case 'handed-over':
        this.#events.handedOver?.(word.id);
        return;
      case 'over':
        this.#status = word.status;
        this.#over(word.error === undefined ? undefined : errorOf(word.error));
    }
  }

  /** Its thread is gone. */
  lost(error: CloudskinError): void {
    if (this.#isOver) return;
    const { code, message } = error;
    this.#status = { ...this.#status, state: 'failed', error: { code, message } };
    this.#over(error);
  }

  #over(error: CloudskinError | undefined): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#events.over(error);
  }
}
