/**
 * What a trusted key signed, and nothing else, is run: the signature is of the logical plan, which names its components by their digests. Which
 * hosts its nodes are given is the coordinator's to say and is not signed; so what an agent is given is made of the signed plan once more,
 * with these hosts, and has to be the same, byte for byte.
 */
import { fromPublic, fromSeed } from '@nats-io/nkeys';
import { distribute } from '../../compile/distribute.ts';
import type { Assignment, DistributedPlan, Host } from '../../compile/fragment-plan.ts';
import { type CloudskinError, userError } from '../../errors.ts';
import type { LogicalPlan } from '../../graph/plan.ts';
import { type AppName, appLabel } from '../documents/names.ts';
import { encodePlan } from '../plans/plans.ts';

export interface Signature {
  /** Public nkey of who signed. */
  readonly key: string;
  readonly bytes: Uint8Array;
}

/** Reads signatures of a plan; undefined where there is none by this key. */
export type Signatures = (digest: string, key: string) => Promise<Uint8Array | undefined>;

/** `seed`: of an nkey of any kind. Throws `auth.bad-key`. */
export function signPlan(plan: LogicalPlan, seed: string): Signature {
  try {
    const pair = fromSeed(new TextEncoder().encode(seed.trim()));
    const { digest } = encodePlan(plan);
    return { key: pair.getPublicKey(), bytes: pair.sign(signedText(nameOf(plan), digest)) };
  } catch (cause) {
    throw userError('auth.bad-key', 'what is to sign is no seed of an nkey', {
      hint: 'cloudskin auth init makes one: keys/deployer.nk',
      cause,
    });
  }
}

/** Throws `auth.bad-key` where the text is no public nkey. */
export function checkPublicKey(text: string): string {
  try {
    fromPublic(text);
    return text;
  } catch (cause) {
    throw userError('auth.bad-key', `${text.slice(0, 8)}… is no public key (nkey)`, {
      hint: 'cloudskin auth init prints the one that belongs to keys/deployer.nk',
      cause,
    });
  }
}

/** Rejects with `cluster.untrusted` where no trusted key signed the plan, or where it is not made of what was signed. */
export async function checkTrust(
  plan: DistributedPlan,
  given: string,
  trusted: readonly string[],
  signatures: Signatures,
): Promise<void> {
  const { logical } = plan;
  await mustBeSigned(logical, trusted, signatures);
  const revision = plan.fragments[0]?.revision ?? 0;
  const again = encodePlan(distribute(logical, hostsOf(plan), { revision }));
  if (again.digest !== given) {
    throw untrusted(`the fragments of ${appLabel(nameOf(logical))} are not made of the plan that was signed`);
  }
}

/** Rejects with `cluster.untrusted` where no trusted key signed the plan. */
export async function mustBeSigned(
  plan: LogicalPlan,
  trusted: readonly string[],
  signatures: Signatures,
): Promise<void> {
  const { digest } = encodePlan(plan);
  if (await isSigned(plan, digest, trusted, signatures)) return;
  throw untrusted(`no trusted key signed the plan of ${appLabel(nameOf(plan))}`);
}

async function isSigned(
  plan: LogicalPlan,
  digest: string,
  trusted: readonly string[],
  signatures: Signatures,
): Promise<boolean> {
  const text = signedText(nameOf(plan), digest);
  for (const key of trusted) {
    const signature = await signatures(digest, key);
    if (signature !== undefined && signature.length === 64 && fromPublic(key).verify(text, signature)) return true;
  }
  return false;
}

function untrusted(message: string): CloudskinError {
  return userError('cluster.untrusted', message, {
    hint: 'cloudskin deploy --sign FILE signs what it deploys; --trust of the agent names the key. Coordinator and agent must be of one version',
  });
}

/** Parts of operators run where the operator's input does, which is found again. */
function hostsOf({ logical, fragments }: DistributedPlan): Assignment {
  const nodes = new Map<string, Host[]>();
  const known = new Set([...logical.sources, ...logical.operators, ...logical.sinks].map(({ name }) => name));
  for (const { sources, cells, sinks, shares, host } of fragments) {
    for (const { name } of [...sources, ...cells.flatMap(({ operators }) => operators), ...sinks]) {
      if (!known.has(name)) continue;
      const hosts = nodes.get(name) ?? [];
      hosts[shares.get(name)?.partition ?? 0] = host;
      nodes.set(name, hosts);
    }
  }
  return { nodes };
}

function nameOf({ namespace, name }: LogicalPlan): AppName {
  return { namespace, app: name };
}

function signedText(app: AppName, digest: string): Uint8Array {
  return new TextEncoder().encode(`cloudskin plan ${appLabel(app)} ${digest}`);
}
