/**
 * Our own engine as a host, in a process of another architecture. Reads directories, one a line of standard input, as wasmtime_cell.py does; of
 * each it opens the cell anew from what the code was made of, on the image, and does the calls.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { createInterface } from 'node:readline';
import type { Batch } from '../../engine/batch/batch.ts';
import type { Schema } from '../../engine/batch/types.ts';
import type { Cell } from '../../engine/cell/cell.ts';
import { openCompiledCell } from '../../engine/cell/compiled.ts';
import { openJoinCell } from '../../engine/cell/join.ts';
import type { CellPlan } from '../../engine/compile/cell-plan.ts';
import { messageOf } from '../../engine/errors.ts';
import { loadParser } from '../../engine/expression/check.ts';
import { parseValue, stringifyValue } from '../../engine/json.ts';
import { chainOf, type OperatorText } from '../kit/chains.ts';
import type { Handed, HandedEvent, Result } from './handed-files.ts';

function eventsOf(directory: string, schemas: readonly Schema[], calls: Handed['calls']): HandedEvent[] {
  const inputs = readFileSync(join(directory, 'input.bin'));
  return calls.map((call): HandedEvent => {
    if (call.kind === 'end') return 'end';
    if (call.kind === 'watermark') return { watermark: BigInt(call.time) };
    const body = new Uint8Array(inputs.subarray(call.from, call.from + call.bytes));
    const { rows, layout, input } = call;
    const schema = schemas[input] ?? { fields: [] };
    return { input, batch: { schema, rows, body, layout: Int32Array.from(layout) } };
  });
}

/** A chain as texts, or a join as its plan. */
type MadeOf = { readonly schema: Schema; readonly operators: OperatorText[] } | { readonly plan: CellPlan };

function planOf(of: MadeOf): { readonly plan: CellPlan; readonly schemas: readonly Schema[] } {
  if ('plan' in of) return { plan: of.plan, schemas: of.plan.operators[0]?.inputSchemas ?? [] };
  return { plan: chainOf(of.schema, of.operators), schemas: [of.schema] };
}

function run(directory: string): void {
  const read = (name: string) => readFileSync(join(directory, name), 'utf8');
  const { plan, schemas } = planOf(parseValue(read('chain.json')) as unknown as MadeOf);
  const { calls, image, digest } = JSON.parse(read('cell.json')) as Handed;
  const cell = plan.kind === 'join' ? openJoinCell(plan) : openCompiledCell(plan);
  if (image !== null) {
    const memory = readFileSync(join(directory, image.memory));
    cell.state?.restoreImage?.({ module: digest, memory, ranges: image.ranges, globals: new Map(), host: image.host });
  }
  const outputs: Result['outputs'][number][] = [];
  const bodies: Uint8Array[] = [];
  let from = 0;
  const emit = (port: number, { rows, body, layout }: Batch): void => {
    outputs.push({ port, rows, layout: [...layout], from, bytes: body.length });
    bodies.push(new Uint8Array(body));
    from += body.length;
  };
  drive(cell, eventsOf(directory, schemas, calls), emit);
  writeFileSync(join(directory, 'output.bin'), Buffer.concat(bodies));
  const left = cell.state?.image?.();
  if (left === undefined) throw new Error(`${cell.name} has no image`);
  writeFileSync(join(directory, 'after.bin'), left.memory);
  const result: Result = { outputs, host: left.host, late: cell.counters().late };
  writeFileSync(join(directory, 'result.json'), stringifyValue(result));
  cell.close();
}

function drive(cell: Cell, events: readonly HandedEvent[], emit: (port: number, batch: Batch) => void): void {
  for (const event of events) {
    if (event === 'end') cell.onEnd(emit);
    else if ('batch' in event) cell.process(event.input ?? 0, event.batch, emit);
    else cell.onWatermark(event.watermark, emit);
  }
}

await loadParser();
for await (const directory of createInterface(process.stdin)) {
  try {
    run(directory);
    console.log('done');
  } catch (error) {
    console.log(`failed: ${messageOf(error).replaceAll('\n', ' | ')}`);
  }
}
