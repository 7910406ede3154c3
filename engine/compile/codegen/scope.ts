/**
 * The scope in which the expressions of one row are generated: the function, the columns that can be named, and where a
 * failure or a null leads. Null is control flow: code for a value branches away where the value is null.
 */
import type { DataType } from '../../batch/types.ts';
import { EVALUATION_ERRORS, type EvaluationError } from '../../expression/ir.ts';
import type { FunctionBuilder, Label, Local, ValueType } from '../emit/function.ts';
import { ERROR } from '../support/assembly/control.ts';
import type { CodeModule } from './code-module.ts';
import type { InlineContext } from './inline-context.ts';
import type { Site, Sites } from './sites.ts';
import { wasmTypes } from './types.ts';

/** A value that can be named: an input column, a computed column, a variable. */
export interface Readable {
  readonly type: DataType;
  readonly nullable: boolean;
  /** Reading it may itself fail (a uint64 above 2^63-1). */
  readonly canFail: boolean;
  /** Leaves the value on the stack; branches to `onNull` where it is null (given whenever `nullable`). */
  read(scope: RowScope, onNull: Label | undefined): void;
  /** Leaves 1 where it is null, else 0; only where `nullable`. */
  isNull(scope: RowScope): void;
  /** Index of the input column that it is, unchanged. */
  readonly input?: number;
}

/** A value held in locals, with a flag where it may be null. */
export class Held implements Readable {
  readonly type: DataType;
  readonly locals: readonly Local[];
  readonly flag: Local | undefined;
  readonly nullable: boolean;
  readonly canFail = false;
  readonly input?: number;

  constructor(type: DataType, locals: readonly Local[], flag: Local | undefined, input?: number) {
    this.type = type;
    this.locals = locals;
    this.flag = flag;
    this.nullable = flag !== undefined;
    if (input !== undefined) this.input = input;
  }

  read({ f }: RowScope, onNull: Label | undefined): void {
    if (this.flag !== undefined && onNull !== undefined) {
      f.get(this.flag);
      f.brIf(onNull);
    }
    this.get(f);
  }

  isNull({ f }: RowScope): void {
    if (this.flag === undefined) f.i32(0);
    else f.get(this.flag);
  }

  /** Leaves the value, whether null or not. */
  get(f: FunctionBuilder): void {
    for (const local of this.locals) f.get(local);
  }

  /** Takes the value from the stack. */
  set(f: FunctionBuilder): void {
    for (const local of this.locals.toReversed()) f.set(local);
  }
}

/** Where a failing row goes, and the locals that say how it failed: index of the error, and of the site. */
export interface Failure {
  readonly label: Label;
  readonly error: Local;
  readonly site: Local;
}

export class RowScope implements InlineContext {
  readonly f: FunctionBuilder;
  readonly code: CodeModule;
  readonly failure: Failure;
  /** Where the code being generated stands in the user's graph. */
  site: Site;
  columns: readonly Readable[] = [];
  /** Within the second, checked computation of a tree of floats (float-trees.ts). */
  checksFloats = false;
  readonly variables: Map<number, Held> = new Map();
  readonly #sites: Sites;
  readonly #temps = new Map<string, Local>();
  readonly #constants = new Map<number, Local>();

  constructor(f: FunctionBuilder, code: CodeModule, sites: Sites, failure: Failure, site: Site) {
    this.f = f;
    this.code = code;
    this.#sites = sites;
    this.failure = failure;
    this.site = site;
  }

  temp(type: ValueType, slot: number): Local {
    const key = `${type}${slot}`;
    const known = this.#temps.get(key);
    if (known !== undefined) return known;
    const local = this.f.local(type, `temp_${key}`);
    this.#temps.set(key, local);
    return local;
  }

  /**
   * A local that holds the constant all through the function. It is read from memory, since V8 would build a plain constant anew
   * in every round of a loop.
   */
  constant(type: 'f32' | 'f64', value: number): Local {
    const bytes = new DataView(new ArrayBuffer(type === 'f64' ? 8 : 4));
    if (type === 'f64') bytes.setFloat64(0, value, true);
    else bytes.setFloat32(0, value, true);
    return this.#fromMemory(type, new Uint8Array(bytes.buffer));
  }

  /** A vector local that turns the sign of its second float64 lane. */
  signOfSecond(): Local {
    const bytes = new Uint8Array(16);
    bytes[15] = 0x80;
    return this.#fromMemory('v128', bytes);
  }

  #fromMemory(type: ValueType, bytes: Uint8Array): Local {
    const address = this.code.memory.literal(bytes);
    const known = this.#constants.get(address);
    if (known !== undefined) return known;
    const local = this.f.local(type, 'constant');
    this.f.prepend(() => {
      this.f.i32(0);
      this.f.memory(`${type}.load`, address);
      this.f.set(local);
    });
    this.#constants.set(address, local);
    return local;
  }

  fail(error: EvaluationError): void {
    this.f.i32(EVALUATION_ERRORS.indexOf(error));
    this.f.set(this.failure.error);
    this.#leave();
  }

  support(name: string): void {
    this.f.call(this.code.support(name));
  }

  check(): void {
    const { f } = this;
    f.i32(0);
    f.memory('i32.load', ERROR);
    f.tee(this.failure.error);
    f.if(() => {
      f.i32(0);
      f.i32(0);
      f.memory('i32.store', ERROR);
      this.#leave();
    });
  }

  /** The site is named only where a row fails, so that others do not pay for it. */
  #leave(): void {
    this.f.i32(this.#sites.add(this.site));
    this.f.set(this.failure.site);
    this.f.br(this.failure.label);
  }

  /** Fresh locals for a value of the type, with a null flag where asked for. */
  hold(type: DataType, name: string, nullable: boolean, input?: number): Held {
    const locals = wasmTypes(type).map((wasm, part) => this.f.local(wasm, part === 0 ? name : `${name}_length`));
    return new Held(type, locals, nullable ? this.f.local('i32', `${name}_null`) : undefined, input);
  }
}
