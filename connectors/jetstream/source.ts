/**
 * The jetstream source. Its position is the sequence of the message handed out last, and when the stream was made: a stream that went back
 * or was made again under the same name is not the one that was read, and is refused by name. Messages that are gone before they were
 * read are a hole, told by the sequences where all of the stream is read, and by its first sequence where only some subjects are.
 */

import type { Schema } from '../../engine/batch/types.ts';
import { defined } from '../../engine/defined.ts';
import { CloudskinError, externalError, userError } from '../../engine/errors.ts';
import type { BadRow, Source, SourceContext } from '../../engine/graph/connector.ts';
import type { Json } from '../../engine/json.ts';
import type { JetStream, ReadOptions, StoredMessage, StreamReader, StreamState } from '../../engine/nats/nats.ts';
import { connectFor } from '../nats/access.ts';
import { attachedValues, headersText } from '../nats/attached.ts';
import { persistNats } from '../nats/persisting.ts';
import type { FedPayload, Feed, MessagePosition } from '../payload/partition.ts';
import { openMessagePartition } from '../payload/partition.ts';
import type { JetStreamSourceOptions } from './options.ts';

/** Where a stream is gone on with. */
interface StreamPlace {
  readonly sequence: number;
  /** When the stream was made, milliseconds since the epoch. */
  readonly created: number;
}

export async function openJetStreamSource(
  options: JetStreamSourceOptions,
  schema: Schema,
  context: SourceContext,
): Promise<Source> {
  const nats = await connectFor(options, context);
  try {
    const js = nats.jetstream(options.domain);
    const state = await persistNats({ access: options, context }, () => findStream(js, options));
    const from = positionIn(state, context);
    const begin = from === undefined ? placeOfStart(options, state) : from.after;
    const feed = new StreamFeed(js, options, state, begin, context);
    await feed.open();
    const abort = (): void => feed.close();
    context.signal.addEventListener('abort', abort);
    if (context.signal.aborted) feed.close();
    const close = async (): Promise<void> => {
      context.signal.removeEventListener('abort', abort);
      feed.close();
      await nats.close();
    };
    const passRows = from?.rows ?? 0;
    const given = { name: state.name, payload: options.payload, feed, begin: { ...begin }, passRows };
    return { bounded: !options.follow, partitions: [await openMessagePartition(given, schema, context)], close };
  } catch (error) {
    await nats.close();
    throw error;
  }
}

async function findStream(js: JetStream, { stream, subject }: JetStreamSourceOptions): Promise<StreamState> {
  if (stream === undefined && subject === undefined) {
    throw userError('jetstream.no-stream', 'a jetstream source needs `stream` or `subject`');
  }
  const name = stream ?? (await js.streamOf(subject ?? ''));
  const state = name === undefined ? undefined : await js.streamState(name);
  if (state !== undefined) return state;
  const what = stream === undefined ? `no stream holds the subject ${subject}` : `there is no stream ${stream}`;
  throw externalError('jetstream.no-stream', what, { hint: 'make it first, or check the name and the domain' });
}

/** The place before the first message that is wanted; `sequence` -1 where a time says it. */
function placeOfStart({ start }: JetStreamSourceOptions, state: StreamState): StreamPlace {
  const { created } = state;
  if (start === 'first') return { sequence: state.firstSequence - 1, created };
  if (start === 'new') return { sequence: state.lastSequence, created };
  return 'sequence' in start ? { sequence: start.sequence - 1, created } : { sequence: -1, created };
}

function positionIn(
  state: StreamState,
  { positions }: SourceContext,
): { after: StreamPlace; rows: number } | undefined {
  const given = positions?.get(state.name) as unknown as MessagePosition | undefined;
  if (given === undefined) return undefined;
  const after = given.after as unknown as StreamPlace;
  if (after.created !== state.created) {
    throw wentBack(state.name, 'it was deleted and made again since it was read');
  }
  if (after.sequence > state.lastSequence) {
    throw wentBack(state.name, `it ends at ${state.lastSequence}, and ${after.sequence} had been read`);
  }
  return { after, rows: given.rows };
}

