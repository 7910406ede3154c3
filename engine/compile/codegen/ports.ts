/**
 * Output ports: where rows are written. Their buffers have constant addresses, so that a store needs no more than the row
 * number. Columns that only pass through are gathered column by column once the rows of a block are known.
 */
import { LAYOUT_WORDS, MAX_BATCH_ROWS } from '../../batch/batch.ts';
import { type DataType, type Field, isVariable, type Schema, sameType } from '../../batch/types.ts';
import type { FunctionBuilder, Local } from '../emit/function.ts';
import {
  BLOCK_ROWS,
  COLUMN_FORM,
  COLUMN_SHIFT,
  COLUMN_SIZE,
  COLUMN_VALIDITY,
  COLUMN_VALUES,
  FORM_BITS,
  FORM_BYTES,
  FORM_FIXED,
  PORT_CAPACITY,
  PORT_COLUMNS,
  PORT_HEAD,
  PORT_LAYOUT,
  PORT_ROWS,
} from '../support/assembly/control.ts';
import type { CodeModule } from './code-module.ts';
import type { InputColumn } from './input.ts';
import type { Readable, RowScope } from './scope.ts';
import { storeOf, wasmTypes, widthShift } from './types.ts';

/** Bytes of fixed-width buffers that a port aims at; wide schemas get fewer rows. */
const PORT_BYTES = 8_388_608;

export interface PortColumn {
  readonly field: Field;
  /** Address of its entry in the port's head. */
  readonly entry: number;
  readonly values: number;
}

/** An output port's place in static memory; the host finds head and layout by their addresses. */
export interface Port {
  readonly index: number;
  readonly schema: Schema;
  readonly head: number;
  readonly layout: number;
  readonly capacity: number;
  readonly columns: readonly PortColumn[];
  readonly variable: boolean;
}

/** Lays out a port in static memory. */
export function layOutPort(code: CodeModule, index: number, schema: Schema): Port {
  const { memory } = code;
  const capacity = capacityOf(schema);
  const head = memory.reserve(PORT_HEAD + schema.fields.length * COLUMN_SIZE);
  const layout = memory.reserve(schema.fields.length * LAYOUT_WORDS * 4);
  const words = new Int32Array((PORT_HEAD + schema.fields.length * COLUMN_SIZE) / 4);
  words[PORT_CAPACITY / 4] = capacity;
  words[PORT_COLUMNS / 4] = schema.fields.length;
  words[PORT_LAYOUT / 4] = layout;
  const columns = schema.fields.map((field, column): PortColumn => {
    // Throws for a type that cells cannot compute with.
    wasmTypes(field.type);
    const at = PORT_HEAD + column * COLUMN_SIZE;
    const values = memory.reserve(bufferBytes(field.type, capacity));
    words[(at + COLUMN_FORM) / 4] = formOf(field.type);
    words[(at + COLUMN_SHIFT) / 4] = field.type.kind === 'bool' ? 0 : widthShift(field.type);
    words[(at + COLUMN_VALIDITY) / 4] = field.nullable ? memory.reserve(capacity / 8) : 0;
    words[(at + COLUMN_VALUES) / 4] = values;
    return { field, entry: head + at, values };
  });
  code.builder.segment(head, new Uint8Array(words.buffer));
  const variable = schema.fields.some((field) => isVariable(field.type));
  return { index, schema, head, layout, capacity, columns, variable };
}

function capacityOf(schema: Schema): number {
  const rowBytes = schema.fields.reduce((sum, field) => sum + bufferBytes(field.type, 64) / 64, 1);
  let capacity = MAX_BATCH_ROWS;
  while (capacity > BLOCK_ROWS && capacity * rowBytes > PORT_BYTES) capacity /= 2;
  return capacity;
}

function bufferBytes(type: DataType, rows: number): number {
  if (type.kind === 'bool') return rows / 8;
  return (rows + (isVariable(type) ? 1 : 0)) << widthShift(type);
}

function formOf(type: DataType): number {
  if (type.kind === 'bool') return FORM_BITS;
  return isVariable(type) ? FORM_BYTES : FORM_FIXED;
}

/** True where the port's column is an input column as it lies there. */
function passes(column: PortColumn, source: Readable | undefined, input: Schema): boolean {
  const field = source?.input === undefined ? undefined : input.fields[source.input];
  return field !== undefined && sameType(field.type, column.field.type);
}

/**
 * Writes rows to a port within one function. `begin` once, then for every row `row`, `end` at the end of the block. With a
 * selection (rows of the input, at a constant address) pass-through columns are left to `end`.
 */
export class PortWriter {
  readonly port: Port;
  readonly #f: FunctionBuilder;
  readonly #code: CodeModule;
  readonly #input: Schema;
  readonly #selection: number | undefined;
  /** The row of the port that the next row becomes. */
  readonly next: Local;
  readonly #first: Local;

  constructor(f: FunctionBuilder, code: CodeModule, port: Port, input: Schema, selection: number | undefined) {
    this.port = port;
    this.#f = f;
    this.#code = code;
    this.#input = input;
    this.#selection = selection;
    this.next = f.local('i32', `out${port.index}`);
    this.#first = f.local('i32', `out${port.index}_first`);
  }

