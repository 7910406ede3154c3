/**
 * The coordinator's lease: a key that the leader renews and that others take over when they have seen it unchanged for too long, each by
 * its own monotonic clock. A leader that was stopped knows by its clock that it leads no more; what it had sent before is fenced by the
 * revisions of what it would change, because a new leader writes every assignment anew first.
 */
import { compareAndSet, isWrongRevision } from '../../nats/compare-and-set.ts';
import type { KeyValue } from '../../nats/nats.ts';
import type { Ports } from '../../ports.ts';
import { encodeDocument, versioned } from '../documents/document.ts';
import type { LeaseDocument } from '../documents/lease.ts';
import { type AgentName, LEASE_KEY } from '../documents/names.ts';
import { LEASE_BELIEVED, LEASE_EXPIRES, LEASE_RENEW } from '../process/timing.ts';

export class Lease {
  readonly #ports: Ports;
  readonly #documents: () => Promise<KeyValue>;
  readonly #holder: AgentName & { readonly incarnation: string };
  #revision = 0;
  #renewed = Number.NEGATIVE_INFINITY;
  #seen: { readonly revision: number; readonly since: number } | undefined;
  #holding = false;
  #term = 0;

  constructor(ports: Ports, documents: () => Promise<KeyValue>, holder: AgentName & { readonly incarnation: string }) {
    this.#ports = ports;
    this.#documents = documents;
    this.#holder = holder;
  }

  /** True while nobody else can hold it; ask right before whatever only a leader may do. */
  get held(): boolean {
    return this.#holding && this.#ports.monotonic() - this.#renewed < LEASE_BELIEVED;
  }

  /** Of the time that it was taken for: another one each time. */
  get term(): number {
    return this.#term;
  }

  /** Renews or takes the lease where that is due; to be called every `LEASE_TEND` milliseconds. Rejects where the key cannot be read. */
  async tend(): Promise<boolean> {
    if (this.#holding) {
      if (this.#ports.monotonic() - this.#renewed >= LEASE_RENEW) await this.#write(this.#revision);
      if (!this.held) this.#holding = false;
      return this.held;
    }
    const entry = await (await this.#documents()).get(LEASE_KEY);
    const now = this.#ports.monotonic();
    if (entry === undefined) await this.#write(0);
    else if (this.#seen?.revision !== entry.revision) this.#seen = { revision: entry.revision, since: now };
    else if (now - this.#seen.since >= LEASE_EXPIRES) await this.#write(entry.revision);
    return this.held;
  }

  /** So that another one need not wait. */
  async release(): Promise<void> {
    if (!this.held) return;
    this.#holding = false;
    await (await this.#documents()).delete(LEASE_KEY, this.#revision);
  }

  async #write(revision: number): Promise<void> {
    const started = this.#ports.monotonic();
    const { site, agent, incarnation } = this.#holder;
    const document: LeaseDocument = { ...versioned, holder: { site, agent }, incarnation, renewed: this.#ports.now() };
    const bytes = encodeDocument(document);
    const bucket = await this.#documents();
    try {
      const next = await compareAndSet(bucket, LEASE_KEY, bytes, revision);
      this.#revision = next;
      if (!this.#holding) this.#term = next;
      this.#holding = true;
      this.#renewed = started;
    } catch (error) {
      if (!isWrongRevision(error)) throw error;
      this.#holding = false;
      this.#seen = undefined;
    }
  }
}
