/** Rows of a task's requests and answers: JSON, NDJSON and Arrow, by the readers and writers that connectors of messages have. */
import { openDecoder, type PayloadDecoder } from '../../connectors/payload/decode.ts';
import { openEncoder, type PayloadEncoder } from '../../connectors/payload/encode.ts';
import type { Batch } from '../../engine/batch/batch.ts';
import { concatBatches, copyBatch } from '../../engine/batch/reader.ts';
import type { Form, TaskCodec } from '../../engine/task/service.ts';
import { badInput } from '../../engine/task/task.ts';
import type { TaskPlan } from '../../engine/task/task-plan.ts';

/** Decoders that are kept, of each form: each is in one request's hands. */
const FREE = 4;
const KEPT_BELOW = 65_536;

export function codecOf({ operator, input, paths, result }: TaskPlan): TaskCodec {
  const request = {
    schema: input,
    paths,
    attach: [],
    now: () => Date.now(),
    reject: (row: Parameters<typeof badInput>[1]): never => {
      throw badInput(operator, row);
    },
  };
  /** That wait for the next request of their form. */
  const decoders = new Map<Form, PayloadDecoder[]>();
  const encoders = new Map<Form, Promise<PayloadEncoder>>();
  const encoder = (form: Form): Promise<PayloadEncoder> => {
    const known = encoders.get(form) ?? openEncoder({ format: form, given: {}, per: 'batch' }, result);
    encoders.set(form, known);
    return known;
  };
  return {
    decode: async (data, form) => {
      const free = decoders.get(form) ?? [];
      decoders.set(form, free);
      const decoder = free.pop() ?? (await openDecoder({ format: form, given: {} }, request));
      // one that refused what it was given may hold rows of it, and is not used again
      await decoder.add({ data, position: 'request', attached: [] });
      const batches = decoder.rows === 0 ? [] : [copyBatch(decoder.take())];
      // what it has grown to for a large request it would keep
      if (free.length < FREE && data.length < KEPT_BELOW) free.push(decoder);
      return batches;
    },
    encode: async (batches, form) => {
      const [only, other] = batches;
      const rows = only !== undefined && other === undefined ? only : concatBatches(result, batches);
      if (form === 'arrow') return arrowStream(rows);
      const [message] = (await encoder(form)).encode(rows, Number.MAX_SAFE_INTEGER);
      return message ?? new TextEncoder().encode(form === 'json' ? '[]' : '');
    },
  };
}

/** Schema, rows, end: also where there are no rows. */
async function arrowStream(batch: Batch): Promise<Uint8Array> {
  const { ArrowWriter } = await import('../../connectors/formats/arrow/writer.ts');
  const pieces: Uint8Array[] = [];
  const writer = new ArrowWriter(batch.schema, 'stream', undefined, (bytes) => void pieces.push(new Uint8Array(bytes)));
  writer.write(batch);
  writer.finish();
  return Buffer.concat(pieces);
}
