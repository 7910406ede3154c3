/** A reader's counterpart at the server: hands out a stream from one place on, as far as the reader has given room. Gone with its connection. */
import type { StoredMessage } from '../../../engine/nats/nats.ts';
import type { Route } from './route.ts';
import type { SimulatedStream, StreamConsumer } from './stream.ts';
import { matches } from './subjects.ts';

export interface ConsumerStart {
  readonly sequence: number;
  readonly time?: number;
  readonly filter?: string;
  readonly lastOfSubject?: boolean;
  /** Bytes that may be under way or wait unread. */
  readonly room: number;
}

export interface ConsumerEnd {
  message(message: StoredMessage, pending: number): void;
  gone(): void;
}

export class Consumer implements StreamConsumer {
  readonly #stream: SimulatedStream;
  readonly #route: Route;
  readonly #end: ConsumerEnd;
  readonly #filter: string | undefined;
  readonly #room: number;
  #out = 0;
  /** Of the next message after those in `#first`. */
  #next: number;
  #first: StoredMessage[] = [];

  constructor(stream: SimulatedStream, start: ConsumerStart, route: Route, end: ConsumerEnd, now: number) {
    this.#stream = stream;
    this.#route = route;
    this.#end = end;
    this.#filter = start.filter;
    this.#room = start.room;
    this.#next = start.sequence;
    if (start.lastOfSubject === true) {
      this.#first = stream.lastOfEach(start.filter ?? '>', now);
      this.#next = stream.lastSequence + 1;
    } else if (start.time !== undefined) {
      const { time } = start;
      this.#next = stream.messages.find((message) => message.time >= time)?.sequence ?? stream.lastSequence + 1;
    }
    stream.consumers.add(this);
  }

  /** Messages that it has to hand out now. */
  get pending(): number {
    const { messages } = this.#stream;
    const from = this.#stream.indexOf(this.#next);
    if (this.#filter === undefined) return this.#first.length + messages.length - from;
    let count = this.#first.length;
    for (let index = from; index < messages.length; index += 1) if (this.#wants(messages[index])) count += 1;
    return count;
  }

  /** The reader has taken so many bytes. */
  taken(bytes: number): void {
    this.#out -= bytes;
    this.pump();
  }

  pump(): void {
    if (this.#route.broken) this.close();
    while (this.#stream.consumers.has(this) && this.#out < this.#room) {
      const message = this.#shift();
      if (message === undefined) return;
      this.#out += message.data.length;
      const { pending } = this;
      this.#route.send(message.data.length + 100, () => this.#end.message(message, pending));
    }
  }

  close(): void {
    this.#stream.consumers.delete(this);
  }

  gone(): void {
    this.close();
    this.#route.send(50, () => this.#end.gone());
  }

  #shift(): StoredMessage | undefined {
    const first = this.#first.shift();
    if (first !== undefined) return first;
    const { messages } = this.#stream;
    for (let index = this.#stream.indexOf(this.#next); index < messages.length; index += 1) {
      const message = messages[index];
      if (message === undefined) break;
      this.#next = message.sequence + 1;
      if (this.#wants(message)) return message;
    }
    return undefined;
  }

  #wants(message: StoredMessage | undefined): boolean {
    return message !== undefined && (this.#filter === undefined || matches(this.#filter, message.subject));
  }
}
