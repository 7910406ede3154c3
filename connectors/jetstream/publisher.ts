/**
 * Publishes the messages of checkpoints, each once, however often it is asked to and whoever else publishes: one that was stopped in
 * the middle, and one that was thought dead and wakes up.
 *
 * Messages are numbered as long as a sink lives, from checkpoint to checkpoint; the id of one is who publishes and its number. It is
 * accepted only if the stream ends where we know it to end: with that sequence and, behind another message of ours on its way, with that
 * message's id, because somebody else's message could have taken the place of one that was refused. So what we have not seen
 * cannot have come in between, messages stand in their order, and a late writer is refused. When refused, or in doubt, the end of the
 * stream is read again for messages of ours, and those that are not there are sent. The server's memory of ids (two minutes) is not relied on.
 */
import { type CloudskinError, externalError } from '../../engine/errors.ts';
import type { JetStream, StreamState } from '../../engine/nats/nats.ts';
import { type NatsPatience, persistNats } from '../nats/persisting.ts';

/** Messages and bytes under way at a time. */
const WINDOW = 256;
const WINDOW_BYTES = 4 * 1024 * 1024;
const ID = 'Nats-Msg-Id';
const EXPECTED_ID = 'Nats-Expected-Last-Msg-Id';

export interface PublisherOptions extends NatsPatience {
  readonly stream: string;
  readonly subject: string;
  /** When the stream was made. */
  readonly created: number;
  /** What ids begin with; the number of the message follows. */
  readonly prefix: string;
}

export class Publisher {
  readonly #js: JetStream;
  readonly #options: PublisherOptions;
  /** Up to here the stream has been looked through, or written by us alone. */
  #known = 0;
  /** Numbers of messages found up to there, from `#next` on. */
  readonly #there = new Set<number>();
  /** Messages of lower numbers are in the stream. */
  #next = 0;

  constructor(js: JetStream, options: PublisherOptions) {
    this.#js = js;
    this.#options = options;
  }

  /**
   * Publishes the messages that are not there yet; `first` is the number of the first, `base` the last sequence of the stream before any of
   * them can have been published. Rejects with `jetstream.went-back`, `jetstream.hole` or what publishing says that trying again does not help.
   */
  async publish(messages: readonly Uint8Array[], first: number, base: number): Promise<void> {
    const end = first + messages.length;
    if (this.#next >= end) return;
    this.#known = Math.max(base, this.#known);
    const work = async (): Promise<void> => {
      const state = await this.#state();
      await this.#find(state);
      const missing = range(Math.max(first, this.#next), end).filter((number) => !this.#there.has(number));
      await this.#send(missing, (number) => messages[number - first] ?? new Uint8Array(0), this.#known);
      this.#next = end;
      this.#known += missing.length;
      for (const number of this.#there) if (number < end) this.#there.delete(number);
    };
    await persistNats(this.#options, work);
  }

  async #state(): Promise<StreamState> {
    const { stream, created } = this.#options;
    const looked = this.#known;
    const state = await this.#js.streamState(stream);
    if (state === undefined) throw wentBack(stream, 'it was deleted');
    if (state.created !== created) throw wentBack(stream, 'it was deleted and made again');
    if (state.lastSequence < looked) {
      throw wentBack(stream, `it ends at ${state.lastSequence}, and ${looked} had been written`);
    }
    return state;
  }

  /** Looks the stream through to its end for messages of ours. */
  async #find(state: StreamState): Promise<void> {
    const looked = this.#known;
    if (state.lastSequence <= looked) return;
    const { stream, subject, prefix } = this.#options;
    const last = await this.#js.lastMessage(stream, subject);
    if (last !== undefined && last.sequence > looked) {
      const reader = await this.#js.read(stream, { startSequence: looked + 1, filter: subject });
      try {
        for (let at = looked; at < last.sequence; ) {
          const message = await reader.next();
          if (message === undefined) break;
          at = message.sequence;
          const id = message.headers[ID];
          if (id?.startsWith(prefix)) this.#there.add(Number(id.slice(prefix.length)));
        }
      } finally {
        reader.close();
      }
    }
    if (this.#there.size === 0 && state.firstSequence > looked + 1)
      throw lostTrack(stream, looked + 1, state.firstSequence - 1);
    this.#known = state.lastSequence;
  }

  /** Sends messages by their numbers, behind sequence `last`. Rejects once none is under way any more, with the first failure. */
  async #send(numbers: readonly number[], message: (number: number) => Uint8Array, last: number): Promise<void> {
    const under = new Set<Promise<void>>();
    let bytes = 0;
    let failure: unknown;
    for (const [index, number] of numbers.entries()) {
      const data = message(number);
      while (under.size > 0 && (under.size >= WINDOW || bytes + data.length > WINDOW_BYTES)) await Promise.race(under);
      if (failure !== undefined) break;
      bytes += data.length;
      const sent: Promise<void> = this.#sendOne(number, data, last + index, numbers[index - 1])
        .catch((error: unknown) => {
          failure ??= error;
        })
        .then(() => {
          bytes -= data.length;
          under.delete(sent);
        });
      under.add(sent);
    }
    await Promise.all(under);
    if (failure !== undefined) throw failure;
  }

  async #sendOne(number: number, data: Uint8Array, behind: number, previous: number | undefined): Promise<void> {
    const { prefix, subject, stream } = this.#options;
    const { sequence } = await this.#js.publish(subject, data, {
      messageId: `${prefix}${number}`,
      expectLastSequence: behind,
      ...(previous === undefined ? {} : { headers: { [EXPECTED_ID]: `${prefix}${previous}` } }),
    });
    // a sequence of its past: the server knew the id, and what follows is not behind it
    if (sequence !== behind + 1) throw outOfOrder(stream);
  }
}

function range(from: number, end: number): number[] {
  return Array.from({ length: Math.max(0, end - from) }, (_, at) => from + at);
}

function outOfOrder(stream: string): CloudskinError {
  return externalError('nats.wrong-last-sequence', `a message was in ${stream} already`, { retry: true });
}

function wentBack(stream: string, how: string): CloudskinError {
  return externalError('jetstream.went-back', `the stream ${stream} went back: ${how}`, {
    hint: 'its server lost what it had acknowledged (see `cloudskin doctor`) or was restored; output of earlier checkpoints is gone from it',
  });
}

function lostTrack(stream: string, from: number, to: number): CloudskinError {
  return externalError(
    'jetstream.hole',
    `messages ${from} to ${to} of the stream ${stream} are gone, and whether output of the last checkpoint was among them cannot be told`,
    { hint: "raise the stream's bounds (bytes, age), so that it keeps what is written between two checkpoints" },
  );
}
