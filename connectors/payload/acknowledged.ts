/** A partition of messages that cannot be asked for again, each of which wants to hear when it is safe. */
import type { Batch } from '../../engine/batch/batch.ts';
import type { SourcePartition } from '../../engine/graph/connector.ts';
import type { Payload } from './decode.ts';
import type { FedPayload, Feed, MessagePosition } from './partition.ts';

export interface Acknowledgeable extends Payload {
  /** Called once, when every row of the message is safe. */
  acknowledge(): void;
}

/** Numbers messages as they are fed, and tells them once they have been handed out whole and acknowledged. */
export class Acknowledgements {
  #fed = 0;
  #handedOut = 0;
  readonly #waiting: { readonly number: number; readonly message: Acknowledgeable }[] = [];

  feed(next: () => Promise<Acknowledgeable | undefined>): Feed {
    return {
      next: async (): Promise<FedPayload | undefined> => {
        const message = await next();
        if (message === undefined) return undefined;
        this.#fed += 1;
        this.#waiting.push({ number: this.#fed, message });
        return { ...message, place: this.#fed };
      },
    };
  }

  /** Where the numbering begins. */
  static readonly begin = 0;

  partition(inner: SourcePartition): SourcePartition {
    return {
      name: inner.name,
      next: async (): Promise<Batch | undefined> => {
        const batch = await inner.next();
        const position = inner.position?.() as unknown as MessagePosition | undefined;
        this.#handedOut = Number(position?.after ?? 0);
        return batch;
      },
      acknowledge: () => this.#acknowledge(),
    };
  }

  #acknowledge(): void {
    while ((this.#waiting[0]?.number ?? Number.POSITIVE_INFINITY) <= this.#handedOut) {
      this.#waiting.shift()?.message.acknowledge();
    }
  }
}
