/**
 * A source's partition out of a feed of messages: rows of many messages gather in a batch, until it is full or nothing has come for a
 * moment. A position is the place of the last message handed out whole, and rows of those behind it.
 */
import { type Batch, LINGER_MS, MAX_BATCH_ROWS } from '../../engine/batch/batch.ts';
import { BatchBuilder } from '../../engine/batch/builder.ts';
import { sliceBatch } from '../../engine/batch/reader.ts';
import type { Schema } from '../../engine/batch/types.ts';
import type { BadRow, SourceContext, SourcePartition } from '../../engine/graph/connector.ts';
import type { Json } from '../../engine/json.ts';
import { pause } from '../outside.ts';
import { openDecoder, type Payload, type PayloadDecoder } from './decode.ts';
import type { PayloadRead } from './payload.ts';

export interface FedPayload extends Payload {
  /** Where the feed goes on behind this message; absent where it cannot be gone back to. */
  readonly place?: Json;
  /** Rows of it that were handed on before, and are left out. */
  readonly pass?: number;
}

export interface Feed {
  /** The next message, waiting for it; undefined at the end and once the source is closed or the signal aborts. */
  next(): Promise<FedPayload | undefined>;
  /** Hears how many rows the last message has. */
  added?(rows: number): void;
}

export interface MessagePartitionOptions {
  readonly name: string;
  readonly payload: PayloadRead;
  readonly feed: Feed;
  /** Where the feed begins; with it the partition has positions. */
  readonly begin?: Json;
  /** Rows behind that place that were handed on before. */
  readonly passRows?: number;
}

export interface MessagePosition {
  /** Of the last message of which all rows came. */
  readonly after: Json;
  /** Rows of the messages behind it. */
  readonly rows: number;
}

export async function openMessagePartition(
  options: MessagePartitionOptions,
  schema: Schema,
  context: SourceContext,
): Promise<SourcePartition> {
  const held: BadRow[] = [];
  const decoder = await openDecoder(options.payload, {
    schema,
    paths: context.paths,
    attach: context.attach,
    reject: (row) => void held.push(row),
    now: () => context.ports.now(),
  });
  return new MessagePartition(options, decoder, held, schema, context);
}

interface Piece {
  readonly batch: Batch;
  readonly position: MessagePosition;
}

class MessagePartition implements SourcePartition {
  readonly name: string;
  readonly #feed: Feed;
  readonly #decoder: PayloadDecoder;
  readonly #held: BadRow[];
  readonly #schema: Schema;
  readonly #context: SourceContext;
  #waiting: Promise<FedPayload | undefined> | undefined;
  /** What one round of gathering gave, largest batches cut. */
  #pieces: Piece[] = [];
  #after: Json;
  #passRows: number;
  #position: MessagePosition;
  #ended = false;
  position?: () => Json;

  constructor(
    { name, feed, begin, passRows }: MessagePartitionOptions,
    decoder: PayloadDecoder,
    held: BadRow[],
    schema: Schema,
    context: SourceContext,
  ) {
    this.name = name;
    this.#feed = feed;
    this.#decoder = decoder;
    this.#held = held;
    this.#schema = schema;
    this.#context = context;
    this.#after = begin ?? null;
    this.#passRows = passRows ?? 0;
    this.#position = { after: this.#after, rows: this.#passRows };
    if (begin !== undefined) this.position = () => ({ ...this.#position });
  }

  async next(): Promise<Batch | undefined> {
    for (;;) {
      if (this.#context.signal.aborted) return undefined;
      const piece = this.#pieces.shift();
      if (piece !== undefined) return this.#handOut(piece);
      if (this.#ended) return undefined;
      await this.#gather();
    }
  }

  /** Bad rows are reported with the last rows that were read with them, so that a position says of them, too, whether they were. */
  #handOut({ batch, position }: Piece): Batch {
    this.#position = position;
    if (this.#pieces.length === 0) for (const row of this.#held.splice(0)) this.#context.reject(row, this.name);
    return batch;
  }

  async #gather(): Promise<void> {
    const before = this.#after;
    let linger: Promise<'quiet'> | undefined;
    let gathered = false;
    while (!this.#decoder.full) {
      this.#waiting ??= this.#feed.next();
      if (gathered) linger ??= pause(LINGER_MS, this.#context).then(() => 'quiet' as const);
      const message = await (linger === undefined ? this.#waiting : Promise.race([this.#waiting, linger]));
      if (message === 'quiet') break;
      // rows are passed over at the beginning of what is gathered
      if (gathered && message?.pass !== undefined) break;
      this.#waiting = undefined;
      if (message === undefined) {
        this.#ended = true;
        break;
      }
      await this.#add(message);
      gathered = true;
    }
    if (this.#decoder.rows > 0) this.#cut(this.#decoder.take(), before);
    // messages without rows have been read, too
    if (this.#pieces.length === 0 && gathered) {
      this.#pieces.push({ batch: new BatchBuilder(this.#schema).finish(), position: this.#whole() });
    }
  }

  async #add(message: FedPayload): Promise<void> {
    const before = this.#decoder.rows;
    const adding = this.#decoder.add(message);
    if (adding !== undefined) await adding;
    const rows = this.#decoder.rows - before;
    if (message.pass !== undefined) this.#passRows = Math.min(message.pass, rows);
    this.#feed.added?.(rows);
    this.#after = message.place ?? null;
  }

  #whole(): MessagePosition {
    return { after: this.#after, rows: this.#passRows };
  }

  #cut(batch: Batch, before: Json): void {
    const first = Math.min(this.#passRows, batch.rows);
    this.#passRows -= first;
    for (let from = first; from < batch.rows; from += MAX_BATCH_ROWS) {
      const to = Math.min(from + MAX_BATCH_ROWS, batch.rows);
      const position = to === batch.rows ? this.#whole() : { after: before, rows: to };
      this.#pieces.push({ batch: from === 0 && to === batch.rows ? batch : sliceBatch(batch, from, to), position });
    }
  }
}
