/** Signed plans: what a trusted key signed is believed, with whatever hosts; nothing else is. */
import { createUser } from '@nats-io/nkeys';
import { describe, expect, it } from 'vitest';
import { ROWS, STEPS } from '../../../test/kit/distributed-plans.ts';
import { planOf } from '../../../test/kit/plans.ts';
import { distribute } from '../../compile/distribute.ts';
import type { DistributedPlan, Host } from '../../compile/fragment-plan.ts';
import { parseValue, stringifyValue } from '../../json.ts';
import { encodePlan } from '../plans/plans.ts';
import { checkPublicKey, checkTrust, type Signatures, signPlan } from './trust.ts';

const signer = createUser();
const stranger = createUser();
const seedOf = (pair: typeof signer): string => new TextDecoder().decode(pair.getSeed());

const LOGICAL = planOf({
  sources: { s: { schema: ROWS } },
  operators: {
    filter: { from: ['s'], steps: STEPS.filter, output: ROWS },
    sum: { from: ['filter'], steps: STEPS.sum, output: ROWS },
  },
  sinks: { out: ['sum'] },
});

function at(site: string, workers: number): readonly Host[] {
  return Array.from({ length: workers }, (_, worker) => ({ site, agent: `${site}-1`, worker }));
}

/** As it comes out of the store. */
function placed(sums: number, logical = LOGICAL): DistributedPlan {
  const nodes = new Map([
    ['s', at('plant', 1)],
    ['filter', at('plant', 1)],
    ['sum', at('hub', sums)],
    ['out', at('hub', 1)],
  ]);
  return parseValue(stringifyValue(distribute(logical, { nodes }, { revision: 3 }))) as DistributedPlan;
}

const signatures =
  (pair: typeof signer, logical = LOGICAL): Signatures =>
  async (digest, key) => {
    const signature = signPlan(logical, seedOf(pair));
    return encodePlan(logical).digest === digest && key === signature.key ? signature.bytes : undefined;
  };

const check = (plan: DistributedPlan, given: Signatures): Promise<void> =>
  checkTrust(plan, encodePlan(plan).digest, [signer.getPublicKey()], given);
const untrusted = { code: 'cluster.untrusted' };

describe('a signed plan', () => {
  it('is believed on whatever hosts the coordinator puts it', async () => {
    for (const sums of [1, 2]) await expect(check(placed(sums), signatures(signer))).resolves.toBeUndefined();
  });

  it('is not where nobody, or somebody else, signed it, or something else was signed', async () => {
    await expect(check(placed(1), async () => undefined)).rejects.toMatchObject(untrusted);
    await expect(check(placed(1), signatures(stranger))).rejects.toMatchObject(untrusted);
    const borrowed: Signatures = async () => signPlan(LOGICAL, seedOf(stranger)).bytes;
    await expect(check(placed(1), borrowed)).rejects.toMatchObject(untrusted);
    await expect(check(placed(1), async () => new Uint8Array(3))).rejects.toMatchObject(untrusted);
    const renamed = { ...LOGICAL, namespace: 'other' };
    await expect(check(placed(1, renamed), signatures(signer))).rejects.toMatchObject(untrusted);
  });

  it('is not where its fragments do something else than the plan that was signed', async () => {
    const plan = placed(1);
    const change = (fragments: DistributedPlan['fragments']): DistributedPlan => ({ ...plan, fragments });
    const elsewhere = plan.fragments.map((fragment) => ({
      ...fragment,
      sinks: fragment.sinks.map((sink) => ({ ...sink, options: { path: 'elsewhere' } })),
    }));
    await expect(check(change(elsewhere), signatures(signer))).rejects.toMatchObject(untrusted);
    await expect(check(change(plan.fragments.slice(1)), signatures(signer))).rejects.toThrow();
    const wired = plan.fragments.map((fragment) => ({ ...fragment, outlets: [] }));
    await expect(check(change(wired), signatures(signer))).rejects.toMatchObject(untrusted);
  });
});

it('what is no key is refused by name', () => {
  expect(() => signPlan(LOGICAL, 'SUAB')).toThrow(expect.objectContaining({ code: 'auth.bad-key' }));
  expect(() => checkPublicKey('UABC')).toThrow(expect.objectContaining({ code: 'auth.bad-key' }));
  expect(checkPublicKey(signer.getPublicKey())).toBe(signer.getPublicKey());
});
