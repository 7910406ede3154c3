/**
 * Code for checked expressions. Three forms: `value` leaves the value on the stack and branches away on null, `condition` falls
 * through where a boolean is true and branches away where it is false or null, `hold` keeps a value in locals. AND, OR
 * and CASE evaluate only what they must, as the kernels do, so that only what is evaluated can fail.
 */
import { internalError } from '../../errors.ts';
import { catalogueFunction } from '../../expression/catalogue.ts';
import type { CallExpr, CaseExpr, Expr, LetExpr, LiteralExpr, LogicExpr } from '../../expression/ir.ts';
import type { Label } from '../emit/function.ts';
import { canFail, mayBeNull } from './analysis.ts';
import { checkTree, isFloatTree, uncheckedTree } from './float-trees.ts';
import { INLINE } from './inline.ts';
import { inlineWithLiteral } from './inline-literal.ts';
import type { Held, RowScope } from './scope.ts';
import { unitsPerSecond, wasmTypes } from './types.ts';

/** Leaves the value on the stack; where it is null branches to `onNull` (needed wherever the expression may be null). */
export function value(scope: RowScope, expr: Expr, onNull: Label | undefined): void {
  switch (expr.node) {
    case 'column':
      columnOf(scope, expr.index).read(scope, onNull);
      return;
    case 'var':
      variableOf(scope, expr.id).read(scope, onNull);
      return;
    case 'literal':
      literal(scope, expr, onNull);
      return;
    case 'call':
      call(scope, expr, onNull);
      return;
    case 'case':
      caseValue(scope, expr, onNull);
      return;
    case 'let':
      bind(scope, expr);
      value(scope, expr.body, onNull);
      return;
    case 'and':
    case 'or':
    case 'not':
    case 'isNull':
      booleanValue(scope, expr, onNull);
      return;
  }
}

/** Falls through where the boolean is true; branches to `onFalse` or `onNull` otherwise. */
export function condition(scope: RowScope, expr: Expr, onFalse: Label, onNull: Label): void {
  const { f } = scope;
  switch (expr.node) {
    case 'and':
      andCondition(scope, expr, onFalse, onNull);
      return;
    case 'or':
      orCondition(scope, expr, onFalse, onNull);
      return;
    case 'not':
      f.block((yes) => {
        condition(scope, expr.arg, yes, onNull);
        f.br(onFalse);
      });
      return;
    case 'isNull':
      isNullCondition(scope, expr.arg, onFalse);
      return;
    case 'let':
      bind(scope, expr);
      condition(scope, expr.body, onFalse, onNull);
      return;
    default:
      value(scope, expr, onNull);
      f.op('i32.eqz');
      f.brIf(onFalse);
  }
}

/** Evaluates into locals: the value, and a flag where it may be null. */
export function hold(scope: RowScope, expr: Expr, name: string): Held {
  const { f } = scope;
  const held = scope.hold(expr.type, name, mayBeNull(scope, expr));
  const { flag } = held;
  if (flag === undefined) {
    value(scope, expr, undefined);
    held.set(f);
    return held;
  }
  f.i32(1);
  f.set(flag);
  f.block((isNull) => {
    value(scope, expr, isNull);
    held.set(f);
    f.i32(0);
    f.set(flag);
  });
  return held;
}

function columnOf(scope: RowScope, index: number) {
  const column = scope.columns[index];
  if (column === undefined) throw internalError('internal.column', `no column ${index}`);
  return column;
}

function variableOf(scope: RowScope, id: number): Held {
  const held = scope.variables.get(id);
  if (held === undefined) throw internalError('internal.variable', `no variable ${id}`);
  return held;
}

function bind(scope: RowScope, expr: LetExpr): void {
  scope.variables.set(expr.id, hold(scope, expr.value, `let${expr.id}`));
}

