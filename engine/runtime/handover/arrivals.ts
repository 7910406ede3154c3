/** What comes to a fragment of the new plan from those of the old in other threads, each on a way of its own. */
import type { FragmentPlan } from '../../compile/fragment-plan.ts';
import { externalError, internalError } from '../../errors.ts';
import type { Takeover } from '../fragment-handle.ts';
import type { WayOptions } from './bequeathing.ts';
import type { Brought } from './estate.ts';
import type { Settled } from './parcel.ts';
import { wayChannel } from './way.ts';
import { WayIn, type WayInOptions } from './way-in.ts';

export interface ArrivalsOptions extends WayOptions {
  readonly takeover: Takeover;
  /** That begins. */
  readonly epoch: number;
  readonly roomOf: (fragment: string, ...of: Parameters<WayInOptions['roomOf']>) => ReturnType<WayInOptions['roomOf']>;
}

/** Milliseconds in which those who are to leave something have to have said how far they have copied it. */
const PATIENCE = 30_000;

export class Arrivals {
  readonly #options: ArrivalsOptions;
  readonly #ways = new Map<string, WayIn>();
  /** Fragments that something is carried of. */
  readonly #carried: readonly string[];

  constructor(plan: FragmentPlan, options: ArrivalsOptions) {
    this.#options = options;
    const { succession, formers } = options.takeover;
    const carried = [...succession.cells.values()].flatMap(({ how, from }) => (how === 'carry' ? from : []));
    const names = [...carried.map(({ fragment }) => fragment), ...succession.closed];
    const { namespace, app, name, host } = plan;
    const { ports, transport, epoch, roomOf } = options;
    for (const fragment of new Set(names)) {
      const former = formers.get(fragment);
      if (former === undefined || options.isHere(host, former)) continue;
      const to = { fragment: name, host };
      const channel = wayChannel({ fragment, host: former }, to, epoch);
      const own = { namespace, app, channel, to, epoch, ports, transport };
      this.#ways.set(fragment, new WayIn({ ...own, roomOf: (cell) => roomOf(fragment, cell) }));
    }
    this.#carried = [...new Set(carried.map(({ fragment }) => fragment))].filter((name) => this.#ways.has(name));
  }

  /** Whether the fragment is in another thread. */
  handles(fragment: string): boolean {
    return this.#ways.has(fragment);
  }

  /** Rejects where one cannot be opened. */
  async open(): Promise<void> {
    await Promise.all([...this.#ways.values()].map((way) => way.open()));
  }

  /** Resolves when all have copied ahead as far as they go, with what they say; rejects where one does not in time. */
  async settled(): Promise<readonly Settled[]> {
    const late = Promise.withResolvers<never>();
    const timer = this.#options.ports.after(PATIENCE, () => {
      late.reject(
        externalError('handover.silent', `nothing was heard of ${this.#carried.join(', ')}`, { retry: true }),
      );
    });
    try {
      return await Promise.race([Promise.all(this.#carried.map((name) => this.#way(name).settled)), late.promise]);
    } finally {
      timer.cancel();
    }
  }

  left(fragment: string): Promise<Brought> {
    return this.#way(fragment).left;
  }

  closed(fragment: string): Promise<void> {
    return this.#way(fragment).closed;
  }

  async close(): Promise<void> {
    await Promise.all([...this.#ways.values()].map((way) => way.close()));
  }

  #way(fragment: string): WayIn {
    const way = this.#ways.get(fragment);
    if (way === undefined) throw internalError('handover.no-way', `no way leads here from ${fragment}`);
    return way;
  }
}
