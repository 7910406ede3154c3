/** How far a fragment is with what it takes over from others, and with what it hands over to others, at one epoch. */
import type { DistributedPlan, FragmentPlan } from '../../compile/fragment-plan.ts';
import { defined } from '../../defined.ts';
import type { FragmentHandle, Takeover, TookOver } from '../../runtime/fragment-handle.ts';
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
  /** The epoch of whoever takes over, once told. */
  #bequest = 0;

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

  /** Tells the fragment to whom it will hand over; does nothing where it knows. */
  async bequeath(handle: FragmentHandle, wish: Wish): Promise<void> {
    const { epoch = 0, distributed = '', budget } = wish.bequest ?? {};
    if (epoch === this.#bequest) return;
    if (epoch === 0) await handle.bequeath(undefined);
    else {
      const { plans } = this.#context;
      const [before, next] = [await plans.distributed(wish.distributed), await plans.distributed(distributed)];
      const bequests = bequestsOf(ofRegion(before, wish), ofRegion(next, wish), epoch);
      const bequest = bequests.get(wish.fragment);
      await handle.bequeath(bequest && { ...bequest, ...defined({ budget }) });
    }
    this.#bequest = epoch;
  }
}

function ofRegion({ fragments }: DistributedPlan, { region }: Wish): readonly FragmentPlan[] {
  return fragments.filter((fragment) => fragment.region === region);
}
