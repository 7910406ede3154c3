/** The operator of `bench start`: about 10 KB of code, and an `init` that fills a table, so that its image has 64 KiB. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Batch } from '../../engine/batch/batch.ts';
import { BatchBuilder } from '../../engine/batch/builder.ts';
import type { Schema } from '../../engine/batch/types.ts';
import type { Cell } from '../../engine/cell/cell.ts';
import { describeComponent, prepareComponentCell } from '../../engine/cell/component.ts';
import { componentPlan, guestComponent, INIT } from '../../test/kit/guests.ts';

export const SCHEMA: Schema = {
  fields: [
    { name: 'at', type: { kind: 'timestamp', unit: 'us' }, nullable: false },
    { name: 'value', type: { kind: 'float64' }, nullable: true },
  ],
};
export const IMAGE_BYTES = 65_536;
const ROWS = 256;
const FUNCTIONS = 400;

/** Fills memory from 4096 to 65536; the rest of the image is the guest's own. */
const FILL = `(local $i i32)
  (local.set $i (i32.const 4096))
  (loop $next
    (i32.store (local.get $i) (call $f7 (local.get $i)))
    (local.set $i (i32.add (local.get $i) (i32.const 4)))
    (br_if $next (i32.lt_u (local.get $i) (i32.const 65536))))`;

function code(index: number): string {
  const mixed = `(i32.xor (i32.mul (local.get 0) (i32.const ${index + 77_777})) (i32.const ${index * 7_919 + 1}))`;
  return `(func $f${index} (param i32) (result i32) ${mixed})`;
}

/** Writes the component to the directory; its path and bytes. */
export async function writeOperator(
  directory: string,
): Promise<{ readonly path: string; readonly component: Uint8Array }> {
  const extra = Array.from({ length: FUNCTIONS }, (_, index) => code(index)).join('\n');
  const component = await guestComponent({ pages: 2, extra, init: `${FILL} ${INIT}` });
  const path = join(directory, 'start.wasm');
  await writeFile(path, component);
  return { path, component };
}

/** Opens cells of it; each call opens one. Those of another `config` begin with an image of their own. */
export async function openings(path: string, config: Readonly<Record<string, unknown>> = {}): Promise<() => Cell> {
  const outputs = await describeComponent(path, config, new Map([['', SCHEMA]]), '.', {});
  return prepareComponentCell(componentPlan(path, SCHEMA, outputs, { config }), { now: () => 0 });
}

/** A batch of 4 KiB. */
export function firstBatch(): Batch {
  const builder = new BatchBuilder(SCHEMA);
  for (let row = 0; row < ROWS; row++) {
    builder.columns[0]?.append(BigInt(row));
    builder.columns[1]?.append(row * 0.5);
    builder.endRow();
  }
  return builder.finish();
}

/** Opens a cell and has it process a batch. Throws where not all rows come out. */
export function startAndProcess(open: () => Cell, batch: Batch): Cell {
  const cell = open();
  let rows = 0;
  cell.process(0, batch, (_, output) => {
    rows += output.rows;
  });
  if (rows !== batch.rows) throw new Error(`${rows} rows of ${batch.rows} came out`);
  return cell;
}
