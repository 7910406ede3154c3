/** A client of simulated servers: engine/nats/nats.ts without a network. */
import type { JetStream, Nats } from '../../../engine/nats/nats.ts';
import { SimulatedConnection } from './connection.ts';
import { SimulatedJetStream } from './jetstream.ts';

export class SimulatedClient extends SimulatedConnection implements Nats {
  readonly #domains = new Map<string | undefined, JetStream>();

  jetstream(domain?: string): JetStream {
    const made = this.#domains.get(domain) ?? new SimulatedJetStream(this, domain);
    this.#domains.set(domain, made);
    return made;
  }
}
