/** The end of a fragment that hands over: lets go of its parts at the cut, and owns what nobody has taken. */
import type { FragmentPlan } from '../../compile/fragment-plan.ts';
import { internalError } from '../../errors.ts';
import type { FragmentSnapshot, LogicalState } from '../../state/checkpoint/state.ts';
import { type Control, Latch } from '../control.ts';
import type { Parts } from '../fragment/wiring.ts';
import type { Bequest } from '../fragment-handle.ts';
import type { CellNode } from '../node/cell-node.ts';
import { Bequeathing, type WayOptions } from './bequeathing.ts';
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
  readonly #ways: WayOptions;
  #bequeathing: Bequeathing | undefined;
  #legacy: Legacy | undefined;

  constructor(plan: FragmentPlan, epoch: number, estate: Estate | undefined, ways: WayOptions) {
    const { namespace, app, name } = plan;
    this.#plan = plan;
    this.#former = { namespace, app, epoch, fragment: name };
    this.#estate = estate;
    this.#ways = ways;
  }

  /** What nobody has taken; undefined before it has left. */
  get rest(): Parts | undefined {
    return this.#legacy?.rest;
  }

  /** The barrier at which it left; 0 before. */
  get checkpoint(): number {
    return this.#legacy?.options.checkpoint ?? 0;
  }

  /** `cells`: of the fragment, between two batches. Does nothing once it has left. */
  async bequeath(bequest: Bequest | undefined, cells: readonly CellNode[]): Promise<void> {
    const before = this.#bequeathing;
    if (this.left.tripped || before?.bequest.epoch === bequest?.epoch) return;
    this.#bequeathing = bequest && new Bequeathing(this.#plan, bequest, cells, this.#ways);
    await before?.close();
    await this.#bequeathing?.open();
  }

  /** What others wait for goes first; what was taken stays as it is until it has gone. */
  send(snapshot: FragmentSnapshot, leftAt: number): void {
    const exported = (cell: string): readonly LogicalState[] | undefined => this.#legacy?.exported(cell);
    this.#bequeathing?.leave({ snapshot, leftAt, exported });
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
    void this.#bequeathing?.closed();
  }

  /** Waits for the end of the handover. What has not been taken by then fails the run: rows would be lost without a word. */
  async unclaimed(control: Control, finishing: Latch): Promise<void> {
    const late = control.ports.after(PATIENCE, () => finishing.trip());
    this.#bequeathing?.sent().catch((error: unknown) => control.failNode('cell', this.#plan.name, error));
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
  async forget(): Promise<void> {
    await this.#bequeathing?.close();
    if (this.#legacy !== undefined) this.#estate?.forget(this.#former);
  }
}
