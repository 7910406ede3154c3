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
import { setTimeout as delay } from 'node:timers/promises';
import { CloudskinError, externalError } from '../../engine/errors.ts';
import type { JetStream, StreamState } from '../../engine/nats/nats.ts';

/** Messages and bytes under way at a time. */
const WINDOW = 256;
const WINDOW_BYTES = 4 * 1024 * 1024;
const FIRST_PAUSE = 50;
const LONGEST_PAUSE = 2_000;
const ID = 'Nats-Msg-Id';
const EXPECTED_ID = 'Nats-Expected-Last-Msg-Id';

export interface PublisherOptions {
  readonly stream: string;
  readonly subject: string;
  /** When the stream was made. */
  readonly created: number;
  /** What ids begin with; the number of the message follows. */
  readonly prefix: string;
  readonly signal: AbortSignal;
}

export class Publisher {
  readonly #js: JetStream;
  readonly #options: PublisherOptions;
  /** Up to here the stream has been looked through, or written by us alone. */
  #known = 0;
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
    const there = new Set<number>();
    let looked = Math.max(base, this.#known);
    for (let pause = FIRST_PAUSE; this.#next < end; pause = Math.min(pause * 2, LONGEST_PAUSE)) {
      try {
        const state = await this.#state(looked);
        await this.#find(state, looked, there);
        looked = state.lastSequence;
        const from = Math.max(first, this.#next);
        const missing = range(from, end).filter((number) => !there.has(number));
        await this.#send(missing, (number) => messages[number - first] ?? new Uint8Array(0), looked);
        this.#next = end;
        this.#known = looked + missing.length;
      } catch (error) {
        if (!(error instanceof CloudskinError) || !(error.retry || error.code === 'nats.wrong-last-sequence'))
          throw error;
        if (this.#options.signal.aborted) throw error;
        await delay(pause * (0.5 + Math.random()));
      }
    }
  }

  async #state(looked: number): Promise<StreamState> {
    const { stream, created } = this.#options;
    const state = await this.#js.streamState(stream);
    if (state === undefined) throw wentBack(stream, 'it was deleted');
    if (state.created !== created) throw wentBack(stream, 'it was deleted and made again');
    if (state.lastSequence < looked) {
      throw wentBack(stream, `it ends at ${state.lastSequence}, and ${looked} had been written`);
    }
    return state;
  }

  /** Adds the numbers of messages of ours that the stream holds behind `looked`. */
  async #find(state: StreamState, looked: number, there: Set<number>): Promise<void> {
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
          if (id?.startsWith(prefix)) there.add(Number(id.slice(prefix.length)));
        }
      } finally {
        reader.close();
      }
    }
    if (there.size === 0 && state.firstSequence > looked + 1)
      throw lostTrack(stream, looked + 1, state.firstSequence - 1);
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
