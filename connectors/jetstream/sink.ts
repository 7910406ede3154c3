/**
 * The jetstream sink. With checkpoints, output is held in them and published when they are complete, exactly once (`publisher.ts`). Without, it is
 * published as it comes and waited for, at least once.
 */

import { randomUUID } from 'node:crypto';
import type { Batch } from '../../engine/batch/batch.ts';
import type { Schema } from '../../engine/batch/types.ts';
import { defined } from '../../engine/defined.ts';
import { externalError } from '../../engine/errors.ts';
import type { Prepared, Sink, SinkContext, SinkReport } from '../../engine/graph/connector.ts';
import type { JetStream, Nats, StreamState } from '../../engine/nats/nats.ts';
import { connectFor } from '../nats/access.ts';
import { persistNats } from '../nats/persisting.ts';
import { openEncoder, type PayloadEncoder } from '../payload/encode.ts';
import { packMessages, unpackMessages } from './held.ts';
import type { JetStreamSinkOptions } from './options.ts';
import { Publisher } from './publisher.ts';

/** Of a message, for its headers. */
const RESERVE = 1024;
const WINDOW = 256;
const WINDOW_BYTES = 4 * 1024 * 1024;

/** What a checkpoint keeps beside the messages. */
interface HeldState {
  /** Made when the sink began afresh: messages of another run have the same numbers. */
  readonly run: string;
  readonly rows: number;
  /** Number of the first message held. */
  readonly first: number;
  /** Last sequence of the stream before any of them can have been published. */
  readonly base: number;
  readonly created: number;
}

/** Messages since one checkpoint, until a later one is complete. */
interface HeldPart {
  readonly checkpoint: number;
  readonly messages: readonly Uint8Array[];
  readonly bytes: number;
  readonly first: number;
  readonly base: number;
}

export async function openJetStreamSink(
  options: JetStreamSinkOptions,
  schema: Schema,
  context: SinkContext,
): Promise<Sink> {
  const encoder = await openEncoder(options.payload, schema);
  const nats = await connectFor(options, context);
  try {
    const js = nats.jetstream(options.domain);
    const stream = await persistNats({ access: options, context }, () => streamFor(js, options));
    if (context.checkpointed !== true) return new PlainSink({ options, encoder, nats, js, context });
    const sink = new HeldSink({ options, encoder, nats, js, context }, stream);
    await sink.restore();
    return sink;
  } catch (error) {
    await nats.close();
    throw error;
  }
}

async function streamFor(js: JetStream, { create, subject }: JetStreamSinkOptions): Promise<StreamState> {
  if (create !== undefined) {
    const { stream, subjects, storage, replicas, maxBytes, maxAge } = create;
    return await js.ensureStream({
      name: stream,
      subjects: subjects ?? [subject],
      storage,
      replicas,
      ...defined({ maxBytes }),
      ...(maxAge === undefined ? {} : { maxAge: Number(maxAge / 1000n) }),
    });
  }
  const name = await js.streamOf(subject);
  const state = name === undefined ? undefined : await js.streamState(name);
  if (state !== undefined) return state;
  throw externalError('jetstream.no-stream', `no stream holds the subject ${subject}`, {
    hint: 'make one, or let the sink do it with `create: { stream: NAME }`',
  });
}

interface SinkParts {
  readonly options: JetStreamSinkOptions;
  readonly encoder: PayloadEncoder;
  readonly nats: Nats;
  readonly js: JetStream;
  readonly context: SinkContext;
}

class HeldSink implements Sink {
  readonly #parts: SinkParts;
  readonly #stream: StreamState;
  #run: string = randomUUID();
  #publisher: Publisher | undefined;
  /** Since the last `prepare`. */
  #messages: Uint8Array[] = [];
  #bytes = 0;
  #rows = 0;
  /** Number of the next message. */
  #next = 0;
  /** Prepared, and not known to be complete: a checkpoint holds what those given up before it held. */
  #prepared: HeldPart[] = [];

  constructor(parts: SinkParts, stream: StreamState) {
    this.#parts = parts;
    this.#stream = stream;
  }

  /** Publishes what the checkpoint holds that the sink goes on from. */
  async restore(): Promise<void> {
    const { restored } = this.#parts.context;
    if (restored === undefined) return;
    const { prepared, checkpoint } = restored;
    const { run, rows, first, created } = prepared.state as unknown as HeldState;
    if (created !== this.#stream.created) {
      throw externalError('jetstream.went-back', `the stream ${this.#stream.name} was deleted and made again`, {
        hint: 'output of earlier checkpoints is gone from it; start afresh to write all of it again',
      });
    }
    this.#run = run;
    this.#rows = rows;
    this.#next = first + messagesOf(prepared).length;
    await this.commit(checkpoint, prepared);
  }

  write(batch: Batch): void {
    const { encoder, nats, options } = this.#parts;
    for (const message of encoder.encode(batch, nats.info.maxPayload - RESERVE)) {
      this.#messages.push(message);
      this.#bytes += message.length;
    }
    this.#rows += batch.rows;
    const held = this.#prepared.reduce((sum, part) => sum + part.bytes, this.#bytes);
    if (held <= options.maxHeld) return;
    throw externalError('jetstream.too-much-held', `output of ${held} bytes waits for the next checkpoint`, {
      hint: 'take checkpoints more often (`checkpoint: { every: 1s }`) or raise `maxHeld`',
    });
  }

