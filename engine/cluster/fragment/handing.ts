/** How far a fragment is with what it takes over from others, and with what it hands over to others, at one epoch. */
import type { DistributedPlan, FragmentPlan } from '../../compile/fragment-plan.ts';
import { defined } from '../../defined.ts';
import type { Bequest, FragmentHandle, Takeover, TookOver } from '../../runtime/fragment-handle.ts';
import { bequestsOf, hostsOf } from '../../runtime/handover/bequests.ts';
import { successionOf } from '../../runtime/handover/succession.ts';
import type { FragmentReport, Wish } from '../documents/messages.ts';
import type { Plans } from '../plans/plans.ts';
import { checkTrust } from '../security/trust.ts';

export interface HandingContext {
  readonly plans: Plans;
  readonly trusted?: readonly string[];
}

export class Handing {
  /** The epoch is safe on the disk. */
  taking = false;
  tookOver: TookOver | undefined;
  handedOver = false;
  readonly #context: HandingContext;
  /** The epoch of whoever takes over; 0: of nobody; undefined: it could not be told. */
  #bequest: number | undefined = 0;

  constructor(context: HandingContext) {
    this.#context = context;
  }

  get report(): Pick<FragmentReport, 'taking' | 'tookOver' | 'handedOver'> {
    return {
      ...(this.taking ? { taking: true } : {}),
      ...(this.handedOver ? { handedOver: true } : {}),
      ...defined({ tookOver: this.tookOver }),
    };
  }

  /** What a fragment of `next` takes over as it is wished; undefined where it begins otherwise. */
  async takeover(next: DistributedPlan, wish: Wish): Promise<Takeover | undefined> {
    if (wish.takeover === undefined) return undefined;
    const { trusted, plans } = this.#context;
    const { from, distributed } = wish.takeover;
    const before = await plans.distributed(distributed);
    if (trusted !== undefined) {
      await checkTrust(before, distributed, trusted, (digest, key) => plans.signature(digest, key));
    }
    const former = ofRegion(before, wish);
    const succession = successionOf(former, ofRegion(next, wish)).get(wish.fragment);
    if (succession === undefined) return undefined;
    return { from, succession, formers: hostsOf(former) };
  }

  /**
   * Tells the fragment to whom it will hand over; does nothing where it knows. Not to be waited for: one that waits itself to take over opens ways to others only
   * when it has. Resolves to what went wrong: it is told again, with the next wish.
   */
  async bequeath(handle: FragmentHandle, wish: Wish): Promise<unknown> {
    const epoch = wish.bequest?.epoch ?? 0;
    if (epoch === this.#bequest) return undefined;
    this.#bequest = epoch;
    try {
      const bequest = await this.#bequestOf(wish);
      if (this.#bequest === epoch) await handle.bequeath(bequest);
      return undefined;
    } catch (error) {
      if (this.#bequest === epoch) this.#bequest = undefined;
      return error;
    }
  }

  async #bequestOf(wish: Wish): Promise<Bequest | undefined> {
    if (wish.bequest === undefined) return undefined;
    const { epoch, distributed, budget } = wish.bequest;
    const { plans } = this.#context;
    const [before, next] = [await plans.distributed(wish.distributed), await plans.distributed(distributed)];
    const bequest = bequestsOf(ofRegion(before, wish), ofRegion(next, wish), epoch).get(wish.fragment);
    return bequest && { ...bequest, ...defined({ budget }) };
  }
}

function ofRegion({ fragments }: DistributedPlan, { region }: Wish): readonly FragmentPlan[] {
  return fragments.filter((fragment) => fragment.region === region);
}
