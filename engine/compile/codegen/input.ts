/**
 * Columns of the input batch, read where they lie: the host copies body and layout into the cell, each generated function loads the
 * addresses of the columns that it uses into locals once, and a value is read at the current row.
 */
import { LAYOUT_WORDS } from '../../batch/batch.ts';
import { type DataType, type Field, isVariable } from '../../batch/types.ts';
import type { FunctionBuilder, Label, Local } from '../emit/function.ts';
import { INPUT_BASE, ONES } from '../support/assembly/control.ts';
import type { Readable, RowScope } from './scope.ts';
import { loadOf, widened, widthShift } from './types.ts';

/** One column of the input in one function. Locals for its addresses come into being when the code first needs them. */
export class InputColumn implements Readable {
  readonly type: DataType;
  readonly stored: DataType;
  readonly nullable: boolean;
  readonly canFail: boolean;
  readonly input: number;
  readonly #f: FunctionBuilder;
  readonly #name: string;
  readonly #row: Local;
  #values: Local | undefined;
  #validity: Local | undefined;
  #data: Local | undefined;

  constructor(f: FunctionBuilder, field: Field, index: number, nulls: boolean, row: Local) {
    this.stored = field.type;
    this.type = widened(field.type);
    this.nullable = nulls && field.nullable;
    this.canFail = field.type.kind === 'uint64';
    this.input = index;
    this.#f = f;
    this.#name = field.name;
    this.#row = row;
  }

  /** Address of the values (of the offsets, where these are variable). */
  get values(): Local {
    this.#values ??= this.#f.local('i32', `${this.#name}_values`);
    return this.#values;
  }

  /** Address of the validity bits; only where `nullable`. */
  get validity(): Local {
    this.#validity ??= this.#f.local('i32', `${this.#name}_validity`);
    return this.#validity;
  }

  /** Address of the bytes; only where values are variable. */
  get data(): Local {
    this.#data ??= this.#f.local('i32', `${this.#name}_data`);
    return this.#data;
  }

  /** Fills the addresses that the function uses from the batch's layout table at `layout`. */
  prologue(layout: number): void {
    const f = this.#f;
    const entry = layout + this.input * LAYOUT_WORDS * 4;
    if (this.#values !== undefined) address(f, entry + 12, this.#values);
    if (this.#data !== undefined) address(f, entry + 20, this.#data);
    const validity = this.#validity;
    if (validity === undefined) return;
    address(f, entry + 4, validity);
    // A column that has no nulls in this batch reads its validity from a run of ones.
    f.get(validity);
    constantLoad(f, ONES);
    constantLoad(f, entry + 8);
    f.op('select');
    f.set(validity);
  }

  read(scope: RowScope, onNull: Label | undefined): void {
    const { f } = scope;
    if (this.nullable && onNull !== undefined) {
      bit(f, this.validity, this.#row);
      f.op('i32.eqz');
      f.brIf(onNull);
    }
    if (isVariable(this.stored)) {
      this.#bytes(f);
    } else if (this.stored.kind === 'bool') {
      bit(f, this.values, this.#row);
    } else {
      f.get(this.values);
      scaled(f, this.#row, widthShift(this.stored));
      f.op('i32.add');
      f.memory(loadOf(this.stored));
    }
    if (this.canFail) this.#checkSign(scope);
  }

  isNull(scope: RowScope): void {
    const { f } = scope;
    if (this.nullable) {
      bit(f, this.validity, this.#row);
      f.op('i32.eqz');
    } else f.i32(0);
  }

  /** Address and length between two offsets. */
  #bytes(f: FunctionBuilder): void {
    const entry = f.local('i32', 'entry');
    const start = f.local('i32', 'start');
    f.get(this.values);
    scaled(f, this.#row, 2);
    f.op('i32.add');
    f.tee(entry);
    f.memory('i32.load');
    f.tee(start);
    f.get(this.data);
    f.op('i32.add');
    f.get(entry);
    f.memory('i32.load', 4);
    f.get(start);
    f.op('i32.sub');
  }

  #checkSign(scope: RowScope): void {
    const { f } = scope;
    const local = scope.temp('i64', 0);
    f.tee(local);
    f.i64(0n);
    f.op('i64.lt_s');
    f.if(() => scope.fail('outOfRange'));
    f.get(local);
  }
}

function constantLoad(f: FunctionBuilder, address: number): void {
  f.i32(0);
  f.memory('i32.load', address);
}

/** The body's address plus an offset in the layout. */
function address(f: FunctionBuilder, word: number, into: Local): void {
  constantLoad(f, INPUT_BASE);
  constantLoad(f, word);
  f.op('i32.add');
  f.set(into);
}

function scaled(f: FunctionBuilder, row: Local, shift: number): void {
  f.get(row);
  if (shift === 0) return;
  f.i32(shift);
  f.op('i32.shl');
}

/** Bit `row` of the bits at `base`. */
export function bit(f: FunctionBuilder, base: Local, row: Local): void {
  f.get(row);
  f.i32(3);
  f.op('i32.shr_u');
  f.get(base);
  f.op('i32.add');
  f.memory('i32.load8_u');
  f.get(row);
  f.i32(7);
  f.op('i32.and');
  f.op('i32.shr_u');
  f.i32(1);
  f.op('i32.and');
}
