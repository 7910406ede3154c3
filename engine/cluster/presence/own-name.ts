/**
 * That an agent's name is its own: of two processes of one name each would take from the other what it leads, for ever. Who begins asks whether the name is
 * free; nobody listening is an answer, so that this takes no time. Who finds later that another one is there after all (it stood still or was out of reach while that
 * one began) lets go, and of two that cannot tell, the one with the greater incarnation.
 */
import { CloudskinError, userError } from '../../errors.ts';
import type { Nats, Subscription } from '../../nats/nats.ts';
import { encodeDocument, parseBytes } from '../documents/document.ts';
import { type AgentName, agentLabel, agentSubject } from '../documents/names.ts';
import { flag, shape, text } from '../documents/read-json.ts';
import type { AgentStatus } from '../documents/status.ts';
import { NAME_ANSWERS } from '../process/timing.ts';

export interface Identity extends AgentName {
  readonly incarnation: string;
}

/** What the holder of a name answers. */
interface Held {
  readonly incarnation: string;
  /** It could not announce itself for a while, so that another one may have begun. */
  readonly interrupted: boolean;
}

const held = shape<Held>({ incarnation: text, interrupted: flag });

/** Resolves when nobody else has the name. Rejects with `agent.name-taken`. */
export async function mustBeFree(nats: Nats, identity: Identity): Promise<void> {
  if ((await holderOf(nats, identity)) !== undefined) throw nameTaken(identity);
}

export class OwnName {
  readonly #nats: Nats;
  readonly #identity: Identity;
  readonly #interrupted: () => boolean;
  readonly #lost: (error: CloudskinError) => void;
  #listening: Subscription | undefined;
  #asking = false;

  /** `lost` is called when the name is another's; `interrupted`: see `Held`. */
  constructor(nats: Nats, identity: Identity, interrupted: () => boolean, lost: (error: CloudskinError) => void) {
    this.#nats = nats;
    this.#identity = identity;
    this.#interrupted = interrupted;
    this.#lost = lost;
  }

  /** From now on it is refused to others. */
  hold(): void {
    const { site, agent, incarnation } = this.#identity;
    this.#listening = this.#nats.subscribe(agentSubject(site, agent, 'here'), ({ reply, data }) => {
      if (reply === '' || new TextDecoder().decode(data) === incarnation) return;
      this.#nats.publish(reply, encodeDocument({ incarnation, interrupted: this.#interrupted() }));
    });
  }

  release(): void {
    this.#listening?.close();
    this.#listening = undefined;
  }

  /** What was heard may be old: whoever is of that name has to answer. */
  hear({ site, agent, incarnation, leaving }: AgentStatus): void {
    const own = this.#identity;
    if (site !== own.site || agent !== own.agent || incarnation === own.incarnation || leaving) return;
    if (this.#asking || this.#listening === undefined) return;
    this.#asking = true;
    const interrupted = this.#interrupted();
    holderOf(this.#nats, own)
      .then((other) => {
        if (other !== undefined && this.#listening !== undefined && isTheirs(other, { ...own, interrupted }))
          this.#lost(nameTaken(own));
      })
      .catch(() => undefined) // asked again when it is heard of again
      .finally(() => {
        this.#asking = false;
      });
  }
}

function isTheirs(other: Held, own: Held): boolean {
  if (other.interrupted !== own.interrupted) return own.interrupted;
  return other.incarnation < own.incarnation;
}

async function holderOf(nats: Nats, { site, agent, incarnation }: Identity): Promise<Held | undefined> {
  try {
    const asked = new TextEncoder().encode(incarnation);
    const { data } = await nats.request(agentSubject(site, agent, 'here'), asked, NAME_ANSWERS);
    return held(parseBytes(data, 'answer of an agent'), 'answer of an agent');
  } catch (error) {
    // nobody there, or nobody who answers: as far as anyone can tell from here
    if (error instanceof CloudskinError && error.domain === 'external') return undefined;
    throw error;
  }
}

function nameTaken(name: AgentName): CloudskinError {
  return userError('agent.name-taken', `agent ${agentLabel(name)} is already here from another process`, {
    hint: 'end that one, or give this one a --name of its own',
  });
}
