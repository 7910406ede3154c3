/** What a fragment of the old plan sends to its heirs in other threads, each on a way of its own. */
import type { Channel, FragmentPlan, Host } from '../../compile/fragment-plan.ts';
import { defined } from '../../defined.ts';
import type { Ports } from '../../ports.ts';
import type { Transport } from '../../transport/transport.ts';
import type { Bequest } from '../fragment-handle.ts';
import type { CellNode } from '../node/cell-node.ts';
import { WayOut, type WhatIsLeft } from './way-out.ts';

/** What ways are made of. */
export interface WayOptions {
  readonly ports: Ports;
  readonly transport: (channel: Channel) => Transport;
  /** Whether the other is in this thread, too. */
  readonly isHere: (own: Host, other: Host) => boolean;
}

export class Bequeathing {
  readonly bequest: Bequest;
  readonly #ways: readonly WayOut[];

  /** `cells`: of the fragment, between two batches. */
  constructor(plan: FragmentPlan, bequest: Bequest, cells: readonly CellNode[], options: WayOptions) {
    const { namespace, app, name, host } = plan;
    const { epoch, budget } = bequest;
    const nodeOf = (cell: string) => cells.find((node) => node.plan.name === cell);
    this.bequest = bequest;
    this.#ways = bequest.heirs
      .filter((heir) => !options.isHere(host, heir.host))
      .map(
        (heir) =>
          new WayOut({
            ...options,
            ...{ namespace, app, heir, epoch, from: { fragment: name, host } },
            ...defined({ budget }),
            imageOf: (cell) => nodeOf(cell)?.image(),
          }),
      );
  }

  /** Rejects where one cannot be opened; then none is. */
  async open(): Promise<void> {
    try {
      await Promise.all(this.#ways.map((way) => way.open()));
    } catch (error) {
      await this.close();
      throw error;
    }
  }

  /** The fragment has been cut. */
  leave(left: WhatIsLeft): void {
    for (const way of this.#ways) way.leave(left);
  }

  /** Resolves when all of what was left is on its way; rejects with what is in it. */
  async sent(): Promise<void> {
    await Promise.all(this.#ways.map((way) => way.sent()));
  }

  /** No channel of the fragment is open any more. Resolves when all heirs have heard it. */
  async closed(): Promise<void> {
    await Promise.all(this.#ways.map((way) => way.closed()));
  }

  async close(): Promise<void> {
    await Promise.all(this.#ways.map((way) => way.close()));
  }
}