  begin(): void {
    const f = this.#f;
    f.i32(0);
    f.memory('i32.load', this.port.head + PORT_ROWS);
    f.tee(this.next);
    f.set(this.#first);
  }

  /** True where nothing needs to be written row by row. */
  gathersAll(columns: readonly Readable[]): boolean {
    return this.port.columns.every((column, index) => this.#gathered(column, columns[index]));
  }

  /** Writes one row: the computed columns, and its number in the selection. */
  row(scope: RowScope, columns: readonly Readable[], row: Local | undefined): void {
    const f = this.#f;
    this.port.columns.forEach((column, index) => {
      const source = columns[index];
      if (source !== undefined && !this.#gathered(column, source)) this.#write(scope, column, source);
    });
    if (this.#selection !== undefined && row !== undefined) {
      f.get(this.next);
      f.get(this.#first);
      f.op('i32.sub');
      f.i32(2);
      f.op('i32.shl');
      f.get(row);
      f.memory('i32.store', this.#selection);
    }
    f.get(this.next);
    f.i32(1);
    f.op('i32.add');
    f.set(this.next);
  }

  /** Counts `count` rows of the selection as written, where `gathersAll`. */
  advance(count: Local): void {
    const f = this.#f;
    f.get(this.next);
    f.get(count);
    f.op('i32.add');
    f.set(this.next);
  }

  /** Gathers the pass-through columns of the block's rows, and empties the port where the next block might not fit. */
  end(inputs: readonly InputColumn[], columns: readonly Readable[]): void {
    this.port.columns.forEach((column, index) => {
      const source = columns[index];
      if (source === undefined || !this.#gathered(column, source)) return;
      const from = inputs[source.input ?? -1];
      if (from !== undefined) this.#gather(column, from);
    });
    const f = this.#f;
    f.i32(0);
    f.get(this.next);
    f.memory('i32.store', this.port.head + PORT_ROWS);
    f.i32(this.port.head);
    f.i32(BLOCK_ROWS);
    f.call(this.#code.support('portFull'));
    f.if(() => {
      f.i32(this.port.index);
      f.call(this.#code.emit);
      this.begin();
    });
  }

  #gathered(column: PortColumn, source: Readable | undefined): boolean {
    return this.#selection !== undefined && passes(column, source, this.#input);
  }

  #write(scope: RowScope, column: PortColumn, source: Readable): void {
    const f = this.#f;
    if (!source.nullable || !column.field.nullable) {
      this.#store(scope, column, () => source.read(scope, undefined));
      return;
    }
    f.block((done) => {
      f.block((isNull) => {
        this.#store(scope, column, () => source.read(scope, isNull));
        f.br(done);
      });
      this.#storeNull(column);
    });
  }

  #store(scope: RowScope, { field, entry, values }: PortColumn, read: () => void): void {
    const f = this.#f;
    if (isVariable(field.type)) {
      f.i32(entry);
      f.get(this.next);
      read();
      f.call(this.#code.support('appendBytes'));
      return;
    }
    if (field.type.kind === 'bool') {
      this.#storeBit(scope, values, read);
      return;
    }
    f.get(this.next);
    f.i32(widthShift(field.type));
    f.op('i32.shl');
    read();
    f.memory(storeOf(field.type), values);
  }

  #storeBit(scope: RowScope, values: number, read: () => void): void {
    const f = this.#f;
    const byte = scope.temp('i32', 4);
    const value = scope.temp('i32', 5);
    read();
    f.set(value);
    f.get(this.next);
    f.i32(3);
    f.op('i32.shr_u');
    f.tee(byte);
    f.get(byte);
    f.memory('i32.load8_u', values);
    f.get(value);
    f.get(this.next);
    f.i32(7);
    f.ops('i32.and i32.shl i32.or');
    f.memory('i32.store8', values);
  }

  /** A null has zeros for its value. */
  #storeNull({ field, entry, values }: PortColumn): void {
    const f = this.#f;
    if (isVariable(field.type)) {
      f.i32(entry);
      f.get(this.next);
      f.i32(0);
      f.i32(0);
      f.call(this.#code.support('appendBytes'));
    } else if (field.type.kind !== 'bool') {
      f.get(this.next);
      f.i32(widthShift(field.type));
      f.op('i32.shl');
      const wide = widthShift(field.type) === 3;
      if (wide) f.i64(0n);
      else f.i32(0);
      f.memory(wide ? 'i64.store' : 'i32.store', values);
    }
    f.i32(entry);
    f.get(this.next);
    f.call(this.#code.support('setNull'));
  }

  #gather({ field, entry, values }: PortColumn, from: InputColumn): void {
    const f = this.#f;
    const selection = this.#selection ?? 0;
    const many = () => {
      f.i32(selection);
      f.get(this.next);
      f.get(this.#first);
      f.op('i32.sub');
    };
    if (from.nullable && field.nullable) {
      f.i32(entry);
      f.get(this.#first);
      f.i32(from.validity);
      many();
      f.call(this.#code.support('gatherNulls'));
    }
    if (isVariable(field.type)) {
      f.i32(entry);
      f.get(this.#first);
      f.i32(from.values);
      from.data(f);
      many();
      f.call(this.#code.support('gatherBytes'));
    } else if (field.type.kind === 'bool') {
      f.i32(values);
      f.get(this.#first);
      f.i32(from.values);
      many();
      f.call(this.#code.support('gatherBits'));
    } else {
      const shift = widthShift(field.type);
      f.get(this.#first);
      f.i32(shift);
      f.op('i32.shl');
      f.i32(values);
      f.op('i32.add');
      f.i32(from.values);
      many();
      f.call(this.#code.support(`gather${8 << shift}`));
    }
  }
}
