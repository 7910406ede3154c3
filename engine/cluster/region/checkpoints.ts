/**
 * The checkpoints of one start of a region, one at a time: begun by the clock, when asked, and when all has ended; completed by the manifest
 * first and the region's record second, whose compare-and-set only the one true leader can do. Only then anything is committed.
 */
import { defined } from '../../defined.ts';
import type { Checkpoints } from '../../state/checkpoint/checkpoints.ts';
import type { FragmentReport } from '../documents/messages.ts';
import { CHECKPOINT_PATIENCE, CHECKPOINT_SOON, IN_TOUCH } from '../process/timing.ts';
import type { RegionContext } from './context.ts';
import { RESERVE } from './decide-start.ts';
import { Round } from './round.ts';
import type { RegionRun } from './run.ts';

export interface CheckpointFigures {
  readonly checkpoint: number;
  readonly completed?: number;
  readonly took?: number;
  readonly bytes?: number;
  readonly answered?: number;
  /** Milliseconds since the last complete one, or since the start; absent once the last of all is done. */
  readonly unsaved?: number;
  /** What the one under way waits for, or why the last one was given up. */
  readonly hindrance?: string;
}

/** Intervals for which a checkpoint that does not come about is waited, where they are longer than the patience. */
const PATIENCE_INTERVALS = 3;

export class RegionCheckpoints {
  readonly #context: RegionContext;
  readonly #run: RegionRun;
  readonly #store: Checkpoints;
  readonly #every: number;
  #round: Round | undefined;
  #manifest = 0;
  #nextId: number;
  #due: number;
  #asked = false;
  /** The revision at which one was asked for last: of the next to begin, and of the one under way. */
  #wanted = 0;
  #answering = 0;
  #figures: Omit<CheckpointFigures, 'unsaved' | 'hindrance'>;
  /** When the last one was complete, by the monotonic clock. */
  #savedAt: number;
  #refusal: string | undefined;
  /** The last round of all is done: sinks may be closed. */
  isLastDone = false;
  /** Rounds done by this start. */
  done = 0;
  /** None is begun. */
  held = false;

  constructor(context: RegionContext, run: RegionRun, store: Checkpoints, every: number, firstId: number) {
    this.#context = context;
    this.#run = run;
    this.#store = store;
    this.#every = every;
    this.#nextId = firstId;
    this.#savedAt = context.ports.monotonic();
    this.#due = this.#savedAt + every;
    this.#figures = { checkpoint: run.record.checkpoint };
  }

