/**
 * Says that an agent is there: its whole status when something has changed, at most every 250 ms, and every second so that figures
 * stay fresh, and again and again at first, since what listens may come to hear of it late; otherwise a beat of a few bytes. Answers whoever asks.
 */

import type { Nats, Subscription } from '../../nats/nats.ts';
import type { Ports, Timer } from '../../ports.ts';
import { encodeDocument } from '../documents/document.ts';
import { type AgentName, ASK_SUBJECT, agentSubject } from '../documents/names.ts';
import type { AgentStatus } from '../documents/status.ts';
import { BEAT, INTERRUPTED, LOST_AFTER, STATUS_EVERY, STATUSES_AT_FIRST } from '../process/timing.ts';

export class Announcer {
  readonly #nats: Nats;
  readonly #ports: Ports;
  readonly #name: AgentName;
  readonly #status: (nodes?: string) => AgentStatus;
  readonly #beat: Uint8Array;
  #timer: Timer | undefined;
  #asking: Subscription | undefined;
  #dirty = true;
  #since = 0;
  #told = Number.NEGATIVE_INFINITY;
  /** When it last said anything, and when it last found that it had not for so long that others took it for lost. */
  #spoke = 0;
  #interruptedAt = Number.NEGATIVE_INFINITY;

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
    this.#since = this.#ports.monotonic();
    this.#spoke = this.#since;
    this.#asking = this.#nats.subscribe(ASK_SUBJECT, ({ reply, data }) => {
      if (reply === '') return;
      const nodes = data.length === 0 ? undefined : new TextDecoder().decode(data);
      this.#nats.publish(reply, encodeDocument(this.#status(nodes)));
    });
    this.#tick();
  }

  /** Whether it was silent for so long, just now, that somebody else may have begun in its place. */
  get interrupted(): boolean {
    const now = this.#ports.monotonic();
    return now - this.#spoke > LOST_AFTER || now - this.#interruptedAt < INTERRUPTED;
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
    const now = this.#ports.monotonic();
    if (now - this.#spoke > LOST_AFTER) this.#interruptedAt = now;
    this.#spoke = now;
    if (this.#dirty || now - this.#told >= STATUS_EVERY || now - this.#since < STATUSES_AT_FIRST) this.tell();
    else this.#nats.publish(agentSubject(site, agent, 'beat'), this.#beat);
  }
}
