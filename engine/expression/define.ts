/**
 * What an entry of the function catalogue is: signature, documentation, example and meaning of one overload in one place. The
 * checker resolves calls with it, the reference is generated from it, the kernels call its `evaluate`, and the code generator is
 * held to it.
 */
import type { DataType, TimeUnit } from '../batch/types.ts';
import type { EvaluationError } from './ir.ts';

/** JavaScript's stand-in for a value, by kind. */
export interface Values {
  readonly bool: boolean;
  readonly int32: number;
  readonly int64: bigint;
  readonly float32: number;
  readonly float64: number;
  readonly utf8: string;
  readonly binary: Uint8Array;
  /** Days since the epoch. */
  readonly date32: number;
  /** Ticks since the epoch; the type says how many make a second. */
  readonly timestamp: bigint;
  readonly duration: bigint;
}

export type ValueKind = keyof Values;
export type Value = Values[ValueKind];

/** The kinds that expressions compute with. */
export const VALUE_KINDS: readonly ValueKind[] = [
  'bool',
  'int32',
  'int64',
  'float32',
  'float64',
  'utf8',
  'binary',
  'date32',
  'timestamp',
  'duration',
];

/**
 * Which ticks-per-second (bigint) `evaluate`, and the function in Wasm (i64), get behind their arguments, in this order: that of the
 * first timestamp or duration argument, that of the result, or both.
 */
export type Units = 'argument' | 'result' | 'both';

export interface CatalogueFunction {
  /** `name.kind[.kind…]`; kinds are left out where a name has one overload, and said once where all arguments are of one kind. */
  readonly id: string;
  readonly name: string;
  /** Names by which SQL calls it; none where only an operator or a special form does. */
  readonly sql: readonly string[];
  /** The operator that stands for it, prefix where it takes one argument. */
  readonly operator?: string;
  /**
   * Two timestamp or duration arguments always come in the same unit (the checker casts to the finer one). A string argument
   * is never null, as no argument is: functions are strict.
   */
  readonly args: readonly ValueKind[];
  /** A timestamp or duration result has unit and zone of the first timestamp or duration argument, where there is one; else as said here. */
  readonly result: DataType & { readonly kind: ValueKind };
  readonly units?: Units;
  readonly errors: readonly EvaluationError[];
  readonly canFail: boolean;
  readonly summary: string;
  /** `expression → result`, run by the tests. */
  readonly example: string;
  /** Where it differs from PostgreSQL on purpose. */
  readonly difference?: string;
  /** True where the result may be off by one unit in the last place, because the C library of PostgreSQL's machine computes it too. */
  readonly approximate?: boolean;
  /** Throws a `Failure`. */
  readonly evaluate: (...args: readonly Value[]) => Value;
}

type ArgsOf<A extends readonly ValueKind[]> = { readonly [I in keyof A]: Values[A[I]] };
type UnitsOf<U> = U extends 'both' ? [bigint, bigint] : U extends 'argument' | 'result' ? [bigint] : [];

/** An entry as it is written down. */
export interface Definition<A extends readonly ValueKind[], R extends ValueKind, U extends Units | undefined> {
  readonly id: string;
  readonly sql?: readonly string[];
  readonly operator?: string;
  readonly args: A;
  readonly result: R | (DataType & { readonly kind: R });
  readonly units?: U;
  readonly errors?: readonly EvaluationError[];
  readonly summary: string;
  readonly example: string;
  readonly difference?: string;
  readonly approximate?: boolean;
  readonly evaluate: (...args: [...ArgsOf<A>, ...UnitsOf<U>]) => Values[R];
}

export function define<
  const A extends readonly ValueKind[],
  R extends ValueKind,
  U extends Units | undefined = undefined,
>(definition: Definition<A, R, U>): CatalogueFunction {
  const { id, result, errors = [], sql = [] } = definition;
  return {
    ...(definition as unknown as Omit<CatalogueFunction, 'name' | 'sql' | 'result' | 'errors' | 'canFail'>),
    name: id.split('.')[0] ?? id,
    sql,
    result: typeof result === 'string' ? plainType(result) : result,
    errors,
    canFail: errors.length > 0,
  };
}

/** The type of a kind; a timestamp or duration in microseconds, as in PostgreSQL. */
export function plainType(kind: ValueKind, unit: TimeUnit = 'us'): DataType & { readonly kind: ValueKind } {
  return kind === 'timestamp' || kind === 'duration' ? { kind, unit } : { kind };
}

/** Thrown by `evaluate`; one object a code, made once, so that a failing row costs little. */
export class Failure extends Error {
  readonly code: EvaluationError;

  constructor(code: EvaluationError) {
    super(code);
    this.name = 'Failure';
    this.code = code;
  }
}

const failures = new Map<EvaluationError, Failure>();

/** Throws the failure of that code. */
export function fail(code: EvaluationError): never {
  let failure = failures.get(code);
  if (failure === undefined) {
    failure = new Failure(code);
    failures.set(code, failure);
  }
  throw failure;
}
