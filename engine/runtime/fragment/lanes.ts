/** Runs the inlets of a fragment, channel by channel: barriers of ordinary channels are aligned, durable ones are read like sources. */
import type { FragmentPlan } from '../../compile/fragment-plan.ts';
import type { Control } from '../control.ts';
import { Alignment } from '../exchange/alignment.ts';
import type { Channels } from '../exchange/channels.ts';
import type { InletNode, Lane } from '../exchange/inlet-node.ts';
import type { Taker } from '../stream.ts';

export class Lanes {
  readonly #plan: FragmentPlan;
  readonly #control: Control;
  readonly #channels: Channels;
  readonly #alignment: Alignment;
  /** The barrier at which the fragment hands over, once it has been heard of. */
  #handover = 0;
  #isOver = false;

  /** `onCut` is called when a barrier has come in on all channels. */
  constructor(
    plan: FragmentPlan,
    control: Control,
    channels: Channels,
    onCut: (id: number, isHandover: boolean) => void,
  ) {
    this.#plan = plan;
    this.#control = control;
    this.#channels = channels;
    const incoming = plan.inlets.flatMap((inlet) => inlet.channels);
    const aligned = incoming.filter((channel) => !channels.isDurable(channel)).length;
    const cut = (id: number): void => onCut(id, id === this.#handover);
    this.#alignment = new Alignment(aligned, cut, plan.mode !== 'at-least-once');
  }

  /** Somebody asks for a barrier. */
  request(id: number, isHandover: boolean): void {
    if (isHandover) this.#handover = id;
    this.#alignment.request(id);
  }

  /** Nothing is taken in any more. */
  end(): void {
    this.#isOver = true;
  }

  /** Each resolves at its end. Never rejects: failures go to the control. */
  run(inlets: readonly InletNode[], below: (inlet: InletNode) => readonly Taker[]): readonly Promise<void>[] {
    let place = 0;
    return inlets.flatMap((inlet) => {
      const takers = below(inlet);
      return inlet.plan.channels.map((channel, index) => {
        const lane = this.#channels.isDurable(channel) ? this.#durable() : this.#aligned(place++);
        return inlet.run(index, this.#channels.receiver(channel.id), lane, takers).catch((error: unknown) => {
          this.#control.failNode('cell', this.#plan.name, error);
        });
      });
    });
  }

  #aligned(place: number): Lane {
    const isOver = (): boolean => this.#isOver;
    return {
      hold: () => this.#alignment.hold(place),
      barrier: (checkpoint, isHandover) => {
        if (isHandover) this.#handover = checkpoint;
        this.#alignment.barrier(place, checkpoint);
      },
      ended: () => this.#alignment.ended(place),
      get isOver() {
        return isOver();
      },
    };
  }

  /** No barrier comes, and a pause holds it. */
  #durable(): Lane {
    return { hold: () => this.#control.paused, barrier: () => undefined, ended: () => undefined, isOver: false };
  }
}
