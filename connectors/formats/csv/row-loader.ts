/** Takes the fields that the scanner found into the columns of a batch: which field, null or not, which setter. */
import type { BatchBuilder, ColumnBuilder } from '../../../engine/batch/builder.ts';
import { formatType, isVariable } from '../../../engine/batch/types.ts';
import type { Attached } from '../text/attached.ts';
import { type CellSetter, textSetter } from '../text/cells.ts';
import { quoteValue } from '../text/rejects.ts';
import { ESCAPED, PLAIN, type RecordScanner, undouble } from './scanner.ts';

const NOTHING: Uint8Array = new Uint8Array(0);

interface Cell {
  /** The field's index in the record. */
  readonly index: number;
  readonly column: ColumnBuilder;
  readonly set: CellSetter;
  readonly isText: boolean;
}

export interface RowShape {
  /** For each data column of the schema the field that it is read from. */
  readonly indices: readonly number[];
  /** Fields that every record must have. */
  readonly fields: number;
  readonly attached: Attached;
}

export class RowLoader {
  /** Why `load` returned false. */
  code = '';
  message = '';
  /** Fields that every record must have. */
  readonly fields: number;
  readonly #builder: BatchBuilder;
  readonly #scanner: RecordScanner;
  readonly #cells: readonly Cell[];
  readonly #attached: Attached;
  readonly #emptyIsNull: boolean;
  /** Whether a field that is not empty is never null. */
  readonly #valuesOnly: boolean;
  readonly #nulls: readonly Buffer[];
  #scratch: Buffer = Buffer.alloc(0);

  constructor(builder: BatchBuilder, scanner: RecordScanner, nullValues: readonly string[], shape: RowShape) {
    this.#builder = builder;
    this.#scanner = scanner;
    this.#attached = shape.attached;
    this.fields = shape.fields;
    this.#emptyIsNull = nullValues.includes('');
    this.#valuesOnly = nullValues.every((value) => value === '');
    this.#nulls = nullValues.filter((value) => value !== '').map((value) => Buffer.from(value));
    this.#cells = shape.indices.flatMap((index, at) => {
      const column = builder.columns[at];
      if (column === undefined) return [];
      return [{ index, column, set: textSetter(column), isText: isVariable(column.type) }];
    });
  }

  /** Appends the scanned record as a row; false, with `code` and `message` set and no row, where it cannot be one. */
  load(bytes: Buffer, line: number): boolean {
    const { count, starts, ends, kinds } = this.#scanner;
    if (count !== this.fields) return this.#fail('csv.ragged-row', raggedMessage(count, this.fields));
    const cells = this.#cells;
    for (let i = 0; i < cells.length; i++) {
      const cell = cells[i] as Cell;
      const { index, set } = cell;
      const start = starts[index] as number;
      const end = ends[index] as number;
      // Most fields are just a value; only the others need a closer look.
      if (this.#valuesOnly && kinds[index] === PLAIN && start < end && set(bytes, start, end)) continue;
      if (!this.#cell(cell, bytes)) {
        this.#builder.rollbackRow();
        return false;
      }
    }
    this.#attached.append(line);
    this.#builder.endRow();
    return true;
  }

  /** Any field: with blanks around a value, null, quoted, or wrong. */
  #cell({ index, column, set, isText }: Cell, bytes: Buffer): boolean {
    const scanner = this.#scanner;
    const kind = scanner.kinds[index] as number;
    let start = scanner.starts[index] as number;
    let end = scanner.ends[index] as number;
    if (!isText) {
      while (start < end && isBlank(bytes[start])) start++;
      while (end > start && isBlank(bytes[end - 1])) end--;
    }
    if (this.#isNull(bytes, start, end, isText, kind)) return this.#null(column, isText);
    let ok: boolean;
    if (kind === ESCAPED) {
      if (this.#scratch.length < end - start) this.#scratch = Buffer.allocUnsafe((end - start) * 2);
      ok = set(this.#scratch, 0, undouble(bytes, start, end, scanner.quote, this.#scratch));
    } else ok = set(bytes, start, end);
    return (
      ok || this.#fail('csv.bad-value', badValue(column, bytes.toString('utf8', start, Math.min(end, start + 80))))
    );
  }

  #isNull(bytes: Buffer, start: number, end: number, isText: boolean, kind: number): boolean {
    if (start === end) return isText ? kind === PLAIN && this.#emptyIsNull : true;
    if (kind !== PLAIN) return false;
    for (const value of this.#nulls) {
      if (value.length === end - start && value.compare(bytes, start, end) === 0) return true;
    }
    return false;
  }

  #null(column: ColumnBuilder, isText: boolean): boolean {
    if (column.nullable) column.appendNull();
    else if (isText) column.appendBytes(NOTHING, 0, 0);
    else return this.#fail('csv.null', `column ${column.field.name} is empty and not nullable`);
    return true;
  }

  #fail(code: string, message: string): false {
    this.code = code;
    this.message = message;
    return false;
  }
}

/** Space or tab: other control characters are no padding but damage. */
function isBlank(byte: number | undefined): boolean {
  return byte === 32 || byte === 9;
}

function raggedMessage(count: number, fields: number): string {
  return `${count} field${count === 1 ? '' : 's'} where ${fields} ${fields === 1 ? 'is' : 'are'} expected`;
}

function badValue(column: ColumnBuilder, text: string): string {
  return `column ${column.field.name}: ${quoteValue(text)} is no ${formatType(column.type)}`;
}
