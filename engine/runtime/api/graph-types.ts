/**
 * What TypeScript can tell of a graph given as a literal: which outputs it has, and the Arrow types of their columns. As far as
 * names and types can be read off without parsing expressions; everything else is `DataType`.
 */
import type {
  Binary,
  Bool,
  DataType,
  DateDay,
  Duration,
  Float16,
  Float32,
  Float64,
  Int8,
  Int16,
  Int32,
  Int64,
  Null,
  Timestamp,
  TypeMap,
  Uint8,
  Uint16,
  Uint32,
  Uint64,
  Utf8,
} from 'apache-arrow';

interface PlainTypes {
  readonly null: Null;
  readonly bool: Bool;
  readonly int8: Int8;
  readonly int16: Int16;
  readonly int32: Int32;
  readonly int64: Int64;
  readonly uint8: Uint8;
  readonly uint16: Uint16;
  readonly uint32: Uint32;
  readonly uint64: Uint64;
  readonly float16: Float16;
  readonly float32: Float32;
  readonly float64: Float64;
  readonly utf8: Utf8;
  readonly binary: Binary;
  readonly date32: DateDay;
}

/** The Arrow type of a type as a graph writes it: `TypeOf<'float64'>` is `Float64`. */
export type TypeOf<T> = T extends keyof PlainTypes
  ? PlainTypes[T]
  : T extends `timestamp[${string}]`
    ? Timestamp
    : T extends `duration[${string}]`
      ? Duration
      : DataType;

/** A graph as an object: what a graph file holds. */
export interface GraphObject {
  readonly apiVersion: 'cloudskin.dev/v1';
  readonly kind: 'Dataflow';
  readonly metadata: { readonly name: string; readonly namespace?: string };
  readonly spec: {
    readonly sources: Readonly<Record<string, Entry>>;
    readonly operators?: Readonly<Record<string, Entry>>;
    readonly sinks?: Readonly<Record<string, Entry>>;
    readonly [more: string]: unknown;
  };
}

type Entry = Readonly<Record<string, unknown>>;

/** Outputs by name, each with its columns by name. */
export type Outputs = Readonly<Record<string, TypeMap>>;

/** The outputs of a graph: exact for a literal, any name and columns for one that is known at run time only. */
export type OutputsOf<G> = G extends { readonly spec: infer S }
  ? { readonly [N in Names<S, 'sources'> | Names<S, 'operators'>]: Columns<S, N> } & Readonly<
      Record<`${Names<S, 'sources'> | Names<S, 'operators'>}.${string}`, TypeMap>
    >
  : Outputs;

type Section<S, K extends string> = S extends { readonly [P in K]: infer E } ? E : never;
type Names<S, K extends string> = [Section<S, K>] extends [never] ? never : Extract<keyof Section<S, K>, string>;

/** Columns of output `N`; chains of operators are followed through their `from` as long as it is one literal name. */
type Columns<S, N extends string> =
  N extends Names<S, 'sources'>
    ? SourceColumns<Section<S, 'sources'>[N & keyof Section<S, 'sources'>]>
    : N extends Names<S, 'operators'>
      ? OperatorColumns<S, Section<S, 'operators'>[N & keyof Section<S, 'operators'>]>
      : TypeMap;

type SourceColumns<E> = E extends { readonly schema: infer C }
  ? E extends { readonly attach: unknown }
    ? TypeMap
    : { -readonly [K in Extract<keyof C, string>]: ColumnType<C[K]> }
  : TypeMap;

type ColumnType<C> = C extends { readonly type: infer T } ? TypeOf<T> : TypeOf<C>;

type InputColumns<S, E> = E extends { readonly from: infer F extends string } ? Columns<S, F> : TypeMap;

type OperatorColumns<S, E> = E extends { readonly component: unknown }
  ? E extends { readonly select: infer C }
    ? Selected<C, TypeMap>
    : TypeMap
  : E extends { readonly aggregate: infer A }
    ? Projected<E, Aggregated<A, E, InputColumns<S, E>>>
    : Projected<E, InputColumns<S, E>>;

type Projected<E, I> = E extends { readonly select: infer C }
  ? Selected<C, I>
  : E extends { readonly with: infer C }
    ? I & Selected<C, I>
    : I;

/** A column that is nothing but another's name keeps its type. */
type Selected<C, I> = {
  -readonly [K in Extract<keyof C, string>]: C[K] extends keyof I ? KnownType<I[C[K]]> : DataType;
};

type KnownType<T> = T extends DataType ? T : DataType;

type Aggregated<A, E, I> = { window_start: Timestamp; window_end: Timestamp } & Keys<E, I> & {
    -readonly [K in Extract<keyof A, string>]: AggregateType<A[K]>;
  };

type AggregateType<T> = T extends `count(${string})` ? Int64 : T extends `avg(${string})` ? Float64 : DataType;

type Keys<E, I> = E extends { readonly groupBy: readonly (infer K)[] }
  ? { [N in Extract<K, string> & keyof I]: KnownType<I[N]> }
  : E extends { readonly groupBy: infer M }
    ? Selected<M, I>
    : unknown;

/** Gives a graph's literal types to TypeScript, so that the outputs of what is opened have theirs. Returns it as it is. */
export function defineGraph<const G extends GraphObject>(graph: G): G {
  return graph;
}
