/** Takes parsed JSON objects into the columns of a batch. */
import type { BatchBuilder, ColumnBuilder } from '../../../engine/batch/builder.ts';
import { formatType } from '../../../engine/batch/types.ts';
import type { ReadRequest } from '../format.ts';
import { Attached } from '../text/attached.ts';
import { quoteValue } from '../text/rejects.ts';
import { type Getter, getter, parsePath } from './path.ts';
import { parseExactly, type ValueSetter, valueSetter } from './values.ts';

interface Cell {
  readonly column: ColumnBuilder;
  readonly get: Getter;
  readonly set: ValueSetter;
}

export class JsonRowLoader {
  /** Why `load` returned false. */
  code = '';
  message = '';
  readonly #builder: BatchBuilder;
  readonly #cells: readonly Cell[];
  readonly #attached: Pick<Attached, 'append'>;

  /** `attached` fills the trailing columns, with the input's name and line unless given. Throws `json.bad-path`. */
  constructor(
    builder: BatchBuilder,
    request: Pick<ReadRequest, 'schema' | 'paths' | 'attach'>,
    name: string,
    attached: Pick<Attached, 'append'> = new Attached(builder, request.attach, name),
  ) {
    this.#builder = builder;
    const data = request.schema.fields.slice(0, request.schema.fields.length - request.attach.length);
    this.#cells = data.flatMap((field, at) => {
      const column = builder.columns[at];
      if (column === undefined) return [];
      const path = request.paths.get(field.name);
      const segments = path === undefined ? [field.name] : parsePath(path);
      return [{ column, get: getter(segments), set: valueSetter(column) }];
    });
    this.#attached = attached;
  }

  /** Appends the object that `text` is as a row; false, with `code` and `message` set and no row, where it cannot be one. */
  load(text: string, line: number): boolean {
    let value: unknown;
    try {
      value = JSON.parse(text);
    } catch (error) {
      return this.#fail('json.bad-syntax', `no valid JSON: ${error instanceof Error ? shorten(error.message) : error}`);
    }
    if (typeof value !== 'object' || value === null || Array.isArray(value)) {
      return this.#fail('json.not-an-object', `a record must be an object, and this is ${describe(value)}`);
    }
    let done = this.#cellsOf(value);
    if (done === 'again') {
      this.#builder.rollbackRow();
      const exact = parseExactly(text);
      if (exact === undefined) return this.#fail('json.bad-value', 'the record is nested too deep');
      done = this.#cellsOf(exact);
    }
    if (done !== 'ok') {
      this.#builder.rollbackRow();
      return false;
    }
    this.#attached.append(line);
    this.#builder.endRow();
    return true;
  }

  #cellsOf(record: unknown): 'ok' | 'bad' | 'again' {
    for (const cell of this.#cells) {
      const value = cell.get(record);
      if (value === null || value === undefined) {
        if (!this.#null(cell.column)) return 'bad';
        continue;
      }
      const outcome = cell.set(value);
      if (outcome === 'again') return outcome;
      if (outcome === 'bad') {
        const { field, type } = cell.column;
        this.#fail('json.bad-value', `column ${field.name}: ${describe(value)} is no ${formatType(type)}`);
        return outcome;
      }
    }
    return 'ok';
  }

  #null(column: ColumnBuilder): boolean {
    if (!column.nullable)
      return this.#fail('json.null', `column ${column.field.name} is missing or null and not nullable`);
    column.appendNull();
    return true;
  }

  #fail(code: string, message: string): false {
    this.code = code;
    this.message = message;
    return false;
  }
}

/** V8 puts the text itself into some messages. */
function shorten(message: string): string {
  return message.length > 120 ? `${message.slice(0, 117)}...` : message;
}

function describe(value: unknown): string {
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'an array';
  if (typeof value === 'object') return 'an object';
  return typeof value === 'string' ? quoteValue(value) : String(value);
}
