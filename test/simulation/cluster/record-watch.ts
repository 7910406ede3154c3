/**
 * Sees what is written into the records of regions: epochs only rise, and within one no checkpoint follows a later one. Whoever writes what he read before another one
 * wrote breaks that, whether or not harm comes of it. Holds as long as servers keep what they have taken.
 */
import type { SimulatedServer } from '../nats/server.ts';

const STREAM = 'KV_cs-regions';

interface Seen {
  readonly epoch: number;
  readonly checkpoint: number;
}

export class RecordWatch {
  readonly #servers: readonly SimulatedServer[];
  readonly #violate: (what: string) => void;
  readonly #sequences = new Map<SimulatedServer, number>();
  readonly #seen = new Map<string, Seen>();

  constructor(servers: readonly SimulatedServer[], violate: (what: string) => void) {
    this.#servers = servers;
    this.#violate = violate;
  }

  /** At what is new since the last look. */
  look(): void {
    for (const server of this.#servers) {
      const from = this.#sequences.get(server) ?? 0;
      for (const { subject, data, sequence } of server.streams.findStream(STREAM)?.messages ?? []) {
        if (sequence <= from) continue;
        this.#sequences.set(server, sequence);
        if (data.length > 0)
          this.#compare(`${subject} of ${server.options.domain}`, JSON.parse(Buffer.from(data).toString()));
      }
    }
  }

  #compare(record: string, { epoch, checkpoint }: Seen): void {
    const before = this.#seen.get(record) ?? { epoch: 0, checkpoint: 0 };
    this.#seen.set(record, { epoch, checkpoint });
    const goesBack = epoch < before.epoch || (epoch === before.epoch && checkpoint < before.checkpoint);
    if (!goesBack) return;
    this.#violate(
      `${record}: checkpoint ${checkpoint} of epoch ${epoch} was written over ${before.checkpoint} of ${before.epoch}`,
    );
  }
}
