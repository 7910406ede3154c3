/**
 * Says that an agent is there: its whole status when something has changed, at most every 250 ms, and every other second so that figures
 * stay fresh; otherwise a beat of a few bytes. Answers whoever asks.
 */

import type { Nats, Subscription } from '../nats/nats.ts';
import type { Ports, Timer } from '../ports.ts';
import { type AgentName, encodeDocument } from './documents.ts';
import { ASK_SUBJECT, agentSubject } from './names.ts';
import type { AgentStatus } from './status.ts';

/** Milliseconds. */
export const BEAT = 250;
const FRESH = 2_000;

export class Announcer {
  readonly #nats: Nats;
  readonly #ports: Ports;
  readonly #name: AgentName;
  readonly #status: (nodes?: string) => AgentStatus;
  readonly #beat: Uint8Array;
  #timer: Timer | undefined;
  #asking: Subscription | undefined;
  #dirty = true;
  #told = Number.NEGATIVE_INFINITY;

  /** `status` is told what a question names: an app whose nodes are wanted, too. */
  constructor(
    nats: Nats,
    ports: Ports,
    name: AgentName & { readonly incarnation: string },
    status: (nodes?: string) => AgentStatus,
  ) {
    this.#nats = nats;
    this.#ports = ports;
    this.#name = name;
    this.#status = status;
    this.#beat = new TextEncoder().encode(name.incarnation);
  }

  start(): void {
    this.#asking = this.#nats.subscribe(ASK_SUBJECT, ({ reply, data }) => {
      if (reply === '') return;
      const nodes = data.length === 0 ? undefined : new TextDecoder().decode(data);
      this.#nats.publish(reply, encodeDocument(this.#status(nodes)));
    });
    this.#tick();
  }

  /** Something has changed; it is told with the next beat. */
  touch(): void {
    this.#dirty = true;
  }

  /** Tells the status now. */
  tell(): void {
    this.#dirty = false;
    this.#told = this.#ports.monotonic();
    const { site, agent } = this.#name;
    this.#nats.publish(agentSubject(site, agent, 'status'), encodeDocument(this.#status()));
  }

  stop(): void {
    this.#timer?.cancel();
    this.#asking?.close();
  }

  #tick(): void {
    this.#timer = this.#ports.after(BEAT, () => this.#tick());
    if (!this.#nats.connected) {
      this.#dirty = true;
      return;
    }
    const { site, agent } = this.#name;
    if (this.#dirty || this.#ports.monotonic() - this.#told >= FRESH) this.tell();
    else this.#nats.publish(agentSubject(site, agent, 'beat'), this.#beat);
  }
}
