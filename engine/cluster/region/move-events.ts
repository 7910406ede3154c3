/** Tells the phases of a region's moves, worked out of the states that its leader goes through. */
import type { RegionName } from '../../state/checkpoint/layout.ts';
import type { MoveEvent, MovePhase } from '../documents/move-event.ts';
import type { MoveReceipt } from '../documents/status.ts';
import type { RegionContext } from './context.ts';
import type { LeaderState } from './leader-state.ts';
import type { RegionRun } from './run.ts';
import type { Target } from './target.ts';

/** What a leader knows besides its state. */
export interface Told {
  readonly target: Target;
  readonly run: RegionRun | undefined;
  /** Of the last move that is done. */
  readonly receipt: MoveReceipt | undefined;
  /** What stands in the way. */
  readonly why: string | undefined;
}

export class MoveEvents {
  readonly #context: RegionContext;
  readonly #name: RegionName;
  /** The last one of the move that goes on; undefined where none does. */
  #last: MovePhase | undefined;
  #receipt: MoveReceipt | undefined;

  constructor(context: RegionContext, name: RegionName) {
    this.#context = context;
    this.#name = name;
  }

  /** At every step of the leader. */
  look(state: LeaderState, told: Told): void {
    if (told.receipt !== this.#receipt) {
      this.#receipt = told.receipt;
      this.#tell('done', told);
      this.#last = undefined;
      return;
    }
    const phase = phaseOf(state, this.#moves(told), this.#last);
    if (phase === this.#last || phase === undefined) return;
    this.#tell(phase, told);
    this.#last = phase === 'failed' ? undefined : phase;
  }

  /** Whether it stops for another place of the same deployment. */
  #moves({ target: { assignment }, run }: Told): boolean {
    const next = assignment.regions[this.#name.region];
    if (run === undefined || next === undefined || assignment.wanted !== 'running') return false;
    return next.epoch !== run.options.assigned.epoch && assignment.deployed === run.options.assignment.deployed;
  }

  #tell(phase: MovePhase, { target, receipt, why }: Told): void {
    const { namespace, app, region } = this.#name;
    const { revision } = target.assignment;
    const event: MoveEvent = {
      namespace,
      app,
      region,
      revision: phase === 'done' ? (receipt?.revision ?? revision) : revision,
      phase,
      at: this.#context.ports.now(),
      ...(phase === 'done' && receipt !== undefined ? { receipt } : {}),
      ...(phase === 'failed' ? { why: why ?? 'the region starts again' } : {}),
    };
    this.#context.moved?.(event);
  }
}

/** What goes on; undefined where that is nothing new. */
function phaseOf(state: LeaderState, moves: boolean, last: MovePhase | undefined): MovePhase | undefined {
  switch (state.kind) {
    case 'changing':
      return 'prepare';
    case 'switching':
      if (state.change.hasSwitched) return 'switch';
      return state.former.run.handsOver ? 'cut' : 'commit';
    case 'stopping':
      return moves ? 'cut' : undefined;
    case 'sweeping':
      return last === undefined ? undefined : 'failed';
    case 'running':
      if (state.phase === 'starting') return last === 'cut' ? 'switch' : undefined;
      return last === 'prepare' ? 'failed' : undefined;
    default:
      return undefined;
  }
}
