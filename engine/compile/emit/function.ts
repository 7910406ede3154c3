/**
 * One function under construction: instructions are appended as bytes at once; locals and labels are objects. Blocks take
 * a callback, so that nesting in the builder's source is nesting in the code, and branches name labels instead of depths.
 */
import { internalError } from '../../errors.ts';
import { ByteWriter } from './bytes.ts';
import { OPCODES } from './opcodes.ts';

export type ValueType = 'i32' | 'i64' | 'f32' | 'f64' | 'v128';

export const TYPE_CODES: Readonly<Record<ValueType, number>> = {
  i32: 0x7f,
  i64: 0x7e,
  f32: 0x7d,
  f64: 0x7c,
  v128: 0x7b,
};

export interface Signature {
  readonly params: readonly ValueType[];
  readonly results: readonly ValueType[];
}

export interface Local {
  readonly index: number;
  readonly type: ValueType;
  readonly name: string;
}

/** A function that `call` can name: imported, or built in the same module (its body may be built later). */
export interface Callee {
  readonly index: number;
  readonly name: string;
  readonly signature: Signature;
}

/** A block, loop or if that is open; `depth` counts from 1 for the outermost. */
export interface Label {
  readonly depth: number;
}

export class FunctionBuilder {
  code: ByteWriter = new ByteWriter();
  readonly locals: Local[] = [];
  readonly #typeIndex: (signature: Signature) => number;
  readonly callee: Callee;
  #depth = 0;

  constructor(callee: Callee, paramNames: readonly string[], typeIndex: (signature: Signature) => number) {
    this.callee = callee;
    this.#typeIndex = typeIndex;
    callee.signature.params.forEach((type, index) => {
      this.locals.push({ index, type, name: paramNames[index] ?? `p${index}` });
    });
  }

  /** Parameter `index`. */
  param(index: number): Local {
    const local = this.locals[index];
    if (local === undefined) throw internalError('emit.parameter', `${this.callee.name} has no parameter ${index}`);
    return local;
  }

  /** A new local; names need not be unique. */
  local(type: ValueType, name: string): Local {
    const local = { index: this.locals.length, type, name };
    this.locals.push(local);
    return local;
  }

  get(local: Local): void {
    this.code.byte(0x20);
    this.code.u32(local.index);
  }

  set(local: Local): void {
    this.code.byte(0x21);
    this.code.u32(local.index);
  }

  tee(local: Local): void {
    this.code.byte(0x22);
    this.code.u32(local.index);
  }

  i32(value: number): void {
    this.code.byte(0x41);
    this.code.s32(value);
  }

  i64(value: bigint): void {
    this.code.byte(0x42);
    this.code.s64(value);
  }

  f32(value: number): void {
    this.code.byte(0x43);
    this.code.f32(value);
  }

  f64(value: number): void {
    this.code.byte(0x44);
    this.code.f64(value);
  }

  /** Puts code in front of all that was written so far: for what is known only once the body is. */
  prepend(prologue: () => void): void {
    const body = this.code;
    this.code = new ByteWriter();
    prologue();
    this.code.bytes(body.view());
  }

  /** An instruction without immediates. */
  op(name: string): void {
    this.#opcode(name, 'none');
  }

  /** Several instructions without immediates, separated by spaces. */
  ops(names: string): void {
    for (const name of names.split(' ')) this.op(name);
  }

  /** A load or store at the address on the stack plus `offset`. Always declared unaligned-safe (alignment is only a hint). */
  memory(name: string, offset = 0): void {
    const align = this.#opcode(name, 'memory');
    this.code.u32(align);
    this.code.u32(offset);
  }

  lane(name: string, lane: number): void {
    this.#opcode(name, 'lane');
    this.code.byte(lane);
  }

  /** `i8x16.shuffle`: sixteen byte numbers, 0-15 of the first operand, 16-31 of the second. */
  shuffle(lanes: readonly number[]): void {
    this.code.byte(0xfd);
    this.code.u32(13);
    this.code.bytes(lanes);
  }

  /** `memory.copy`: destination, source, length on the stack. */
  copy(): void {
    this.code.bytes([0xfc, 10, 0, 0]);
  }

  /** `memory.fill`: destination, byte, length on the stack. */
  fill(): void {
    this.code.bytes([0xfc, 11, 0]);
  }

  call(callee: Callee): void {
    this.code.byte(0x10);
    this.code.u32(callee.index);
  }

  return(): void {
    this.op('return');
  }

  block(body: (exit: Label) => void, results: readonly ValueType[] = []): void {
    this.#nested(0x02, results, body);
  }

  /** A branch to the label repeats the loop; falling off its end leaves it. */
  loop(body: (again: Label) => void): void {
    this.#nested(0x03, [], body);
  }

  /** Takes the condition (i32) from the stack. */
  if(then: (exit: Label) => void, otherwise?: (exit: Label) => void, results: readonly ValueType[] = []): void {
    this.#nested(0x04, results, (label) => {
      then(label);
      if (otherwise === undefined) return;
      this.code.byte(0x05);
      otherwise(label);
    });
  }

  br(label: Label): void {
    this.code.byte(0x0c);
    this.code.u32(this.#depth - label.depth);
  }

  brIf(label: Label): void {
    this.code.byte(0x0d);
    this.code.u32(this.#depth - label.depth);
  }

  #nested(opcode: number, results: readonly ValueType[], body: (label: Label) => void): void {
    this.code.byte(opcode);
    const [only, ...more] = results;
    if (only === undefined) this.code.byte(0x40);
    else if (more.length === 0) this.code.byte(TYPE_CODES[only]);
    else this.code.s32(this.#typeIndex({ params: [], results }));
    this.#depth++;
    body({ depth: this.#depth });
    this.#depth--;
    this.code.byte(0x0b);
  }

  /** Writes the opcode; returns log2 of its alignment. */
  #opcode(name: string, immediate: 'none' | 'memory' | 'lane'): number {
    const op = OPCODES.get(name);
    if (op === undefined || op.immediate !== immediate) {
      throw internalError('emit.instruction', `no instruction ${name} with immediate ${immediate}`);
    }
    if (op.prefix === 0) this.code.byte(op.code);
    else {
      this.code.byte(op.prefix);
      this.code.u32(op.code);
    }
    return op.align;
  }
}
