/**
 * Takes the checkpoints of fragments that run in this process, one after the other: by the clock, when asked, and the last one when all have
 * ended. A checkpoint is complete with its manifest; only then sinks commit and sources may forget. One that fails is given up
 * and said; the run goes on, and the next one covers what it would have.
 */
import { externalError } from '../../errors.ts';
import type { Ports } from '../../ports.ts';
import type { Checkpoints, FragmentReceipt } from '../../state/checkpoint/checkpoints.ts';
import { Latch } from '../control.ts';
import type { FragmentHandle } from '../fragment-handle.ts';

export interface LeaderOptions {
  readonly checkpoints: Checkpoints;
  /** Milliseconds between the beginnings of two checkpoints. */
  readonly every: number;
  readonly epoch: number;
  readonly revision: number;
  /** Ids go on after it. */
  readonly lastId: number;
  readonly ports: Ports;
  /** A checkpoint was given up. */
  readonly onProblem: (checkpoint: number, error: Error) => void;
  readonly onComplete?: (checkpoint: number, milliseconds: number, bytes: number) => void;
}

/** Milliseconds after which a checkpoint is given up: barriers wait behind full queues. */
const PATIENCE = 120_000;
/** How often the last checkpoint is tried, and the milliseconds between. */
const LAST_TRIES = 3;
const LAST_PAUSE = 1_000;

/** Who goes on after a handover. */
export interface Heirs {
  readonly handles: readonly FragmentHandle[];
  readonly epoch: number;
  readonly revision: number;
}

interface Round {
  readonly id: number;
  readonly receipts: Map<string, FragmentReceipt>;
  readonly all: PromiseWithResolvers<void>;
}

export class CheckpointLeader {
  readonly #options: LeaderOptions;
  readonly #handles: () => readonly FragmentHandle[];
  readonly #count: number;
  readonly #stopped = new Latch();
  readonly #ended = new Set<string>();
  readonly #allEnded = new Latch();
  #id: number;
  #round: Round | undefined;
  #taking: Promise<boolean> | undefined;
  #finished = false;

  /** `handles` are those of all `count` fragments by the time that `run` is called. */
  constructor(handles: () => readonly FragmentHandle[], count: number, options: LeaderOptions) {
    this.#handles = handles;
    this.#count = count;
    this.#options = options;
    this.#id = options.lastId;
  }

  /** Of the checkpoint that was begun last. */
  get lastId(): number {
    return this.#id;
  }

  saved(fragment: string, id: number, receipt: FragmentReceipt): void {
    const round = this.#round;
    if (round?.id !== id) return;
    round.receipts.set(fragment, receipt);
    if (round.receipts.size === this.#count) round.all.resolve();
  }

  notSaved(id: number, error: Error): void {
    if (this.#round?.id === id) this.#round.all.reject(error);
  }

  ended(fragment: string): void {
    this.#ended.add(fragment);
    if (this.#ended.size === this.#count) this.#allEnded.trip();
  }

  /** Takes checkpoints until all fragments have ended, the last one has been taken and they are finished, or until `stop`. */
  async run(): Promise<void> {
    while (!this.#stopped.tripped && !this.#allEnded.tripped) {
      const begun = this.#options.ports.monotonic();
      await this.#sleep(this.#options.every, this.#allEnded);
      if (this.#stopped.tripped || this.#allEnded.tripped) break;
      await this.take();
      const took = this.#options.ports.monotonic() - begun;
      if (took < 2 * this.#options.every) continue;
      // Saving takes longer than the interval: rows come first.
      await this.#sleep(this.#options.every, this.#allEnded);
    }
    if (!this.#stopped.tripped) await this.#end();
  }

  /** Takes one now, or waits for the one under way and takes another; false where it was given up. */
  async take(): Promise<boolean> {
    return await this.#inTurn(() => this.#take());
  }

  /**
   * Has all hand over to `heirs` at a checkpoint, which those commit: the last of this leader. `begun` is called with it when nothing goes back any more. False where the
   * checkpoint was given up; the heirs go on all the same. Throws `handover.ending` where the run ends.
   */
  async handOver(heirs: Heirs, begun: (checkpoint: number) => void): Promise<boolean> {
    return await this.#inTurn(async () => {
      if (this.#finished || this.#stopped.tripped) {
        throw externalError('handover.ending', 'the run is at its end, so that nothing is handed over any more');
      }
      begun(this.#id + 1);
      const taken = await this.#take(heirs);
      this.#stopped.trip();
      return taken;
    });
  }

  /** One after the other. */
  async #inTurn(take: () => Promise<boolean>): Promise<boolean> {
    while (this.#taking !== undefined) await this.#taking.catch(() => undefined);
    const taking = take();
    this.#taking = taking;
    try {
      return await taking;
    } finally {
      this.#taking = undefined;
    }
  }

  /** Nothing is begun any more; what is under way is given up. */
  stop(): void {
    this.#stopped.trip();
    this.#round?.all.reject(externalError('checkpoint.stopped', 'the run has stopped'));
  }

  async #end(): Promise<void> {
    for (let tried = 1; !(await this.take()); tried++) {
      if (this.#stopped.tripped) return;
      if (tried === LAST_TRIES) {
        throw externalError(
          'checkpoint.failed',
          'the last checkpoint could not be taken, so that the end of the output stays unseen',
          {
            hint: 'see the warnings before; the next run goes on from the checkpoint before',
          },
        );
      }
      await this.#sleep(LAST_PAUSE);
    }
    if (this.#stopped.tripped) return;
    this.#finished = true;
    await Promise.all(this.#handles().map((handle) => handle.finish()));
  }

  async #take(heirs?: Heirs): Promise<boolean> {
    if (this.#stopped.tripped) return false;
    const { ports } = this.#options;
    const id = ++this.#id;
    const round: Round = { id, receipts: new Map(), all: Promise.withResolvers() };
    const late = ports.after(PATIENCE, () => {
      round.all.reject(externalError('checkpoint.timeout', `not all was saved within ${PATIENCE / 1000} s`));
    });
    round.all.promise.catch(() => undefined);
    this.#round = round;
    try {
      const started = ports.now();
      for (const handle of this.#handles()) handle.checkpoint(id, { handover: heirs !== undefined });
      await round.all.promise;
      await this.#complete(round, started, heirs ?? { ...this.#options, handles: this.#handles() });
      return true;
    } catch (error) {
      if (!this.#stopped.tripped)
        this.#options.onProblem(id, error instanceof Error ? error : new Error(String(error)));
      return false;
    } finally {
      late.cancel();
      this.#round = undefined;
    }
  }

  async #complete({ id, receipts }: Round, started: number, { handles, epoch, revision }: Heirs): Promise<void> {
    const { checkpoints, ports, onComplete } = this.#options;
    const all = [...receipts.values()];
    const completed = ports.now();
    await checkpoints.complete({ id, epoch, revision, started, completed }, all);
    await Promise.all(handles.map((handle) => handle.commit(id)));
    const bytes = all.reduce((sum, receipt) => sum + receipt.bytes, 0);
    onComplete?.(id, ports.now() - started, bytes);
  }

  /** Until the time has passed, `other` trips, or the leader is stopped. */
  async #sleep(milliseconds: number, other?: Latch): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const timer = this.#options.ports.after(milliseconds, resolve);
    const first = other === undefined ? promise : other.until(promise);
    await this.#stopped.until(first);
    timer.cancel();
  }
}
