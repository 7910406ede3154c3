/** What a worker thread of a task is told, and what it answers. */
import type { Batch } from '../batch/batch.ts';
import { copyBatch } from '../batch/reader.ts';
import type { Schema } from '../batch/types.ts';
import type { PoolFigures } from '../cell/pools.ts';
import { CloudskinError, type Domain } from '../errors.ts';
import type { TaskPlan } from './task-plan.ts';

export interface WorkerSetup {
  readonly plan: TaskPlan;
  readonly directory: string;
  readonly deadline: number;
  readonly memoryBytes: number;
}

/** A batch without its schema, which both sides know. */
export interface BatchParts {
  readonly rows: number;
  readonly body: Uint8Array;
  readonly layout: Int32Array;
}

export interface CallMessage {
  readonly id: number;
  readonly milliseconds: number;
  readonly batches: readonly BatchParts[];
}

export interface ErrorParts {
  readonly code: string;
  readonly message: string;
  readonly domain: Domain;
  readonly retry: boolean;
  readonly hint?: string;
}

export type Answer =
  | { readonly kind: 'ready' }
  /** What the thread keeps for the next calls. */
  | { readonly kind: 'pools'; readonly pools: readonly PoolFigures[] }
  | {
      readonly kind: 'result';
      readonly id: number;
      readonly batches: readonly BatchParts[];
      readonly errors: readonly BatchParts[];
    }
  | { readonly kind: 'error'; readonly id: number; readonly error: ErrorParts };

/** In memory of their own: what is posted is copied with the whole buffer behind it, so what has one to itself goes as it is. */
export function partsOf(batches: readonly Batch[]): BatchParts[] {
  return batches.map((batch) => {
    const { rows, body, layout } = isWhole(batch.body) && isWhole(batch.layout) ? batch : copyBatch(batch);
    return { rows, body, layout };
  });
}

function isWhole({ byteLength, buffer }: Uint8Array | Int32Array): boolean {
  return byteLength === buffer.byteLength;
}

/** Bytes from which on handing memory over costs less than copying it. */
const HAND_OVER = 32_768;

/** The memory of parts that nobody here reads any more, as far as it is worth handing over. */
export function handedOver(parts: readonly BatchParts[]): ArrayBuffer[] {
  return parts.flatMap(({ body: { buffer } }) =>
    buffer instanceof ArrayBuffer && buffer.byteLength >= HAND_OVER ? [buffer] : [],
  );
}

export function batchesOf(parts: readonly BatchParts[], schema: Schema): Batch[] {
  return parts.map((part) => ({ schema, ...part }));
}

export function errorParts({ code, message, domain, retry, hint }: CloudskinError): ErrorParts {
  return { code, message, domain, retry, ...(hint === undefined ? {} : { hint }) };
}

export function errorOf({ code, message, ...options }: ErrorParts): CloudskinError {
  return new CloudskinError(code, message, options);
}