function literal(scope: RowScope, expr: LiteralExpr, onNull: Label | undefined): void {
  const { f } = scope;
  const { value: constant, type } = expr;
  if (constant === null) {
    if (onNull === undefined) f.op('unreachable');
    else f.br(onNull);
    return;
  }
  if (typeof constant === 'string' || constant instanceof Uint8Array) {
    const bytes = typeof constant === 'string' ? new TextEncoder().encode(constant) : constant;
    f.i32(scope.code.memory.literal(bytes));
    f.i32(bytes.length);
    return;
  }
  const [wasm] = wasmTypes(type);
  if (wasm === 'i64') f.i64(BigInt(constant));
  else if (wasm === 'f64' || wasm === 'f32') f.get(scope.constant(wasm, Number(constant)));
  else f.i32(Number(constant));
}

function call(scope: RowScope, expr: CallExpr, onNull: Label | undefined): void {
  if (scope.checksFloats || !isFloatTree(scope, expr)) {
    checkedCall(scope, expr, onNull);
    return;
  }
  const { f } = scope;
  const result = scope.temp(expr.type.kind === 'float32' ? 'f32' : 'f64', 4);
  uncheckedTree(scope, expr, (leaf) => value(scope, leaf, onNull));
  f.set(result);
  checkTree(scope, result, () => checkedCall(scope, expr, onNull));
  f.get(result);
}

/** A tree of floats (float-trees.ts) in locals, not looked at yet: `check` writes the code that does. */
export function holdUnchecked(
  scope: RowScope,
  expr: CallExpr,
  name: string,
): { readonly held: Held; readonly check: () => void } {
  const { f } = scope;
  const held = scope.hold(expr.type, name, mayBeNull(scope, expr));
  const { columns, site } = scope;
  const fill = (write: (isNull: Label | undefined) => void) => {
    const { flag } = held;
    if (flag === undefined) {
      write(undefined);
      return;
    }
    f.i32(1);
    f.set(flag);
    f.block((isNull) => {
      write(isNull);
      f.i32(0);
      f.set(flag);
    });
  };
  fill((isNull) => {
    uncheckedTree(scope, expr, (leaf) => value(scope, leaf, isNull));
    held.set(f);
  });
  const check = () => {
    const behind = { columns: scope.columns, site: scope.site };
    scope.columns = columns;
    scope.site = site;
    const [result] = held.locals;
    fill((isNull) => {
      if (isNull !== undefined) {
        uncheckedTree(scope, expr, (leaf) => value(scope, leaf, isNull));
        held.set(f);
      }
      if (result !== undefined) checkTree(scope, result, () => checkedCall(scope, expr, isNull));
    });
    scope.columns = behind.columns;
    scope.site = behind.site;
  };
  return { held, check };
}

function checkedCall(scope: RowScope, expr: CallExpr, onNull: Label | undefined): void {
  const { f } = scope;
  args(scope, expr, onNull);
  const simple = inlineWithLiteral(expr);
  if (simple !== undefined) {
    f.ops(simple);
    return;
  }
  const inline = INLINE.get(expr.fn);
  if (inline !== undefined) {
    inline(scope);
    return;
  }
  const entry = catalogueFunction(expr.fn);
  if (entry.units === 'argument' || entry.units === 'both') {
    const timed = expr.args.find((arg) => unitsPerSecond(arg.type) > 0n);
    f.i64(timed === undefined ? 0n : unitsPerSecond(timed.type));
  }
  if (entry.units === 'result' || entry.units === 'both') f.i64(unitsPerSecond(expr.type));
  scope.support(expr.fn);
  if (entry.canFail) scope.check();
  if (wasmTypes(expr.type).length === 2) unpack(scope);
}

/** address | length << 32 -> address, length. */
function unpack(scope: RowScope): void {
  const { f } = scope;
  const packed = scope.temp('i64', 3);
  f.tee(packed);
  f.op('i32.wrap_i64');
  f.get(packed);
  f.i64(32n);
  f.ops('i64.shr_u i32.wrap_i64');
}

