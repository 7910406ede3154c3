/** The nats source: a subscription, its messages in a queue with a bound in bytes. */

import type { Schema } from '../../engine/batch/types.ts';
import { defined } from '../../engine/defined.ts';
import type { BadRow, Source, SourceContext } from '../../engine/graph/connector.ts';
import type { Message } from '../../engine/nats/nats.ts';
import { type FedPayload, type Feed, openMessagePartition } from '../payload/partition.ts';
import { connectFor } from './access.ts';
import { attachedValues, headersText } from './attached.ts';
import type { NatsSourceOptions } from './options.ts';

export async function openNatsSource(
  options: NatsSourceOptions,
  schema: Schema,
  context: SourceContext,
): Promise<Source> {
  const { subject, queue, payload } = options;
  const nats = await connectFor(options, context);
  const feed = new SubscriptionFeed(options, context);
  const errors = nats.onError((error) => feed.fail(error));
  const abort = (): void => feed.close();
  context.signal.addEventListener('abort', abort);
  const close = async (): Promise<void> => {
    context.signal.removeEventListener('abort', abort);
    errors.close();
    feed.close();
    await nats.close();
  };
  try {
    if (context.signal.aborted) feed.close();
    nats.subscribe(subject, (message) => feed.take(message), defined({ queue }));
    // a subscription that is refused is said before anything waits for it
    await nats.flush();
    await nats.flush();
    return {
      bounded: false,
      partitions: [await openMessagePartition({ name: subject, payload, feed }, schema, feed.context)],
      close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}

/** Hands messages over one by one; takes no more than its bound, and tells how many it left out. */
class SubscriptionFeed implements Feed {
  readonly context: SourceContext;
  readonly #options: NatsSourceOptions;
  #queue: Message[] = [];
  #head = 0;
  #bytes = 0;
  #count = 0;
  #dropped = 0;
  #waiting: PromiseWithResolvers<FedPayload | undefined> | undefined;
  #closed = false;
  #error: Error | undefined;

  constructor(options: NatsSourceOptions, context: SourceContext) {
    this.#options = options;
    this.context = context;
  }

  take(message: Message): void {
    if (this.#closed) return;
    if (this.#waiting !== undefined) {
      const { resolve } = this.#waiting;
      this.#waiting = undefined;
      resolve(this.#payload(message));
      return;
    }
    if (this.#bytes + message.data.length > this.#options.maxQueue) {
      this.#dropped += 1;
      return;
    }
    this.#queue.push(message);
    this.#bytes += message.data.length;
  }

  next(): Promise<FedPayload | undefined> {
    if (this.#error !== undefined) return Promise.reject(this.#error);
    if (this.#closed) return Promise.resolve(undefined);
    if (this.#dropped > 0) this.#reportDropped();
    const message = this.#queue[this.#head];
    if (message === undefined) {
      this.#waiting = Promise.withResolvers();
      return this.#waiting.promise;
    }
    this.#head += 1;
    this.#bytes -= message.data.length;
    if (this.#head === this.#queue.length || this.#head >= 4096) {
      this.#queue = this.#queue.slice(this.#head);
      this.#head = 0;
    }
    return Promise.resolve(this.#payload(message));
  }

  fail(error: Error): void {
    if (this.#closed) return;
    this.#error = error;
    this.#waiting?.reject(error);
    this.#waiting = undefined;
  }

  close(): void {
    this.#closed = true;
    this.#queue = [];
    this.#waiting?.resolve(undefined);
    this.#waiting = undefined;
  }

  #reportDropped(): void {
    const { subject, maxQueue } = this.#options;
    const row: BadRow = {
      code: 'nats.queue-full',
      message: `${this.#dropped} messages were left out: ${maxQueue} bytes of them waited already (\`maxQueue\`)`,
      position: `${subject}#${this.#count}`,
      raw: '',
    };
    this.#dropped = 0;
    this.context.reject(row);
  }

  #payload(message: Message): FedPayload {
    this.#count += 1;
    const attached = attachedValues(this.context.attach, {
      subject: () => message.subject,
      time: () => this.context.ports.now(),
      headers: () => headersText(message.headers),
    });
    return { data: message.data, position: `${message.subject}#${this.#count}`, attached };
  }
}
