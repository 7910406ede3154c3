/**
 * Calls into a guest: the canonical ABI for exactly the functions of the operator world. Arguments are written into memory that the
 * guest's realloc gives, results are read where the guest put them; nothing of a guest's is trusted.
 *
 *   result<list<...>, error>     0: 0 or 1 | 4: address, length of the list       or  4: case | 8: what the case carries
 *   tuple<u32, list<u8>>         0: output | 4: address, length                   12 bytes
 *   output-schema                0: name's address, length | 8: schema's          16 bytes
 *   invalid-row                  8: row | 12: 1 with a column | 16: column's address, length | 24: message's
 *
 * Source: the component model's CanonicalABI.md, as of WASI 0.2.
 */

import type { Batch } from '../../batch/batch.ts';
import { defined } from '../../defined.ts';
import type { BatchFramer } from './framer.ts';
import { AbiViolation, type GuestMemory } from './guest-memory.ts';
import type { RowError } from './host.ts';
import { MAX_MESSAGE_BYTES } from './host.ts';
import type { OperatorInstance } from './instance.ts';
import { printable } from './printable.ts';
import type { Deadline } from './watchdog.ts';
import { ERROR_CASES, type ErrorCase, EXPORT_STATE, IMPORT_STATE } from './world.ts';

/** Most batches that one call may return, and most outputs that an operator may have. */
const MAX_BATCHES = 65_536;
const MAX_OUTPUTS = 256;
const MAX_NAME_BYTES = 256;
const MAX_SCHEMA_BYTES = 16 * 1024 * 1024;

/** The guest refused a call in the world's own terms. */
export class GuestError extends Error {
  readonly kind: ErrorCase;
  readonly row: RowError | undefined;

  constructor(kind: ErrorCase, message: string, row?: RowError) {
    super(printable(message));
    this.name = 'GuestError';
    this.kind = kind;
    this.row = row;
  }
}

export interface OutputDescription {
  readonly name: string;
  /** An Arrow IPC schema message. */
  readonly schema: Uint8Array;
}

export interface NamedMessage {
  readonly name: string;
  readonly message: Uint8Array;
}

/** Takes what a call returned. */
export interface ResultReceiver {
  /** A batch message of output `output` lies at `address` of the guest's memory. */
  take(output: number, address: number, length: number): void;
  /** All messages have been taken and are still there; they are gone once this returns. */
  flush(): void;
}

type Core = (...args: (number | bigint)[]) => number;

interface Callable {
  readonly call: Core;
  readonly postReturn: Core | undefined;
}

const encoder = new TextEncoder();

export class Lifter {
  readonly memory: GuestMemory;
  readonly #deadline: Deadline;
  readonly #realloc: Core;
  readonly #init: Callable;
  readonly #process: Callable;
  readonly #onWatermark: Callable;
  readonly #onTimer: Callable;
  readonly #onEnd: Callable;
  /** Present where the operator hands over its state. */
  readonly #exportState: Callable | undefined;
  readonly #importState: Callable | undefined;

  constructor(instance: OperatorInstance, deadline: Deadline) {
    const { exports } = instance.operator.prepared;
    const callable = (name: string): Callable => {
      const found = exports.get(name);
      if (found === undefined) throw new AbiViolation(`it has no ${name}`);
      const { function: core, postReturn } = found;
      return {
        call: instance.func(core) as Core,
        postReturn: postReturn === undefined ? undefined : (instance.func(postReturn) as Core),
      };
    };
    this.#deadline = deadline;
    this.#init = callable('init');
    this.#process = callable('process');
    this.#onWatermark = callable('on-watermark');
    this.#onTimer = callable('on-timer');
    this.#onEnd = callable('on-end');
    const stateful = [EXPORT_STATE, IMPORT_STATE].every((name) => exports.has(name));
    this.#exportState = stateful ? callable(EXPORT_STATE) : undefined;
    this.#importState = stateful ? callable(IMPORT_STATE) : undefined;
    const process = exports.get('process');
    this.memory = instance.memory(process?.memory);
    if (process?.realloc === undefined) throw new AbiViolation('it has no realloc');
    this.#realloc = instance.func(process.realloc) as Core;
  }

