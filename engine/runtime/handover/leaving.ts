/** The end of a fragment that hands over: lets go of its parts at the cut, and owns what nobody has taken. */
import type { FragmentPlan } from '../../compile/fragment-plan.ts';
import { internalError } from '../../errors.ts';
import { type Control, Latch } from '../control.ts';
import type { Parts } from '../fragment/wiring.ts';
import type { Estate, Former } from './estate.ts';
import { Legacy, type LegacyOptions } from './legacy.ts';

/** Milliseconds after which nobody will come for what was left. */
const PATIENCE = 60_000;

export class Leaving {
  /** Its parts are nobody's, or others'. */
  readonly left: Latch = new Latch();
  readonly #plan: FragmentPlan;
  readonly #former: Former;
  readonly #estate: Estate | undefined;
  #legacy: Legacy | undefined;

  constructor(plan: FragmentPlan, epoch: number, estate: Estate | undefined) {
    const { namespace, app, name } = plan;
    this.#plan = plan;
    this.#former = { namespace, app, epoch, fragment: name };
    this.#estate = estate;
  }

  /** What nobody has taken; undefined before it has left. */
  get rest(): Parts | undefined {
    return this.#legacy?.rest;
  }

  /** The barrier at which it left; 0 before. */
  get checkpoint(): number {
    return this.#legacy?.options.checkpoint ?? 0;
  }

  leave(options: LegacyOptions): void {
    if (this.#estate === undefined) {
      throw internalError(
        'handover.nowhere',
        `${this.#plan.name} cannot hand over: there is nowhere to leave anything`,
      );
    }
    for (const source of options.parts.sources) source.leave();
    for (const sink of options.parts.sinks) sink.leave();
    this.#legacy = new Legacy(this.#plan, options);
    this.left.trip();
    this.#estate.leave(this.#former, this.#legacy);
  }

  /** Its channels are closed. */
  close(): void {
    this.#estate?.close(this.#former);
  }

  /** Waits for the end of the handover. What has not been taken by then fails the run: rows would be lost without a word. */
  async unclaimed(control: Control, finishing: Latch): Promise<void> {
    const late = control.ports.after(PATIENCE, () => finishing.trip());
    await control.failed.until(finishing.tripping);
    late.cancel();
    const { sources = [], sinks = [] } = this.rest ?? {};
    const [left] = [...sources, ...sinks];
    if (left !== undefined) control.fail(internalError('handover.unclaimed', `nobody has taken over ${left.label}`));
  }

  /** Takes back what nobody has taken, to be closed; undefined where it has not left. */
  reclaim(control: Control): Parts | undefined {
    const { rest } = this;
    for (const source of rest?.sources ?? []) source.join(control);
    for (const sink of rest?.sinks ?? []) sink.join(control, sink.plan);
    return rest;
  }

  /** It is over. */
  forget(): void {
    if (this.#legacy !== undefined) this.#estate?.forget(this.#former);
  }
}