  get figures(): CheckpointFigures {
    const waiting = this.#round?.waiting ?? [];
    const hindrance = waiting.length === 0 ? this.#refusal : `it waits for ${waiting.join(', ')}`;
    return {
      ...this.#figures,
      ...(this.isLastDone ? {} : { unsaved: this.#context.ports.monotonic() - this.#savedAt }),
      ...defined({ hindrance }),
    };
  }

  /** Milliseconds until something must be done by the clock. */
  get delay(): number {
    if (this.isLastDone) return Number.POSITIVE_INFINITY;
    const now = this.#context.ports.monotonic();
    return Math.max(0, this.#round === undefined ? this.#due - now : CHECKPOINT_SOON);
  }

  /** None is under way. */
  get idle(): boolean {
    return this.#round === undefined;
  }

  /** The highest id that was used. */
  get used(): number {
    return this.#nextId - 1;
  }

  /** Begins the one at which the fragments of `former` hand over to those of this run; returns its id. */
  handOver(former: RegionRun): number {
    const id = this.#nextId++;
    this.#round = new Round(id, this.#context.ports.now(), false, former, this.#run);
    this.#tell('debug', this.#round, 'begins, and with it a handover');
    return id;
  }

  /** Begins one as soon as the one under way, if any, is over; `revision`: of the app document that asks for it. */
  ask(revision = 0): void {
    this.#asked = true;
    this.#wanted = Math.max(this.#wanted, revision);
  }

  hear(report: FragmentReport): void {
    const before = this.#round?.stage;
    this.#round?.hear(report);
    if (before === 'gathering' && this.#round?.stage === 'completing') this.#tell('debug', this.#round, 'is saved');
  }

  /** Does what can be done now. Rejects where the manifest cannot be written, and where the record cannot: the run is in doubt then. */
  async advance(): Promise<void> {
    if (this.#round === undefined) await this.#begin();
    const [round, run] = [this.#round, this.#run];
    if (round === undefined) return;
    if (round.stage === 'gathering' && this.#context.ports.now() - round.started > this.#patience) {
      round.giveUp(`no word from ${round.waiting.join(', ')}`);
    }
    if (round.stage === 'completing' && run.isInTouch(this.#context.ports.monotonic() - IN_TOUCH))
      await this.#complete(round);
    if (round.stage === 'given-up') this.#givenUp(round);
    if (round.stage === 'done') this.#finish(round);
  }

  get #patience(): number {
    return Math.max(CHECKPOINT_PATIENCE, PATIENCE_INTERVALS * this.#every);
  }

  async #begin(): Promise<void> {
    const run = this.#run;
    const { ports } = this.#context;
    const last = run.all('ended');
    if (this.held || this.isLastDone || !(last || this.#asked || ports.monotonic() >= this.#due)) return;
    if (this.#nextId > run.record.reserved) await run.save(this.#context.records, { reserved: this.#nextId + RESERVE });
    this.#asked = false;
    this.#answering = this.#wanted;
    const id = this.#nextId++;
    this.#round = new Round(id, ports.now(), last, run);
    run.barrier = id;
    this.#tell('debug', this.#round, 'begins');
  }

  async #complete(round: Round): Promise<void> {
    const { ports } = this.#context;
    const run = this.#run;
    const { epoch, deployed } = run.record;
    // After doubt the record may say already what it was to say.
    if (run.record.checkpoint !== round.id) {
      if (this.#manifest !== round.id) {
        const head = { id: round.id, epoch, revision: deployed, started: round.started, completed: ports.now() };
        // Tried until it is done, and not given up for another: manifests that only one of the stores took would crowd out those that count.
        await this.#store.complete(head, round.receipts);
        this.#manifest = round.id;
        this.#tell('debug', round, 'has its manifest');
      }
      await run.save(this.#context.records, {
        checkpoint: round.id,
        reserved: Math.max(run.record.reserved, round.id + RESERVE),
      });
    }
    round.isComplete(ports.now());
    run.commit = round.id;
    this.#tell('debug', round, 'is complete');
    this.#savedAt = ports.monotonic();
    this.#refusal = undefined;
    const took = ports.now() - round.started;
    const figures = { checkpoint: round.id, completed: ports.now(), took, bytes: round.bytes };
    this.#figures = this.#answering === 0 ? figures : { ...figures, answered: this.#answering };
  }

  #givenUp(round: Round): void {
    this.#tell('warn', round, `was given up: ${round.reason}`);
    this.#refusal = round.reason;
    this.#round = undefined;
    this.#asked ||= round.last;
    this.#due = this.#context.ports.monotonic() + (round.last ? CHECKPOINT_SOON : this.#every);
  }

  #finish(round: Round): void {
    this.#tell('debug', round, 'is committed');
    this.#round = undefined;
    this.isLastDone = round.last;
    this.done += 1;
    // From beginning to beginning, unless it took longer than that.
    const late = this.#context.ports.now() - round.started;
    this.#due = this.#context.ports.monotonic() + Math.max(0, this.#every - late);
  }

  #tell(level: 'debug' | 'warn', round: Round, what: string): void {
    const { namespace, app } = this.#run.options.assignment;
    const where = { namespace, app, region: this.#run.options.region, epoch: this.#run.epoch, checkpoint: round.id };
    this.#context.log(level, `checkpoint ${round.id} ${what}`, where);
  }
}
