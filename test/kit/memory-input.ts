/** Bytes in memory as the input of a file format, and a format's whole reading and writing in one call. */
import type { Format, FormatReader, Input, ReadRequest } from '../../connectors/formats/format.ts';
import type { Batch } from '../../engine/batch/batch.ts';
import { copyBatch } from '../../engine/batch/reader.ts';
import type { Schema } from '../../engine/batch/types.ts';
import type { BadRow } from '../../engine/graph/connector.ts';

export interface MemoryInputOptions {
  /** False: bytes come in order only, as from a pipe or a compressed file. True unless given. */
  readonly random?: boolean;
  /** Bytes a piece. */
  readonly piece?: number;
}

export function memoryInput(name: string, bytes: Uint8Array, options: MemoryInputOptions = {}): Input {
  const piece = options.piece ?? 1000;
  const read = async (start: number, end: number): Promise<Uint8Array> => {
    if (start < 0 || end > bytes.length || end < start)
      throw new Error(`read of ${start} to ${end} of ${bytes.length}`);
    return bytes.slice(start, end);
  };
  return {
    name,
    live: false,
    async *stream() {
      // One buffer for all pieces, as a file's input does it: a reader that keeps a piece too long sees it change.
      const shared = new Uint8Array(piece);
      for (let at = 0; at < bytes.length; at += piece) {
        const part = bytes.subarray(at, at + piece);
        shared.fill(0xee);
        shared.set(part);
        yield shared.subarray(0, part.length);
      }
      return undefined;
    },
    ...(options.random === false ? {} : { random: { byteLength: bytes.length, read } }),
  };
}

/** A request for all columns of `schema`; bad rows go to `rejected`, or are an error where it is missing. */
export function requestFor(schema: Schema, rejected?: BadRow[], attach: readonly string[] = []): ReadRequest {
  const reject = (row: BadRow): void => {
    if (rejected === undefined) throw new Error(`${row.position}: ${row.message}`);
    rejected.push(row);
  };
  return { schema, paths: new Map(), attach, reject, signal: new AbortController().signal };
}

/** All batches of a reader, each a copy. */
export async function drain(reader: FormatReader): Promise<Batch[]> {
  const batches: Batch[] = [];
  try {
    for (let batch = await reader.next(); batch !== undefined; batch = await reader.next())
      batches.push(copyBatch(batch));
  } finally {
    await reader.close();
  }
  return batches;
}

/** What a format writes of some batches. */
export async function written<W>(
  format: Format<never, W>,
  schema: Schema,
  batches: readonly Batch[],
  options: W,
): Promise<Uint8Array> {
  const pieces: Uint8Array[] = [];
  const writer = await format.openWriter(schema, options, (piece) => pieces.push(new Uint8Array(piece)));
  for (const batch of batches) writer.write(batch);
  writer.finish();
  return new Uint8Array(Buffer.concat(pieces));
}
