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
import { messageOf } from '../../engine/errors.ts';
import { loadParser } from '../../engine/expression/check.ts';
import { parseValue, stringifyValue } from '../../engine/json.ts';
import { chainOf, type Event, type OperatorText } from '../kit/chains.ts';
import type { Handed, Result } from './handed-cell.ts';

function eventsOf(directory: string, schema: Schema, calls: Handed['calls']): Event[] {
  const inputs = readFileSync(join(directory, 'input.bin'));
  return calls.map((call): Event => {
    if (call.kind === 'end') return 'end';
    if (call.kind === 'watermark') return { watermark: BigInt(call.time) };
    const body = new Uint8Array(inputs.subarray(call.from, call.from + call.bytes));
    return { batch: { schema, rows: call.rows, body, layout: Int32Array.from(call.layout) } };
  });
}

function run(directory: string): void {
  const read = (name: string) => readFileSync(join(directory, name), 'utf8');
  const chain = parseValue(read('chain.json')) as { readonly schema: Schema; readonly operators: OperatorText[] };
  const { calls, image, digest } = JSON.parse(read('cell.json')) as Handed;
  const cell = openCompiledCell(chainOf(chain.schema, chain.operators));
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
  drive(cell, eventsOf(directory, chain.schema, calls), emit);
  writeFileSync(join(directory, 'output.bin'), Buffer.concat(bodies));
  const left = cell.state?.image?.();
  if (left === undefined) throw new Error(`${cell.name} has no image`);
  writeFileSync(join(directory, 'after.bin'), left.memory);
  const result: Result = { outputs, host: left.host, late: cell.counters().late };
  writeFileSync(join(directory, 'result.json'), stringifyValue(result));
  cell.close();
}

function drive(cell: Cell, events: readonly Event[], emit: (port: number, batch: Batch) => void): void {
  for (const event of events) {
    if (event === 'end') cell.onEnd(emit);
    else if ('batch' in event) cell.process(0, event.batch, emit);
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
