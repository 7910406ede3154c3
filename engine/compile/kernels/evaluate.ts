/**
 * Kernels: an expression over many rows at once, node by node. The meaning of compiled cells, told in JavaScript: their fallback and their
 * oracle. What is evaluated, and so what can fail, is the same: all arguments of a call; of AND, OR and CASE only what decides.
 */
import type { Batch } from '../../batch/batch.ts';
import { sameType } from '../../batch/types.ts';
import { internalError } from '../../errors.ts';
import { catalogueFunction } from '../../expression/catalogue.ts';
import { type CatalogueFunction, Failure, type Value } from '../../expression/define.ts';
import { unitsOf } from '../../expression/fold.ts';
import type { CallExpr, CaseExpr, ColumnExpr, Expr, LogicExpr } from '../../expression/ir.ts';
import { LOOPS } from './loops.ts';
import { RowErrors } from './row-errors.ts';
import {
  allocate,
  BatchColumns,
  type Columns,
  constant,
  isNullAt,
  type Slots,
  store,
  type Vector,
  valueAt,
} from './vector.ts';

/** Rows 0 to `rows`, all of them. */
export function everyRow(rows: number): Int32Array {
  return Int32Array.from({ length: rows }, (_, row) => row);
}

export interface Evaluated {
  /** Rows that were not selected or that failed hold nothing of meaning. */
  readonly vector: Vector;
  readonly errors: RowErrors;
}

/** Evaluates `expr` on the selected rows of a batch, all of them unless given. */
export function evaluateColumn(expr: Expr, batch: Batch, selection: Int32Array = everyRow(batch.rows)): Evaluated {
  const errors = new RowErrors();
  return { vector: evaluateOn(expr, new BatchColumns(batch), selection, errors), errors };
}

/** Evaluates on columns; adds rows that fail to `errors`. */
export function evaluateOn(expr: Expr, columns: Columns, selection: Int32Array, errors: RowErrors): Vector {
  return new Evaluation(columns, errors).evaluate(expr, selection);
}

class Evaluation {
  readonly #columns: Columns;
  readonly #errors: RowErrors;
  readonly #variables = new Map<number, Vector>();

  constructor(columns: Columns, errors: RowErrors) {
    this.#columns = columns;
    this.#errors = errors;
  }