  /** Returns copies: they outlive the call. After a failure the instance is of no more use. */
  init(config: string, inputs: readonly NamedMessage[]): OutputDescription[] {
    this.#deadline.begin();
    try {
      const text = encoder.encode(config);
      const configAt = this.#place(text);
      const list = this.#allocate(inputs.length * 16, 4);
      inputs.forEach(({ name, message }, index) => {
        const nameBytes = encoder.encode(name);
        const nameAt = this.#place(nameBytes);
        const messageAt = this.#place(message);
        const { view } = this.memory;
        const at = list + index * 16;
        view.setUint32(at, nameAt, true);
        view.setUint32(at + 4, nameBytes.length, true);
        view.setUint32(at + 8, messageAt, true);
        view.setUint32(at + 12, message.length, true);
      });
      const area = this.#init.call(configAt, text.length, list, inputs.length);
      const outputs = this.#liftOutputs(this.#result(area));
      this.#init.postReturn?.(area);
      return outputs;
    } catch (error) {
      throw this.#cause(error);
    } finally {
      this.#deadline.end();
    }
  }

  process(input: number, batch: Batch, framer: BatchFramer, receiver: ResultReceiver): void {
    const size = framer.measure(batch);
    let area: number;
    this.#deadline.begin();
    try {
      const at = this.#allocate(size, 1);
      framer.write(this.memory.bytes, at);
      area = this.#process.call(input, at, size);
    } catch (error) {
      throw this.#cause(error);
    }
    this.#finish(this.#process, area, receiver);
  }

  onWatermark(time: bigint, receiver: ResultReceiver): void {
    this.#timed(this.#onWatermark, time, receiver);
  }

  onTimer(time: bigint, receiver: ResultReceiver): void {
    this.#timed(this.#onTimer, time, receiver);
  }

  onEnd(receiver: ResultReceiver): void {
    let area: number;
    this.#deadline.begin();
    try {
      area = this.#onEnd.call();
    } catch (error) {
      throw this.#cause(error);
    }
    this.#finish(this.#onEnd, area, receiver);
  }

  get hasState(): boolean {
    return this.#exportState !== undefined;
  }

  /** The messages of its state, as copies. Only where `hasState`. */
  exportState(): Uint8Array[] {
    const callable = this.#exportState;
    if (callable === undefined) throw new AbiViolation('it has no export-state');
    this.#deadline.begin();
    try {
      const area = callable.call();
      const messages = this.#liftMessages(this.#result(area));
      callable.postReturn?.(area);
      return messages;
    } catch (error) {
      throw this.#cause(error);
    } finally {
      this.#deadline.end();
    }
  }

  /** Replaces its state, or with `more` begins or goes on to. Only where `hasState`. */
  importState(messages: readonly Uint8Array[], more: boolean): void {
    const callable = this.#importState;
    if (callable === undefined) throw new AbiViolation('it has no import-state');
    this.#deadline.begin();
    try {
      const list = this.#allocate(messages.length * 8, 4);
      for (const [index, message] of messages.entries()) {
        const at = this.#place(message);
        this.memory.view.setUint32(list + index * 8, at, true);
        this.memory.view.setUint32(list + index * 8 + 4, message.length, true);
      }
      const area = callable.call(list, messages.length, more ? 1 : 0);
      this.#result(area);
      callable.postReturn?.(area);
    } catch (error) {
      throw this.#cause(error);
    } finally {
      this.#deadline.end();
    }
  }

