/**
 * One checkpoint of a region, from the barrier to the last commit:
 *
 *     gathering ──all saved──> completing ──manifest, record──> committing ──all committed──> done
 *         └── not saved, too long ──> given up
 */
import type { FragmentReceipt } from '../../state/checkpoint/checkpoints.ts';
import type { FragmentReport } from '../documents/messages.ts';

/** Fragments of one start of a region. */
export interface RoundOf {
  readonly epoch: number;
  readonly fragments: readonly string[];
}

export type Stage = 'gathering' | 'completing' | 'committing' | 'done' | 'given-up';

export class Round {
  readonly id: number;
  /** Milliseconds since the epoch. */
  readonly started: number;
  /** Nothing will come after it: every fragment had ended before. */
  readonly last: boolean;
  stage: Stage = 'gathering';
  /** Why it was given up. */
  reason = '';
  completed: number | undefined;
  readonly #from: RoundOf;
  readonly #to: RoundOf;
  readonly #receipts = new Map<string, FragmentReceipt>();
  readonly #committed = new Set<string>();

  /** `to`: those that commit, where the ones that save hand over to them. */
  constructor(id: number, started: number, last: boolean, from: RoundOf, to: RoundOf = from) {
    this.id = id;
    this.started = started;
    this.last = last;
    this.#from = from;
    this.#to = to;
  }

  get receipts(): readonly FragmentReceipt[] {
    return [...this.#receipts.values()];
  }

  get bytes(): number {
    return this.receipts.reduce((sum, receipt) => sum + receipt.bytes, 0);
  }

  /** The fragments that it waits for. */
  get waiting(): readonly string[] {
    if (this.stage === 'gathering') return this.#from.fragments.filter((name) => !this.#receipts.has(name));
    if (this.stage === 'committing') return this.#to.fragments.filter((name) => !this.#committed.has(name));
    return [];
  }

  hear(report: FragmentReport): void {
    if (report.epoch !== (this.stage === 'gathering' ? this.#from : this.#to).epoch) return;
    if (this.stage === 'gathering') {
      if (report.saved?.checkpoint === this.id) this.#receipts.set(report.fragment, report.saved.receipt);
      if (report.notSaved?.checkpoint === this.id) this.giveUp(`${report.fragment}: ${report.notSaved.message}`);
      else if (this.#receipts.size === this.#from.fragments.length) this.stage = 'completing';
    } else if (this.stage === 'committing' && report.committed >= this.id) {
      this.#committed.add(report.fragment);
      if (this.#committed.size === this.#to.fragments.length) this.stage = 'done';
    }
  }

  isComplete(now: number): void {
    this.completed = now;
    this.stage = 'committing';
  }

  giveUp(reason: string): void {
    this.stage = 'given-up';
    this.reason = reason;
  }
}
