/** Columns of the input batch, read at the current row. */
import { type DataType, type Field, isVariable } from '../../batch/types.ts';
import type { FunctionBuilder, Label, Local } from '../emit/function.ts';
import type { InputPlace } from './input-area.ts';
import type { Readable, RowScope } from './scope.ts';
import { loadOf, widened, widthShift } from './types.ts';

export class InputColumn implements Readable {
  readonly type: DataType;
  readonly stored: DataType;
  readonly nullable: boolean;
  readonly canFail: boolean;
  readonly input: number;
  readonly #place: InputPlace | undefined;
  readonly #row: Local;

  /** `place` is undefined for a column that no code reads. */
  constructor(field: Field, index: number, place: InputPlace | undefined, nulls: boolean, row: Local) {
    this.stored = field.type;
    this.type = widened(field.type);
    this.nullable = nulls && field.nullable;
    this.canFail = field.type.kind === 'uint64';
    this.input = index;
    this.#place = place;
    this.#row = row;
  }

  /** Address of the values (of the offsets, where these are variable). */
  get values(): number {
    return this.#place?.values ?? 0;
  }

  /** Address of the validity bits; only where `nullable`. */
  get validity(): number {
    return this.#place?.validity ?? 0;
  }

  /** Leaves the address of the bytes; only where values are variable. */
  data(f: FunctionBuilder): void {
    f.i32(0);
    f.memory('i32.load', this.#place?.data ?? 0);
  }

  read(scope: RowScope, onNull: Label | undefined): void {
    const { f } = scope;
    if (this.nullable && onNull !== undefined) {
      bit(f, this.validity, this.#row);
      f.op('i32.eqz');
      f.brIf(onNull);
    }
    if (isVariable(this.stored)) {
      this.#bytes(scope);
    } else if (this.stored.kind === 'bool') {
      bit(f, this.values, this.#row);
    } else {
      scaled(f, this.#row, widthShift(this.stored));
      f.memory(loadOf(this.stored), this.values);
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
  #bytes(scope: RowScope): void {
    const { f } = scope;
    const entry = scope.temp('i32', 4);
    const start = scope.temp('i32', 5);
    scaled(f, this.#row, 2);
    f.tee(entry);
    f.memory('i32.load', this.values);
    f.tee(start);
    this.data(f);
    f.op('i32.add');
    f.get(entry);
    f.memory('i32.load', this.values + 4);
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

function scaled(f: FunctionBuilder, row: Local, shift: number): void {
  f.get(row);
  if (shift === 0) return;
  f.i32(shift);
  f.op('i32.shl');
}

/** Bit `row` of the bits at the address `base`. */
function bit(f: FunctionBuilder, base: number, row: Local): void {
  f.get(row);
  f.i32(3);
  f.op('i32.shr_u');
  f.memory('i32.load8_u', base);
  f.get(row);
  f.i32(7);
  f.op('i32.and');
  f.op('i32.shr_u');
  f.i32(1);
  f.op('i32.and');
}
