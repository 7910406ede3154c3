/** Cells as files that a host elsewhere can go on with, and what that host gave back. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Batch } from '../../engine/batch/batch.ts';
import type { Cell } from '../../engine/cell/cell.ts';
import type { CellPlan } from '../../engine/compile/cell-plan.ts';
import type { Port } from '../../engine/compile/codegen/ports.ts';
import { type Json, parseValue, stringifyValue } from '../../engine/json.ts';
import type { CellImage } from '../../engine/state/checkpoint/state.ts';

const SUPPORT = new URL('../../engine/compile/support/support.wasm', import.meta.url);
const PAGE = 65_536;
const LIMIT = 1_073_741_824;

/** What happens to a cell; `input` of one that tells its inputs apart. */
export type HandedEvent = { readonly batch: Batch; readonly input?: number } | { readonly watermark: bigint } | 'end';

/** The code of a cell, and what its hosts must know of it. */
export interface HandedCode {
  readonly plan: CellPlan;
  /** As `CellImage.module`. */
  readonly digest: string;
  /** Here. */
  open(): Cell;
  /** Writes into the directory the cell, at an image or at its beginning, with the calls that follow. */
  write(directory: string, image: CellImage | undefined, events: readonly HandedEvent[]): void;
  /** What came out of the other host, by output, and the image that it left. */
  read(directory: string): Returned;
}

export interface Handing {
  readonly support: Uint8Array;
  readonly module: Uint8Array;
  readonly digest: string;
  /** Where things are in the memory. */
  readonly says: object;
  /** For a host that is our engine. */
  readonly madeOf: object;
  readonly image: CellImage | undefined;
  readonly events: readonly HandedEvent[];
}

export function supportCode(): Uint8Array {
  return readFileSync(SUPPORT);
}

export function roomOf(heap: number): object {
  return { pages: Math.ceil(heap / PAGE) + 4, heap, limit: LIMIT };
}

export function describePort({ index, head, layout, columns }: Port): object {
  return { index, head, layout, columns: columns.length };
}

export function writeHanded(directory: string, handing: Handing): void {
  const { support, module, digest, says, madeOf, image, events } = handing;
  const put = (name: string, bytes: Uint8Array) => writeFileSync(join(directory, name), bytes);
  put('support.wasm', support);
  put('module.wasm', module);
  if (image !== undefined) put('memory.bin', image.memory);
  const { calls, bytes } = callsOf(events);
  put('input.bin', bytes);
  const code = { support: 'support.wasm', module: 'module.wasm', ...says };
  const handed = { ...code, digest, image: describe(image), calls } satisfies Handed;
  writeFileSync(join(directory, 'cell.json'), JSON.stringify(handed));
  writeFileSync(join(directory, 'chain.json'), stringifyValue(madeOf));
}

export function readReturned(directory: string, plan: CellPlan, digest: string): Returned {
  const result = parseValue(readFileSync(join(directory, 'result.json'), 'utf8')) as unknown as Result;
  const bodies = readFileSync(join(directory, 'output.bin'));
  const batches = result.outputs.map(({ port, rows, layout, from, bytes }) => {
    const schema = plan.outputs[port]?.schema;
    if (schema === undefined) throw new Error(`rows came out of output ${port}, which the cell does not have`);
    return {
      port,
      batch: { schema, rows, layout: Int32Array.from(layout), body: bodies.subarray(from, from + bytes) },
    };
  });
  const memory = readFileSync(join(directory, 'after.bin'));
  const image = { module: digest, memory, globals: new Map(), host: result.host };
  return { batches, image, late: result.late };
}

export interface Returned {
  readonly batches: readonly { readonly port: number; readonly batch: Batch }[];
  readonly image: CellImage;
  readonly late: number;
}

/** `result.json`. */
export interface Result {
  readonly outputs: readonly {
    readonly port: number;
    readonly rows: number;
    readonly layout: readonly number[];
    readonly from: number;
    readonly bytes: number;
  }[];
  readonly host: CellImage['host'];
  readonly late: number;
}

/** `cell.json`, beside what a host of another make must know. */
export interface Handed {
  readonly digest: string;
  readonly image: {
    readonly memory: string;
    readonly ranges: NonNullable<CellImage['ranges']>;
    readonly host: Json;
  } | null;
  readonly calls: readonly Call[];
}

type Call =
  | { readonly kind: 'end' }
  | { readonly kind: 'watermark'; readonly time: string }
  | {
      readonly kind: 'batch';
      readonly rows: number;
      readonly from: number;
      readonly bytes: number;
      readonly layout: readonly number[];
      readonly input: number;
    };

function describe(image: CellImage | undefined): Handed['image'] {
  if (image === undefined) return null;
  const { memory, ranges = [[0, memory.length]], host } = image;
  return { memory: 'memory.bin', ranges, host };
}

function callsOf(events: readonly HandedEvent[]): { readonly calls: readonly Call[]; readonly bytes: Uint8Array } {
  const bodies: Uint8Array[] = [];
  let from = 0;
  const calls = events.map((event): Call => {
    if (event === 'end') return { kind: 'end' };
    if (!('batch' in event)) return { kind: 'watermark', time: String(event.watermark) };
    const { rows, body, layout } = event.batch;
    const { input = 0 } = event;
    bodies.push(body);
    from += body.length;
    return { kind: 'batch', rows, from: from - body.length, bytes: body.length, layout: [...layout], input };
  });
  return { calls, bytes: Buffer.concat(bodies) };
}