/** All arguments are evaluated before any is asked whether it is null: where a later one can fail, it does. */
function args(scope: RowScope, expr: CallExpr, onNull: Label | undefined): void {
  const lastFailing = expr.args.findLastIndex((arg) => canFail(scope, arg));
  const firstNullable = expr.args.findIndex((arg) => mayBeNull(scope, arg));
  if (firstNullable === -1 || firstNullable >= lastFailing) {
    for (const arg of expr.args) value(scope, arg, onNull);
    return;
  }
  const held = expr.args.map((arg) => hold(scope, arg, 'arg'));
  for (const arg of held) arg.read(scope, onNull);
}

function caseValue(scope: RowScope, expr: CaseExpr, onNull: Label | undefined): void {
  const { f } = scope;
  f.block((end) => {
    for (const { when, then } of expr.branches) {
      f.block((next) => {
        condition(scope, when, next, next);
        value(scope, then, onNull);
        f.br(end);
      });
    }
    value(scope, expr.otherwise, onNull);
  }, wasmTypes(expr.type));
}

function booleanValue(scope: RowScope, expr: Expr, onNull: Label | undefined): void {
  const { f } = scope;
  f.block(
    (end) => {
      f.block((no) => {
        condition(scope, expr, no, onNull ?? no);
        f.i32(1);
        f.br(end);
      });
      f.i32(0);
    },
    ['i32'],
  );
}

/**
 * A null argument does not end an AND: a later false one decides, a later failing one fails. Where false and null lead to one
 * place and nothing that follows can fail, it may end there.
 */
function andCondition(scope: RowScope, expr: LogicExpr, onFalse: Label, onNull: Label): void {
  const { f } = scope;
  let flag: ReturnType<typeof f.local> | undefined;
  expr.args.forEach((arg, index) => {
    const later = expr.args.slice(index + 1);
    const ends = later.length === 0 || (onFalse === onNull && !later.some((next) => canFail(scope, next)));
    if (!mayBeNull(scope, arg) || ends) {
      condition(scope, arg, onFalse, onNull);
      return;
    }
    const seen = flag ?? flagLocal(scope);
    flag = seen;
    f.block((done) => {
      f.block((isNull) => {
        condition(scope, arg, onFalse, isNull);
        f.br(done);
      });
      f.i32(1);
      f.set(seen);
    });
  });
  if (flag === undefined) return;
  f.get(flag);
  f.brIf(onNull);
}

/** A null argument does not end an OR either: a later true one decides. */
function orCondition(scope: RowScope, expr: LogicExpr, onFalse: Label, onNull: Label): void {
  const { f } = scope;
  const nullable = onFalse !== onNull && expr.args.some((arg) => mayBeNull(scope, arg));
  const flag = nullable ? flagLocal(scope) : undefined;
  f.block((yes) => {
    for (const arg of expr.args) {
      f.block((next) => {
        if (flag === undefined || !mayBeNull(scope, arg)) {
          condition(scope, arg, next, next);
          f.br(yes);
          return;
        }
        f.block((isNull) => {
          condition(scope, arg, next, isNull);
          f.br(yes);
        });
        f.i32(1);
        f.set(flag);
      });
    }
    if (flag !== undefined) {
      f.get(flag);
      f.brIf(onNull);
    }
    f.br(onFalse);
  });
}

/** A new flag, cleared here. */
function flagLocal({ f }: RowScope) {
  const flag = f.local('i32', 'null');
  f.i32(0);
  f.set(flag);
  return flag;
}

function isNullCondition(scope: RowScope, arg: Expr, onFalse: Label): void {
  const { f } = scope;
  if (!mayBeNull(scope, arg)) {
    if (canFail(scope, arg)) hold(scope, arg, 'checked');
    f.br(onFalse);
    return;
  }
  if (arg.node === 'column' && !columnOf(scope, arg.index).canFail) {
    columnOf(scope, arg.index).isNull(scope);
    f.op('i32.eqz');
    f.brIf(onFalse);
    return;
  }
  f.block((isNull) => {
    value(scope, arg, isNull);
    for (let part = 0; part < wasmTypes(arg.type).length; part++) f.op('drop');
    f.br(onFalse);
  });
}