  async prepare(checkpoint: number): Promise<Prepared> {
    const messages = this.#messages;
    const bytes = this.#bytes;
    const first = this.#next;
    this.#messages = [];
    this.#bytes = 0;
    this.#next += messages.length;
    const rows = this.#rows;
    if (messages.length > 0) this.#prepared.push({ checkpoint, messages, bytes, first, base: await this.#base() });
    const [oldest] = this.#prepared;
    const frozen = this.#prepared.flatMap((part) => part.messages);
    const { base } = oldest ?? { base: 0 };
    const state = { run: this.#run, rows, first: oldest?.first ?? first, base, created: this.#stream.created };
    return { state, frozen: frozen.length === 0 ? [] : [packMessages(frozen)] };
  }

  async commit(checkpoint: number, prepared: Prepared): Promise<void> {
    const { base, first } = prepared.state as unknown as HeldState;
    this.#publisher ??= this.#newPublisher();
    await this.#publisher.publish(messagesOf(prepared), first, base);
    this.#prepared = this.#prepared.filter((part) => part.checkpoint > checkpoint);
  }

  async close(): Promise<SinkReport> {
    try {
      const last = (this.#prepared.at(-1)?.checkpoint ?? 0) + 1;
      await this.commit(last, await this.prepare(last));
    } finally {
      await this.#parts.nats.close();
    }
    return { rows: this.#rows, wrote: [`${this.#stream.name}/${this.#parts.options.subject}`] };
  }

  async abort(): Promise<void> {
    await this.#parts.nats.close();
  }

  #newPublisher(): Publisher {
    const { options, js, context } = this.#parts;
    const { name, created } = this.#stream;
    const prefix = `${context.identity ?? context.name}/${this.#run}/`;
    return new Publisher(js, {
      stream: name,
      subject: options.subject,
      created,
      prefix,
      access: options,
      context,
    });
  }

  /** Where the stream ends now; asked until it answers, since the checkpoint needs it. */
  async #base(): Promise<number> {
    const { js, context, options } = this.#parts;
    const state = await persistNats({ access: options, context }, () => js.streamState(this.#stream.name));
    return state?.lastSequence ?? 0;
  }
}

function messagesOf({ frozen }: Prepared): Uint8Array[] {
  return (frozen ?? []).flatMap(unpackMessages);
}

/** One message on its way to the stream; under its id the server knows it again. */
interface Sent {
  readonly number: number;
  readonly data: Uint8Array;
  readonly messageId: string;
}

class PlainSink implements Sink {
  readonly #parts: SinkParts;
  readonly #under = new Set<Promise<void>>();
  /** Not taken, or not known to be. */
  #failed: { readonly sent: Sent; readonly error: unknown }[] = [];
  #bytes = 0;
  #rows = 0;
  #count = 0;

  constructor(parts: SinkParts) {
    this.#parts = parts;
  }

  write(batch: Batch): void | Promise<void> {
    const { encoder, nats } = this.#parts;
    this.#rows += batch.rows;
    return this.#sendAll(encoder.encode(batch, nats.info.maxPayload - RESERVE));
  }

  flush(): Promise<void> {
    return this.#settle();
  }

  async close(): Promise<SinkReport> {
    try {
      await this.#settle();
    } finally {
      await this.#parts.nats.close();
    }
    return { rows: this.#rows, wrote: [this.#parts.options.subject] };
  }

  async abort(): Promise<void> {
    await this.#parts.nats.close();
  }

  async #sendAll(messages: readonly Uint8Array[]): Promise<void> {
    for (const data of messages) {
      while (this.#under.size > 0 && (this.#under.size >= WINDOW || this.#bytes + data.length > WINDOW_BYTES)) {
        await Promise.race(this.#under);
      }
      if (this.#failed.length > 0) await this.#settle();
      this.#send({ number: this.#count++, data, messageId: randomUUID() });
    }
  }

  /**
   * Until all that was sent is in the stream. A connection that is lost takes the last of what was sent with it: that is sent again under its
   * ids, in its order, before anything else is, so that rows stay in theirs.
   */
  async #settle(): Promise<void> {
    await Promise.all(this.#under);
    if (this.#failed.length === 0) return;
    const { options, context } = this.#parts;
    await persistNats({ access: options, context }, async () => {
      const again = this.#failed.map(({ sent }) => sent).toSorted((one, other) => one.number - other.number);
      this.#failed = [];
      for (const sent of again) this.#send(sent);
      await Promise.all(this.#under);
      const [first] = this.#failed;
      if (first !== undefined) throw first.error;
    });
  }

  #send(sent: Sent): void {
    const { js, options } = this.#parts;
    const { data, messageId } = sent;
    this.#bytes += data.length;
    const under: Promise<void> = js
      .publish(options.subject, data, { messageId })
      .then(
        () => undefined,
        (error: unknown) => void this.#failed.push({ sent, error }),
      )
      .then(() => {
        this.#bytes -= data.length;
        this.#under.delete(under);
      });
    this.#under.add(under);
  }
}
