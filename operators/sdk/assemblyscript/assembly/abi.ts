/**
 * The exports of the operator world in the canonical ABI. An entry file exports all of them: `export * from '.../abi'`. The build renames
 * `on_watermark` to `on-watermark` and so on, since AssemblyScript's exports are identifiers.
 *
 * Source: the component model's CanonicalABI.md, as of WASI 0.2.
 */
import { Batch } from './batch';
import { Config } from './config';
import { failed } from './failure';
import { FlatWriter } from './flat';
import { allocateArgument } from './memory';
import { Operator, Registered } from './operator';
import { done, failure, result, success } from './returns';
import { readSchema, Schema, writeSchema } from './types';

const batches: Batch[] = [];
const schemas: FlatWriter[] = [];
let schemaList: usize = 0;

function operator(): Operator {
  return Registered.operator!;
}

export function cabi_realloc(old: usize, oldSize: usize, alignment: usize, size: usize): usize {
  const fresh = allocateArgument(size);
  if (old != 0) memory.copy(fresh, old, min(oldSize, size));
  return fresh;
}

export function init(config: usize, configLength: i32, inputs: usize, inputCount: i32): usize {
  const names: string[] = [];
  const found: Schema[] = [];
  for (let i = 0; i < inputCount && !failed(); i++) {
    const at = inputs + <usize>i * 16;
    names.push(String.UTF8.decodeUnsafe(load<u32>(at), load<i32>(at, 4)));
    found.push(readSchema(load<u32>(at, 8), load<u32>(at, 12)));
    batches.push(new Batch(found[i]));
  }
  if (!failed()) operator().init(new Config(String.UTF8.decodeUnsafe(config, configLength)), names, found);
  return failed() ? failure() : outputSchemas();
}

/** The list of output-schema records: name and schema, 16 bytes each. */
function outputSchemas(): usize {
  const outputs = operator().outputs;
  schemaList = heap.alloc(<usize>outputs.length * 16);
  for (let i = 0; i < outputs.length; i++) {
    const writer = new FlatWriter();
    schemas.push(writer);
    writeSchema(outputs[i].schema, writer);
    const at = schemaList + <usize>i * 16;
    const name = String.UTF8.encode(outputs[i].name);
    const text = allocateArgument(<usize>name.byteLength);
    memory.copy(text, changetype<usize>(name), name.byteLength);
    store<u32>(at, <u32>text);
    store<u32>(at, <u32>name.byteLength, 4);
    store<u32>(at, <u32>writer.start, 8);
    store<u32>(at, <u32>writer.used, 12);
  }
  return success(schemaList, outputs.length);
}

export function process(input: u32, message: usize, length: usize): usize {
  const batch = batches[input];
  batch.open(message, length);
  if (!failed()) operator().process(input, batch);
  return result();
}

export function on_watermark(time: i64): usize {
  operator().onWatermark(time);
  return result();
}

export function on_timer(time: i64): usize {
  operator().onTimer(time);
  return result();
}

export function on_end(): usize {
  operator().onEnd();
  return result();
}

export function cabi_post_init(area: usize): void {
  done();
}

export function cabi_post_process(area: usize): void {
  done();
}

export function cabi_post_on_watermark(area: usize): void {
  done();
}

export function cabi_post_on_timer(area: usize): void {
  done();
}

export function cabi_post_on_end(area: usize): void {
  done();
}
