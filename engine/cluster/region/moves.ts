/**
 * How a region that runs comes to another plan: while rows flow where that can be (`change.ts`), as its leader drives it; what came of it, and what did not.
 */
import { CloudskinError } from '../../errors.ts';
import type { MoveReceipt } from '../documents/status.ts';
import type { FragmentTrouble } from '../documents/troubles.ts';
import type { LogFields, LogLevel } from '../process/log.ts';
import { mayChange, RegionChange } from './change.ts';
import type { RegionContext } from './context.ts';
import type { Changing, LeaderState, Running, Switching } from './leader-state.ts';
import type { Fault } from './run.ts';
import type { Started } from './started.ts';
import type { Target } from './target.ts';

export interface MovesContext extends RegionContext {
  readonly tell: (level: LogLevel, message: string, fields?: LogFields) => void;
  /** Takes checkpoints further; see `RegionCheckpoints.advance`. */
  readonly advance: (start: Started) => Promise<void>;
}

/** What a target was not brought about by: then it takes a restart, or, with a trouble, does not come about. */
interface Refused {
  /** Of the assignment. */
  readonly epoch: number;
  readonly trouble?: FragmentTrouble;
}

export class Moves {
  readonly #context: MovesContext;
  #refused: Refused | undefined;
  /** Of the last one. */
  receipt: MoveReceipt | undefined;

  constructor(context: MovesContext) {
    this.#context = context;
  }

  /** Why the region stays as it is, whatever the target says. */
  stays({ region }: Target): FragmentTrouble | undefined {
    return this.#refused?.epoch === region?.epoch ? this.#refused?.trouble : undefined;
  }

  /** Prepares the new fragments; undefined where that cannot be. */
  async begin({ start }: Running, target: Target, memories: Map<string, string>): Promise<Changing | undefined> {
    const { run, checkpoints } = start;
    if (run.goal !== 'running' || checkpoints.isLastDone || !mayChange(run.options, target)) return undefined;
    if (this.#refused?.epoch === target.region.epoch) return undefined;
    try {
      const change = await RegionChange.begin(this.#context, start, target, memories);
      this.#context.tell('info', `its next fragments are prepared, at epoch ${change.next.epoch}`);
      return { kind: 'changing', phase: 'running', start, change };
    } catch (error) {
      if (!(error instanceof CloudskinError) || error.domain !== 'user') throw error;
      this.#refused = { epoch: target.region.epoch };
      this.#context.tell('info', `it stops for its new plan: ${error.message}`, { code: error.code });
      return undefined;
    }
  }

  /** The next state, of one whose new fragments are prepared. */
  async prepare(state: Changing, target: Target, wantsToRun: boolean): Promise<LeaderState> {
    const { start, change } = state;
    const { checkpoints } = start;
    const before: Running = { kind: 'running', phase: 'running', start };
    const isWanted = wantsToRun && target.assignment.wanted === 'running';
    const { hindrance } = change;
    if (hindrance !== undefined) this.#giveUp(change, hindrance);
    if (hindrance !== undefined || !isWanted || change.next.options.assigned.epoch !== target.region?.epoch) {
      change.abandon();
      return before;
    }
    checkpoints.held = change.isPrepared;
    await this.#context.advance(start);
    if (checkpoints.isLastDone) {
      change.abandon();
      return before;
    }
    if (!change.isPrepared || !checkpoints.idle) return state;
    return { kind: 'switching', phase: 'running', start: await change.commit(), former: start, change };
  }

  /** The next state, of one whose new fragments are those that count. */
  async switch(state: Switching): Promise<LeaderState> {
    const { start, former, change } = state;
    change.switch(start.checkpoints);
    if (!former.run.handsOver) return state;
    await this.#context.advance(start);
    if (!change.hasSwitched || !start.checkpoints.idle || !change.finish()) return state;
    this.receipt = change.receipt;
    const { pause, bytes } = this.receipt;
    this.#context.tell('info', `its new fragments have taken over: ${Math.round(pause)} ms, ${bytes} bytes`);
    return { kind: 'running', phase: 'running', start };
  }

  #giveUp(change: RegionChange, { fragment, trouble: { code, domain, message } }: Fault): void {
    const stays = domain === 'user';
    const why = `${fragment}: ${message}; the region ${stays ? 'stays as it is' : 'stops for its new plan'}`;
    const { epoch } = change.next.options.assigned;
    this.#refused = { epoch, ...(stays ? { trouble: { code, domain, message: why } } : {}) };
    this.#context.tell('warn', why, { code });
  }
}
