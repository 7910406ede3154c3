/** What a compiled cell puts out, bit for bit, as one of another runtime has to put it out. */
import { createHash } from 'node:crypto';
import { type Batch, LAYOUT_WORDS } from '../../engine/batch/batch.ts';
import type { Cell } from '../../engine/cell/cell.ts';
import type { CellPlan } from '../../engine/compile/cell-plan.ts';
import type { HandedCode, HandedEvent } from './handed-files.ts';

/** By batch: output, rows, and the checksum of the Arrow buffers, without what lies between them. */
export class Outcome {
  readonly bits: string[] = [];
  readonly #ports: ReadonlySet<number>;

  /** The host makes rows of `errors` itself: they are no part of what the code puts out. */
  constructor({ outputs }: CellPlan) {
    this.#ports = new Set(outputs.flatMap(({ port }, index) => (port === 'errors' ? [] : [index])));
  }

  readonly take = (port: number, batch: Batch): void => {
    if (this.#ports.has(port)) this.bits.push(`output ${port}, ${batch.rows} rows, ${checksum(batch)}`);
  };

  drive(cell: Cell, events: readonly HandedEvent[]): void {
    for (const event of events) {
      if (event === 'end') cell.onEnd(this.take);
      else if ('batch' in event) cell.process(event.input ?? 0, event.batch, this.take);
      else cell.onWatermark(event.watermark, this.take);
    }
  }
}

function checksum({ body, layout, schema }: Batch): string {
  const hash = createHash('sha256');
  for (const [column, { type }] of schema.fields.entries()) {
    for (const word of [1, 3, 5]) {
      const from = layout[column * LAYOUT_WORDS + word] ?? 0;
      const buffer = Buffer.from(body.subarray(from, from + (layout[column * LAYOUT_WORDS + word + 1] ?? 0)));
      if (word === 3 && type.kind === 'float64') oneNaN(new Float64Array(new Uint8Array(buffer).buffer), hash);
      else if (word === 3 && type.kind === 'float32') oneNaN(new Float32Array(new Uint8Array(buffer).buffer), hash);
      else hash.update(buffer);
    }
  }
  return hash.digest('hex');
}

/** The bits of NaN are all that WebAssembly leaves to the processor. */
function oneNaN(values: Float64Array | Float32Array, hash: { update(bytes: Uint8Array): unknown }): void {
  for (let at = 0; at < values.length; at++) if (Number.isNaN(values[at])) values[at] = Number.NaN;
  hash.update(new Uint8Array(values.buffer));
}

export interface Ended {
  readonly bits: readonly string[];
  readonly late: number;
  readonly errors: number;
}

/** Of one cell that is never cut. */
export function uncut(code: HandedCode, events: readonly HandedEvent[]): Ended {
  const cell = code.open();
  const outcome = new Outcome(code.plan);
  outcome.drive(cell, events);
  const { late, errors } = cell.counters();
  cell.close();
  return { bits: outcome.bits, late, errors };
}
