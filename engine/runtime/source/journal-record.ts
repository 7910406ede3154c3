/**
 * A record of a journal: what one `next` of a connector gave, namely the rows that could not be read, what the connector wants to remember (notes),
 * and the batch. All of it is safe, or nothing.
 *
 *     | bytes of the bad rows, u32 | bytes of the notes, u32 | bad rows, JSON, padded to 8 | notes, JSON, padded to 8 | Arrow record batch message |
 */
import type { Batch } from '../../batch/batch.ts';
import { BatchBuilder } from '../../batch/builder.ts';
import { IpcDecoder, IpcEncoder } from '../../batch/ipc.ts';
import type { Schema } from '../../batch/types.ts';
import type { BadRow } from '../../graph/connector.ts';
import type { Json } from '../../json.ts';

const HEAD = 8;

export interface JournalRecord {
  readonly batch: Batch;
  readonly bad: readonly BadRow[];
  readonly notes: readonly Json[];
}

export class RecordCodec {
  readonly #empty: Batch;
  readonly #encoder: IpcEncoder;
  readonly #decoder: IpcDecoder;

  constructor(schema: Schema) {
    this.#empty = new BatchBuilder(schema).finish();
    this.#encoder = new IpcEncoder(schema);
    this.#decoder = new IpcDecoder(schema);
  }

  encode({ batch = this.#empty, bad = [], notes = [] }: Partial<JournalRecord>): Uint8Array {
    const texts = [jsonOf(bad), jsonOf(notes)] as const;
    const message = this.#encoder.encode(batch);
    const [noted, start] = [HEAD + padded(texts[0].length), HEAD + padded(texts[0].length) + padded(texts[1].length)];
    const data = new Uint8Array(start + message.length);
    const view = new DataView(data.buffer);
    view.setUint32(0, texts[0].length, true);
    view.setUint32(4, texts[1].length, true);
    data.set(texts[0], HEAD);
    data.set(texts[1], noted);
    data.set(message, start);
    return data;
  }

  /** The batch is valid as long as `data` is. */
  decode(data: Uint8Array): JournalRecord {
    const { bad, notes, start } = parts(data);
    return { batch: this.#decoder.decode(data.subarray(start)), bad: parsed<BadRow>(bad), notes: parsed<Json>(notes) };
  }
}

export function notesOf(data: Uint8Array): readonly Json[] {
  return parsed<Json>(parts(data).notes);
}

function parts(data: Uint8Array): { readonly bad: Uint8Array; readonly notes: Uint8Array; readonly start: number } {
  const view = new DataView(data.buffer, data.byteOffset);
  const [bad, notes] = [view.getUint32(0, true), view.getUint32(4, true)];
  const noted = HEAD + padded(bad);
  return {
    bad: data.subarray(HEAD, HEAD + bad),
    notes: data.subarray(noted, noted + notes),
    start: noted + padded(notes),
  };
}

function padded(bytes: number): number {
  return (bytes + 7) & ~7;
}

function jsonOf(list: readonly unknown[]): Uint8Array {
  return list.length === 0 ? new Uint8Array(0) : new TextEncoder().encode(JSON.stringify(list));
}

function parsed<T>(text: Uint8Array): readonly T[] {
  return text.length === 0 ? [] : (JSON.parse(new TextDecoder().decode(text)) as T[]);
}
