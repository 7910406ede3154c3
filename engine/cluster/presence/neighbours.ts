/** Who is there: every agent's last status and when it was last heard of. */

import type { Message, Nats, Subscription } from '../../nats/nats.ts';
import type { Ports } from '../../ports.ts';
import { type AgentName, ASK_SUBJECT, agentLabel, agentSubject } from '../documents/names.ts';
import { type AgentStatus, decodeStatus, type SilentAgent } from '../documents/status.ts';
import { LOST_AFTER, REMEMBERED } from '../process/timing.ts';

export interface Neighbour {
  readonly status: AgentStatus;
  /** By the monotonic clock. */
  readonly heard: number;
}

export class Neighbours {
  readonly #ports: Ports;
  readonly #changed: (status: AgentStatus, before: AgentStatus | undefined) => void;
  readonly #failed: (error: unknown) => void;
  readonly #known = new Map<string, Neighbour>();
  readonly #subscriptions: Subscription[] = [];
  readonly #nats: Nats;
  readonly #inbox: string;

  /** `site`: only its agents are listened to; absent: all. `changed` is called for every status that says something new. */
  constructor(
    nats: Nats,
    ports: Ports,
    site: string | undefined,
    changed: (status: AgentStatus, before: AgentStatus | undefined) => void,
    failed: (error: unknown) => void,
  ) {
    this.#ports = ports;
    this.#nats = nats;
    this.#inbox = `${nats.inboxPrefix ?? '_INBOX'}.cs-near.${Math.floor(ports.random() * 0x1_0000_0000_0000).toString(36)}`;
    this.#changed = changed;
    this.#failed = failed;
    this.#subscriptions.push(
      nats.subscribe(agentSubject(site ?? '*', '*', 'status'), (message) => this.#status(message)),
      nats.subscribe(agentSubject(site ?? '*', '*', 'beat'), (message) => this.#beat(message)),
      nats.subscribe(this.#inbox, (message) => this.#status(message)),
    );
  }

  close(): void {
    for (const subscription of this.#subscriptions) subscription.close();
  }

  /** Asks every agent within reach for its status. */
  ask(): void {
    this.#nats.publish(ASK_SUBJECT, new Uint8Array(0), { reply: this.#inbox });
  }

  /** Every agent ever heard of since this began to listen. */
  get all(): Iterable<Neighbour> {
    return this.#known.values();
  }

  get(name: AgentName): Neighbour | undefined {
    return this.#known.get(agentLabel(name));
  }

  isAlive(name: AgentName): boolean {
    const known = this.get(name);
    return known !== undefined && !known.status.leaving && this.#ports.monotonic() - known.heard <= LOST_AFTER;
  }

  /** Those that were heard of, and are not any more. */
  silent(): readonly SilentAgent[] {
    const now = this.#ports.monotonic();
    return [...this.#known.values()].flatMap(({ status, heard }) => {
      const silent = now - heard;
      if (this.isAlive(status) || silent > REMEMBERED) return [];
      const { site, agent, tier, workers, version, leaving } = status;
      return [{ site, agent, tier, workers, version, silent, left: leaving }];
    });
  }

  /** Milliseconds until the next of those that are there is lost, unless it is heard of before. */
  untilLost(): number {
    const now = this.#ports.monotonic();
    const rests = [...this.#known.values()].map(({ heard }) => heard + LOST_AFTER - now).filter((rest) => rest >= 0);
    return Math.min(...rests, LOST_AFTER) + 1;
  }

  hear(status: AgentStatus): void {
    const before = this.get(status)?.status;
    const older = before?.incarnation === status.incarnation && status.serial <= before.serial;
    const kept = older ? before : status;
    this.#known.set(agentLabel(status), { status: kept, heard: this.#ports.monotonic() });
    if (!older) this.#changed(status, before);
  }

  #status(message: Message): void {
    try {
      this.hear(decodeStatus(message.data));
    } catch (error) {
      this.#failed(error);
    }
  }

  /** `cs-ctl.agent.<site>.<agent>.beat`, with the incarnation for content. */
  #beat({ subject, data }: Message): void {
    const [, , site = '', agent = ''] = subject.split('.');
    const known = this.#known.get(`${site}/${agent}`);
    if (known === undefined || new TextDecoder().decode(data) !== known.status.incarnation) return;
    this.#known.set(`${site}/${agent}`, { status: known.status, heard: this.#ports.monotonic() });
  }
}
