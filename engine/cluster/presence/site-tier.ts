/**
 * That the agents of a site are of one tier: what `stays: edge` keeps from the cloud is told by it. Who begins asks all of its site at once, on the subject of an
 * agent whose name none can have, so that no other permission is needed; nobody listening is an answer, so that this takes no time. Living agents decide: a site
 * that has none may come back as another tier.
 */
import { CloudskinError, userError } from '../../errors.ts';
import type { Nats, Subscription } from '../../nats/nats.ts';
import { encodeDocument, parseBytes } from '../documents/document.ts';
import { type AgentName, agentLabel, agentSubject } from '../documents/names.ts';
import { oneOf, shape, text } from '../documents/read-json.ts';
import { NAME_ANSWERS } from '../process/timing.ts';

type Tier = 'edge' | 'cloud';

interface Told extends AgentName {
  readonly tier: Tier;
}

const told = shape<Told>({ site: text, agent: text, tier: oneOf<Tier>('edge', 'cloud') });

/** Names of agents are DNS labels. */
const ANY = '_';

/** Resolves when nobody is of this site and another tier. Rejects with `agent.other-tier`. */
export async function mustBeOfTier(nats: Nats, site: string, tier: Tier): Promise<void> {
  const other = await ask(nats, site);
  if (other === undefined || other.tier === tier) return;
  const message = `site ${site} is of tier ${other.tier}, as agent ${agentLabel(other)} says, and not of tier ${tier}`;
  throw userError('agent.other-tier', message, {
    hint: `start it with --tier ${other.tier}, or give the site that it is part of another name: --site NAME`,
  });
}

/** Answers those who ask, until it is closed. */
export function tellTier(nats: Nats, { site, agent, tier }: Told): Subscription {
  return nats.subscribe(agentSubject(site, ANY, 'here'), ({ reply }) => {
    if (reply !== '') nats.publish(reply, encodeDocument({ site, agent, tier }));
  });
}

async function ask(nats: Nats, site: string): Promise<Told | undefined> {
  try {
    const { data } = await nats.request(agentSubject(site, ANY, 'here'), new Uint8Array(0), NAME_ANSWERS);
    return told(parseBytes(data, 'answer of an agent'), 'answer of an agent');
  } catch (error) {
    // nobody there, or nobody who answers
    if (error instanceof CloudskinError && error.domain === 'external') return undefined;
    throw error;
  }
}