  #liftMessages(list: number): Uint8Array[] {
    const { memory } = this;
    const count = memory.u32(list + 4);
    if (count === 0) return [];
    if (count > MAX_BATCHES) throw new AbiViolation(`its state has ${count} messages`);
    const first = memory.check(memory.u32(list), count * 8, 4, 'the messages of its state');
    return Array.from({ length: count }, (_, i) => {
      const length = memory.u32(first + i * 8 + 4);
      const address = memory.check(memory.u32(first + i * 8), length, 1, 'a message of its state');
      return memory.bytes.slice(address, address + length);
    });
  }

  #timed(callable: Callable, time: bigint, receiver: ResultReceiver): void {
    let area: number;
    this.#deadline.begin();
    try {
      area = callable.call(time);
    } catch (error) {
      throw this.#cause(error);
    }
    this.#finish(callable, area, receiver);
  }

  /** Hands the call's batches on with the clock stopped, then lets the guest take its memory back. */
  #finish(callable: Callable, area: number, receiver: ResultReceiver): void {
    this.#deadline.end();
    let failure: GuestError | undefined;
    try {
      this.#liftBatches(this.#result(area), receiver);
      receiver.flush();
    } catch (error) {
      if (!(error instanceof GuestError)) throw error;
      failure = error;
    }
    if (callable.postReturn !== undefined) {
      this.#deadline.begin();
      try {
        callable.postReturn(area);
      } catch (error) {
        throw this.#cause(error);
      }
      this.#deadline.end();
    }
    if (failure !== undefined) throw failure;
  }

  /** What to throw for a call that threw: the deadline's error where it was the reason. */
  #cause(error: unknown): unknown {
    return this.#deadline.end() ? this.#deadline.exceeded() : error;
  }

  #allocate(size: number, alignment: number): number {
    if (size === 0) return alignment;
    const pointer = this.#realloc(0, 0, alignment, size);
    return this.memory.check(pointer, size, alignment, 'the memory that its realloc gave');
  }

  #place(bytes: Uint8Array): number {
    const at = this.#allocate(bytes.length, 1);
    this.memory.bytes.set(bytes, at);
    return at;
  }

  /** The address of a result's list (two words), or the guest's error. */
  #result(area: number): number {
    const { memory } = this;
    const at = memory.check(area, 12, 4, 'a result');
    const discriminant = memory.u8(at);
    if (discriminant === 0) return at + 4;
    if (discriminant !== 1) throw new AbiViolation(`a result has discriminant ${discriminant}`);
    throw this.#liftError(memory.check(area, 32, 4, 'an error') + 4);
  }

  #liftError(at: number): GuestError {
    const { memory } = this;
    const kind = ERROR_CASES[memory.u8(at)];
    if (kind === undefined) throw new AbiViolation(`an error has case ${memory.u8(at)}`);
    const text = (place: number): string =>
      memory.text(memory.u32(place), memory.u32(place + 4), 'the message of an error', MAX_MESSAGE_BYTES);
    if (kind !== 'invalid-row') return new GuestError(kind, text(at + 4));
    const message = text(at + 20);
    const column = memory.u8(at + 8) === 0 ? undefined : text(at + 12);
    const row = { row: memory.u32(at + 4), message, ...defined({ column }) };
    return new GuestError(kind, message, row);
  }

  #liftBatches(list: number, receiver: ResultReceiver): void {
    const { memory } = this;
    const count = memory.u32(list + 4);
    if (count === 0) return;
    if (count > MAX_BATCHES) throw new AbiViolation(`a call returned ${count} batches`);
    const first = memory.check(memory.u32(list), count * 12, 4, 'a list of batches');
    for (let i = 0; i < count; i++) {
      const at = first + i * 12;
      const length = memory.u32(at + 8);
      const address = memory.check(memory.u32(at + 4), length, 1, 'a batch');
      receiver.take(memory.u32(at), address, length);
    }
  }

  #liftOutputs(list: number): OutputDescription[] {
    const { memory } = this;
    const count = memory.u32(list + 4);
    if (count === 0 || count > MAX_OUTPUTS)
      throw new AbiViolation(`it has ${count} outputs; it may have 1 to ${MAX_OUTPUTS}`);
    const first = memory.check(memory.u32(list), count * 16, 4, 'the list of outputs');
    return Array.from({ length: count }, (_, i) => {
      const at = first + i * 16;
      const name = memory.name(memory.u32(at), memory.u32(at + 4), 'the name of an output', MAX_NAME_BYTES);
      const length = memory.u32(at + 12);
      if (length > MAX_SCHEMA_BYTES) throw new AbiViolation('a schema is too large');
      const address = memory.check(memory.u32(at + 8), length, 1, 'a schema');
      return { name, schema: memory.bytes.slice(address, address + length) };
    });
  }
}