function wentBack(stream: string, how: string): CloudskinError {
  return externalError('jetstream.went-back', `the stream ${stream} went back: ${how}`, {
    hint: 'its server lost what it had acknowledged (see `cloudskin doctor`) or was restored; start afresh to read what is there now',
  });
}

class StreamFeed implements Feed {
  readonly #js: JetStream;
  readonly #options: JetStreamSourceOptions;
  readonly #stream: string;
  readonly #created: number;
  readonly #context: SourceContext;
  /** Of the last message when the source was opened: what does not follow ends with it. */
  readonly #until: number;
  #last: number;
  #reader: StreamReader | undefined;
  #closed = false;

  constructor(
    js: JetStream,
    options: JetStreamSourceOptions,
    state: StreamState,
    begin: StreamPlace,
    context: SourceContext,
  ) {
    this.#js = js;
    this.#options = options;
    this.#stream = state.name;
    this.#created = state.created;
    this.#context = context;
    this.#until = options.follow ? Number.POSITIVE_INFINITY : state.lastSequence;
    this.#last = begin.sequence;
    if (begin.sequence < 0 || state.firstSequence <= begin.sequence + 1) return;
    this.#hole(state.firstSequence);
    this.#last = state.firstSequence - 1;
  }

  async open(): Promise<void> {
    const { subject, start } = this.#options;
    const byTime = this.#last < 0 && typeof start === 'object' && 'time' in start;
    const from: ReadOptions = byTime ? { startTime: Date.parse(start.time) } : { startSequence: this.#last + 1 };
    this.#reader = await this.#js.read(this.#stream, {
      ...from,
      ...defined({ filter: subject }),
    });
  }

  async next(): Promise<FedPayload | undefined> {
    const reader = this.#reader;
    if (reader === undefined || this.#closed || this.#last >= this.#until || this.#drained(reader)) return undefined;
    const message = await reader.next().catch((error: unknown) => {
      throw this.#named(error);
    });
    if (message === undefined || message.sequence > this.#until) return undefined;
    if (this.#options.subject === undefined && this.#last >= 0 && message.sequence !== this.#last + 1) {
      this.#hole(message.sequence);
    }
    this.#last = message.sequence;
    return this.#payload(message);
  }

  close(): void {
    this.#closed = true;
    this.#reader?.close();
  }

  /** Of a source that does not follow: nothing of its subjects is left. */
  #drained(reader: StreamReader): boolean {
    return !this.#options.follow && reader.pending === 0;
  }

  /** Messages from behind the last one up to `next` are gone. */
  #hole(next: number): void {
    const from = this.#last + 1;
    const what = from === next - 1 ? `message ${from} is` : `messages ${from} to ${next - 1} are`;
    const message = `the stream ${this.#stream} has a hole: ${what} gone and had not been read`;
    if (this.#options.holes === 'fail') {
      throw externalError('jetstream.hole', message, {
        hint: 'its bounds (bytes, age, messages) took them, somebody deleted them, or its server lost them; `holes: report` goes on without',
      });
    }
    const row: BadRow = { code: 'jetstream.hole', message, position: `${this.#stream}/${from}`, raw: '' };
    this.#context.reject(row);
  }

  #named(error: unknown): unknown {
    if (!(error instanceof CloudskinError) || error.code !== 'nats.stream-went-back') return error;
    return wentBack(this.#stream, error.message.replace(/^.*?: /, ''));
  }

  #payload(message: StoredMessage): FedPayload {
    const { subject, sequence, time, headers, data } = message;
    const attached = attachedValues(this.#context.attach, {
      subject: () => subject,
      sequence: () => sequence,
      time: () => time,
      headers: () => headersText(headers),
    });
    const place: Json = { sequence, created: this.#created };
    return { data, position: `${this.#stream}/${sequence}`, attached, place };
  }
}
