/**
 * The part of the WebAssembly JavaScript API that we use. TypeScript declares it only together with the DOM, which this
 * program does not have. Source: the WebAssembly JavaScript Interface, W3C.
 */
declare namespace WebAssembly {
  type ValueType = 'i32' | 'i64' | 'f32' | 'f64' | 'v128' | 'funcref' | 'externref';
  type ExternKind = 'function' | 'table' | 'memory' | 'global' | 'tag';
  type ImportValue = ((...args: never[]) => unknown) | Memory | Global | Table | number | bigint;
  type Imports = Record<string, Record<string, ImportValue>>;
  type Exports = Record<string, ((...args: never[]) => unknown) | Memory | Global | Table>;

  class Module {
    constructor(bytes: Uint8Array<ArrayBufferLike> | ArrayBufferLike);
    static exports(module: Module): { name: string; kind: ExternKind }[];
    static imports(module: Module): { module: string; name: string; kind: ExternKind }[];
    static customSections(module: Module, name: string): ArrayBuffer[];
  }
  class Instance {
    constructor(module: Module, imports?: Imports);
    readonly exports: Exports;
  }
  class Memory {
    constructor(descriptor: { initial: number; maximum?: number; shared?: boolean });
    readonly buffer: ArrayBuffer;
    grow(pages: number): number;
  }
  class Global<T = number | bigint> {
    constructor(descriptor: { value: ValueType; mutable?: boolean }, value?: T);
    value: T;
    valueOf(): T;
  }
  class Table {
    constructor(descriptor: { element: 'anyfunc' | 'externref'; initial: number; maximum?: number });
    readonly length: number;
    get(index: number): unknown;
    set(index: number, value?: unknown): void;
    grow(by: number): number;
  }
  class CompileError extends Error {}
  class LinkError extends Error {}
  class RuntimeError extends Error {}
  function validate(bytes: Uint8Array<ArrayBufferLike> | ArrayBufferLike): boolean;
  function compile(bytes: Uint8Array<ArrayBufferLike> | ArrayBufferLike): Promise<Module>;
  function instantiate(module: Module, imports?: Imports): Promise<Instance>;
}
