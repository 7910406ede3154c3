/**
 * A compiled cell as files that a host elsewhere can go on with, and what that host gave back. `cell.json` says what a host must know (docs/cell-abi.md), and for
 * one that is our engine what the code was made of.
 */
import { createHash } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Batch } from '../../engine/batch/batch.ts';
import { byteWidth, isVariable, type Schema } from '../../engine/batch/types.ts';
import type { CellPlan } from '../../engine/compile/cell-plan.ts';
import { type GeneratedCell, generate } from '../../engine/compile/codegen/generate.ts';
import { type Json, parseValue, stringifyValue } from '../../engine/json.ts';
import type { CellImage } from '../../engine/state/checkpoint/state.ts';
import { chainOf, type Event, type OperatorText } from '../kit/chains.ts';

const SUPPORT = new URL('../../engine/compile/support/support.wasm', import.meta.url);
const PAGE = 65_536;
const LIMIT = 1_073_741_824;

/** The code of a plan, and what its hosts must know of it. */
export class HandedCell {
  readonly plan: CellPlan;
  readonly #chain: object;
  readonly #generated: GeneratedCell;
  readonly #support: Uint8Array = readFileSync(SUPPORT);
  readonly #module: Uint8Array;
  /** As `CellImage.module`. */
  readonly digest: string;

  constructor(schema: Schema, operators: readonly OperatorText[]) {
    this.plan = chainOf(schema, operators);
    this.#chain = { schema, operators };
    this.#generated = generate(this.plan);
    this.#module = this.#generated.module.encode();
    this.digest = createHash('sha256').update(this.#support).update(this.#module).digest('hex');
  }

  /** Writes into the directory the cell, at an image or at its beginning, with the calls that follow. */
  write(directory: string, image: CellImage | undefined, events: readonly Event[]): void {
    const put = (name: string, bytes: Uint8Array) => writeFileSync(join(directory, name), bytes);
    put('support.wasm', this.#support);
    put('module.wasm', this.#module);
    if (image !== undefined) put('memory.bin', image.memory);
    const { calls, bytes } = callsOf(events);
    put('input.bin', bytes);
    const handed = { ...this.#describe(), digest: this.digest, image: describe(image), calls } satisfies Handed;
    writeFileSync(join(directory, 'cell.json'), JSON.stringify(handed));
    writeFileSync(join(directory, 'chain.json'), stringifyValue(this.#chain));
  }

  #describe(): object {
    const { heap, positions, ports, input, sites, aggregate } = this.#generated;
    return {
      support: 'support.wasm',
      module: 'module.wasm',
      pages: Math.ceil(heap / PAGE) + 4,
      heap,
      limit: LIMIT,
      positions,
      timeUnits: aggregate === undefined ? null : Number(aggregate.timeUnits),
      sites: sites.map(({ operator }) => operator.name),
      ports: ports.flatMap((port) => {
        if (port === undefined) return [];
        return [{ index: port.index, head: port.head, layout: port.layout, columns: port.columns.length }];
      }),
      input: {
        rows: input.rows,
        places: [...input.places.values()].map(({ column, field, values, validity = null, data = null }) => {
          return { column, width: isVariable(field.type) ? -1 : byteWidth(field.type), values, validity, data };
        }),
      },
    };
  }

  /** What came out of the other host, by output, and the image that it left. */
  read(directory: string): Returned {
    const result = parseValue(readFileSync(join(directory, 'result.json'), 'utf8')) as unknown as Result;
    const bodies = readFileSync(join(directory, 'output.bin'));
    const batches = result.outputs.map(({ port, rows, layout, from, bytes }) => {
      const schema = this.plan.outputs[port]?.schema;
      if (schema === undefined) throw new Error(`rows came out of output ${port}, which the cell does not have`);
      return {
        port,
        batch: { schema, rows, layout: Int32Array.from(layout), body: bodies.subarray(from, from + bytes) },
      };
    });
    const memory = readFileSync(join(directory, 'after.bin'));
    const image = { module: this.digest, memory, globals: new Map(), host: result.host };
    return { batches, image, late: result.late };
  }
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
    };

function describe(image: CellImage | undefined): Handed['image'] {
  if (image === undefined) return null;
  const { memory, ranges = [[0, memory.length]], host } = image;
  return { memory: 'memory.bin', ranges, host };
}

function callsOf(events: readonly Event[]): { readonly calls: readonly Call[]; readonly bytes: Uint8Array } {
  const bodies: Uint8Array[] = [];
  let from = 0;
  const calls = events.map((event): Call => {
    if (event === 'end') return { kind: 'end' };
    if (!('batch' in event)) return { kind: 'watermark', time: String(event.watermark) };
    const { rows, body, layout } = event.batch;
    bodies.push(body);
    from += body.length;
    return { kind: 'batch', rows, from: from - body.length, bytes: body.length, layout: [...layout] };
  });
  return { calls, bytes: Buffer.concat(bodies) };
}