  evaluate(expr: Expr, rows: Int32Array): Vector {
    switch (expr.node) {
      case 'column':
        return this.#column(expr, rows);
      case 'literal':
        return constant(expr.type, expr.value);
      case 'call':
        return this.#call(expr, rows);
      case 'and':
      case 'or':
        return this.#logic(expr, rows);
      case 'not':
        return negated(this.evaluate(expr.arg, rows));
      case 'isNull':
        return this.#isNull(expr.arg, rows);
      case 'case':
        return this.#case(expr, rows);
      case 'let':
        this.#variables.set(expr.id, this.evaluate(expr.value, rows));
        return this.evaluate(expr.body, this.#errors.without(rows));
      case 'var':
        return this.#variables.get(expr.id) ?? missing(`variable ${expr.id}`);
    }
  }

  /** The column as the expression reads it: narrow integers widened, a uint64 checked. */
  #column(expr: ColumnExpr, rows: Int32Array): Vector {
    const vector = this.#columns.column(expr.index);
    if (sameType(vector.type, expr.type) || vector.values instanceof BigInt64Array)
      return { ...vector, type: expr.type };
    const values = allocate(expr.type, this.#columns.rows);
    const wide = values instanceof BigInt64Array;
    for (const row of rows) {
      if (isNullAt(vector, row)) continue;
      const value = vector.values[row & vector.mask] as number | bigint;
      if (typeof value === 'bigint' && value >= 2n ** 63n) this.#errors.add(row, 'outOfRange', expr.span);
      else store(values, row, wide ? BigInt(value) : value);
    }
    return { type: expr.type, values, nulls: spread(vector, this.#columns.rows), mask: -1 };
  }

  #call(expr: CallExpr, rows: Int32Array): Vector {
    const args = expr.args.map((arg) => this.evaluate(arg, rows));
    const values = allocate(expr.type, this.#columns.rows);
    const nulls = anyNull(args, this.#columns.rows);
    const alive = this.#errors.without(rows);
    const live = nulls === undefined ? alive : alive.filter((row) => nulls[row] !== 1);
    const slow = this.#scalar(expr, args, values);
    const loop = LOOPS.get(expr.fn);
    if (loop !== undefined) loop(args, values, live, slow);
    else for (const row of live) slow(row);
    return { type: expr.type, values, nulls, mask: -1 };
  }

  /** Computes one row with the catalogue's implementation. */
  #scalar(expr: CallExpr, args: readonly Vector[], out: Slots): (row: number) => void {
    const entry: CatalogueFunction = catalogueFunction(expr.fn);
    const units = unitsOf(entry, expr);
    const values: Exclude<Value, null>[] = [];
    return (row) => {
      values.length = 0;
      for (const arg of args) values.push(valueAt(arg, row) as Value);
      for (const unit of units) values.push(unit);
      try {
        store(out, row, entry.evaluate(...values));
      } catch (error) {
        if (!(error instanceof Failure)) throw error;
        this.#errors.add(row, error.code, expr.span);
      }
    };
  }

  #logic(expr: LogicExpr, rows: Int32Array): Vector {
    const decisive = expr.node === 'or' ? 1 : 0;
    const values = new Uint8Array(this.#columns.rows).fill(1 - decisive);
    const nulls = new Uint8Array(this.#columns.rows);
    let open = rows;
    for (const arg of expr.args) {
      const vector = this.evaluate(arg, open);
      const bits = vector.values as Uint8Array;
      open = this.#errors.without(open).filter((row) => {
        if (isNullAt(vector, row)) nulls[row] = 1;
        else if (bits[row & vector.mask] === decisive) {
          values[row] = decisive;
          nulls[row] = 0;
          return false;
        }
        return true;
      });
    }
    return { type: expr.type, values, nulls, mask: -1 };
  }

  #isNull(arg: Expr, rows: Int32Array): Vector {
    const vector = this.evaluate(arg, rows);
    const values = new Uint8Array(this.#columns.rows);
    for (const row of rows) values[row] = isNullAt(vector, row) ? 1 : 0;
    return { type: { kind: 'bool' }, values, nulls: undefined, mask: -1 };
  }

  #case(expr: CaseExpr, rows: Int32Array): Vector {
    const values = allocate(expr.type, this.#columns.rows);
    const nulls = new Uint8Array(this.#columns.rows);
    const take = (arm: Expr, taken: Int32Array): void => {
      if (taken.length > 0) copy(this.evaluate(arm, taken), values, nulls, taken);
    };
    let open = rows;
    for (const { when, then } of expr.branches) {
      const test = this.evaluate(when, open);
      const bits = test.values as Uint8Array;
      const holds = (row: number): boolean => !isNullAt(test, row) && bits[row & test.mask] === 1;
      open = this.#errors.without(open);
      take(then, open.filter(holds));
      open = open.filter((row) => !holds(row));
    }
    take(expr.otherwise, open);
    return { type: expr.type, values, nulls, mask: -1 };
  }
}

function missing(what: string): never {
  throw internalError('internal.kernel', `an expression names ${what}, which it does not bind`);
}

function negated(vector: Vector): Vector {
  return { ...vector, values: (vector.values as Uint8Array).map((bit) => 1 - bit) };
}

/** Nulls with a slot for every row. */
function spread({ nulls, mask }: Vector, rows: number): Uint8Array | undefined {
  return mask === 0 && nulls !== undefined ? new Uint8Array(rows).fill(nulls[0] ?? 0) : nulls;
}

function anyNull(args: readonly Vector[], rows: number): Uint8Array | undefined {
  const given = args.flatMap((arg) => spread(arg, rows) ?? []);
  const [first, ...others] = given;
  if (first === undefined || others.length === 0) return first;
  const nulls = first.slice();
  for (const other of others)
    for (let row = 0; row < rows; row += 1) nulls[row] = (nulls[row] ?? 0) | (other[row] ?? 0);
  return nulls;
}

function copy(from: Vector, values: Slots, nulls: Uint8Array, rows: Int32Array): void {
  for (const row of rows) {
    if (isNullAt(from, row)) nulls[row] = 1;
    else store(values, row, from.values[row & from.mask] as Value);
  }
}
