/**
 * That there is one cloud: agents of the cloud at servers of two JetStream domains would coordinate two clusters with documents of their own, and edges would
 * follow whichever answered first. Who begins asks where the documents are. Where two began out of reach of each other, or at once, those beside the younger
 * documents let go as soon as one hears of the other; all of one domain decide alike, because documents are as old as their bucket.
 */
import { type CloudskinError, userError } from '../../errors.ts';
import type { Nats } from '../../nats/nats.ts';
import { type CloudPlace, whereIsCloud } from '../documents/buckets.ts';
import { CONTROL_BUCKET } from '../documents/names.ts';
import type { AgentStatus } from '../documents/status.ts';
import { NAME_ANSWERS } from '../process/timing.ts';

/** Resolves when an agent of the cloud may stand beside this server. Rejects with `cluster.other-cloud`, of domain `user`. */
export async function mustBeOneCloud(nats: Nats): Promise<void> {
  const other = await whereIsCloud(nats, NAME_ANSWERS).catch(() => undefined); // nobody there, or nobody who answers
  const own = nats.info.domain ?? '';
  if (other === undefined || other.domain === own) return;
  const here = await nats
    .jetstream()
    .streamState(`KV_${CONTROL_BUCKET}`)
    .catch(() => undefined);
  // The other is to let go, as soon as it hears of this one.
  if (here !== undefined && goesFirst({ domain: own, since: here.created }, other)) return;
  throw otherCloud(nats, other);
}

export class OneCloud {
  readonly #nats: Nats;
  readonly #own: () => CloudPlace;
  readonly #lost: (error: CloudskinError) => void;

  /** `lost` is called when the cloud is another's, perhaps more than once. */
  constructor(nats: Nats, own: () => CloudPlace, lost: (error: CloudskinError) => void) {
    this.#nats = nats;
    this.#own = own;
    this.#lost = lost;
  }

  hear({ tier, domain = '', documentsSince: since, leaving }: AgentStatus): void {
    const own = this.#own();
    if (tier !== 'cloud' || domain === own.domain || leaving || since === undefined || own.since === undefined) return;
    if (!goesFirst(own, { domain, since })) this.#lost(otherCloud(this.#nats, { domain, since }));
  }
}

/** One of an older version, which does not say how old its documents are, does not let go. */
function goesFirst(one: CloudPlace, other: CloudPlace): boolean {
  if (one.since === undefined || other.since === undefined) return false;
  return one.since === other.since ? one.domain < other.domain : one.since < other.since;
}

function otherCloud(nats: Nats, other: CloudPlace): CloudskinError {
  const named = (domain: string): string => (domain === '' ? 'no JetStream domain' : `the JetStream domain ${domain}`);
  const { name, domain = '' } = nats.info;
  return userError(
    'cluster.other-cloud',
    `the control documents are in ${named(other.domain)}, and ${name === '' ? 'the NATS server' : name} beside this agent is in ${named(domain)}: a continuum has one cloud`,
    {
      hint: 'beside a leaf node start it with --tier edge; one of the cloud is started with --nats and a server of that domain',
    },
  );
}
