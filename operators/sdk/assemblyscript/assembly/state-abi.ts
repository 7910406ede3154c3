/**
 * The exports of the world's `state` interface in the canonical ABI, for entry files of a `StatefulOperator`: `export * from '.../state-abi'`. The
 * build gives them their names in the world.
 */
import { Batch } from './batch';
import { Failure, fail, failed } from './failure';
import { FlatWriter } from './flat';
import { Registered } from './operator';
import { Results } from './output';
import { done, failure, success } from './returns';
import { StatefulOperator, StateWriter } from './state';
import { readSchema, Schema, writeSchema } from './types';

/** The list of messages of an export, 8 bytes each. */
let messages: usize = 0;
/** True between the calls of one import. */
let importing: bool = false;

function operator(): StatefulOperator {
  return Registered.operator as StatefulOperator;
}

export function export_state(): usize {
  const fields = operator().stateFields();
  const schema = new FlatWriter();
  writeSchema(new Schema(fields), schema);
  const writer = new StateWriter(fields);
  operator().exportState(writer);
  writer.flush();
  if (failed()) return failure();
  messages = heap.alloc(<usize>(Results.count + 1) * 8);
  store<u32>(messages, <u32>schema.start);
  store<u32>(messages, <u32>schema.used, 4);
  for (let i = 0; i < Results.count; i++) {
    const from = Results.start + <usize>i * 12;
    const at = messages + <usize>(i + 1) * 8;
    store<u32>(at, load<u32>(from, 4));
    store<u32>(at, load<u32>(from, 8), 4);
  }
  return success(messages, Results.count + 1);
}

export function import_state(list: usize, count: i32, more: i32): usize {
  if (!importing) operator().clearState();
  importing = more != 0;
  const schema = count == 0 ? new Schema([]) : readSchema(load<u32>(list), load<u32>(list, 4));
  if (!failed()) checkFields(schema);
  const batch = new Batch(schema);
  for (let i = 1; i < count && !failed(); i++) {
    const at = list + <usize>i * 8;
    batch.open(load<u32>(at), load<u32>(at, 4));
    if (!failed()) operator().importState(batch);
  }
  return failed() ? failure() : success(0, 0);
}

function checkFields(found: Schema): void {
  const fields = operator().stateFields();
  for (let i = 0; i < max(fields.length, found.fields.length); i++) {
    if (i >= fields.length) return fail(Failure.InvalidSchema, 'it has a column ' + found.fields[i].name + ' too many');
    const name = fields[i].name;
    if (i >= found.fields.length) return fail(Failure.InvalidSchema, 'it has no column ' + name);
    if (found.fields[i].name != name || found.fields[i].kind != fields[i].kind) {
      return fail(Failure.InvalidSchema, 'its column ' + found.fields[i].name + ' is not the ' + name + ' that is due');
    }
  }
}

export function cabi_post_export_state(area: usize): void {
  heap.free(messages);
  messages = 0;
  done();
}

export function cabi_post_import_state(area: usize): void {
  done();
}
