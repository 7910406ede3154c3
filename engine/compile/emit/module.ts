/**
 * One WebAssembly module under construction: types, imports, functions, exports, data segments, names. Imports come before the
 * first function. Source: WebAssembly core specification 2.0, section 5 (binary format).
 */
import { internalError } from '../../errors.ts';
import { ByteWriter } from './bytes.ts';
import { type Callee, FunctionBuilder, type Signature, TYPE_CODES, type ValueType } from './function.ts';

export interface FunctionImport {
  readonly module: string;
  readonly callee: Callee;
}

export interface MemoryImport {
  readonly module: string;
  readonly name: string;
  readonly pages: number;
}

export interface DataSegment {
  readonly address: number;
  readonly bytes: Uint8Array;
}

export class ModuleBuilder {
  readonly types: Signature[] = [];
  readonly imports: FunctionImport[] = [];
  readonly functions: FunctionBuilder[] = [];
  readonly exports: { readonly name: string; readonly callee: Callee }[] = [];
  readonly data: DataSegment[] = [];
  memory: MemoryImport | undefined;
  readonly #typeIndices = new Map<string, number>();

  /** The module's only memory, imported. */
  importMemory(module: string, name: string, pages: number): void {
    this.memory = { module, name, pages };
  }

  importFunction(module: string, name: string, params: readonly ValueType[], results: readonly ValueType[]): Callee {
    if (this.functions.length > 0) throw internalError('emit.order', `import ${name} after a function`);
    const callee = { index: this.imports.length, name, signature: { params, results } };
    this.imports.push({ module, callee });
    return callee;
  }

  /** A new function, to be filled; parameters are given as name and type. */
  function(
    name: string,
    params: readonly (readonly [name: string, type: ValueType])[],
    results: readonly ValueType[] = [],
  ): FunctionBuilder {
    const index = this.imports.length + this.functions.length;
    const callee = { index, name, signature: { params: params.map(([, type]) => type), results } };
    const names = params.map(([param]) => param);
    const builder = new FunctionBuilder(callee, names, (signature) => this.typeIndex(signature));
    this.functions.push(builder);
    return builder;
  }

  export(callee: Callee): void {
    this.exports.push({ name: callee.name, callee });
  }

  /** Bytes copied to `address` when the module is instantiated. */
  segment(address: number, bytes: Uint8Array): void {
    if (bytes.length > 0) this.data.push({ address, bytes });
  }

  typeIndex(signature: Signature): number {
    const key = `${signature.params.join(' ')}>${signature.results.join(' ')}`;
    const known = this.#typeIndices.get(key);
    if (known !== undefined) return known;
    this.types.push(signature);
    this.#typeIndices.set(key, this.types.length - 1);
    return this.types.length - 1;
  }

  /** The module in binary form. */
  encode(): Uint8Array {
    // Function types must be known before the type section is written.
    for (const { callee } of [...this.imports, ...this.functions]) this.typeIndex(callee.signature);
    const out = new ByteWriter();
    out.bytes([0, 0x61, 0x73, 0x6d, 1, 0, 0, 0]);
    section(out, 1, this.types, writeType);
    this.#importSection(out);
    section(out, 3, this.functions, (into, fn) => into.u32(this.typeIndex(fn.callee.signature)));
    section(out, 7, this.exports, (into, { name, callee }) => {
      into.name(name);
      into.byte(0);
      into.u32(callee.index);
    });
    section(out, 10, this.functions, writeBody);
    section(out, 11, this.data, writeSegment);
    this.#nameSection(out);
    return out.view().slice();
  }

  #importSection(out: ByteWriter): void {
    const entries: ((into: ByteWriter) => void)[] = this.imports.map(({ module, callee }) => (into: ByteWriter) => {
      into.name(module);
      into.name(callee.name);
      into.byte(0);
      into.u32(this.typeIndex(callee.signature));
    });
    const memory = this.memory;
    if (memory !== undefined) {
      entries.push((into) => {
        into.name(memory.module);
        into.name(memory.name);
        into.bytes([2, 0]);
        into.u32(memory.pages);
      });
    }
    section(out, 2, entries, (into, write) => write(into));
  }

  /** Function and local names, for traps, profilers and debuggers. */
  #nameSection(out: ByteWriter): void {
    const content = new ByteWriter();
    content.name('name');
    const all = [...this.imports, ...this.functions].map(({ callee }) => callee);
    subsection(content, 1, all, (into, callee) => {
      into.u32(callee.index);
      into.name(callee.name);
    });
    subsection(content, 2, this.functions, (into, fn) => {
      into.u32(fn.callee.index);
      into.u32(fn.locals.length);
      for (const local of fn.locals) {
        into.u32(local.index);
        into.name(local.name);
      }
    });
    out.byte(0);
    out.sized(content);
  }
}

function section<T>(
  out: ByteWriter,
  id: number,
  items: readonly T[],
  write: (into: ByteWriter, item: T) => void,
): void {
  if (items.length > 0) subsection(out, id, items, write);
}

function subsection<T>(
  out: ByteWriter,
  id: number,
  items: readonly T[],
  write: (into: ByteWriter, item: T) => void,
): void {
  const content = new ByteWriter();
  content.u32(items.length);
  for (const item of items) write(content, item);
  out.byte(id);
  out.sized(content);
}

function writeType(into: ByteWriter, { params, results }: Signature): void {
  into.byte(0x60);
  for (const types of [params, results]) {
    into.u32(types.length);
    for (const type of types) into.byte(TYPE_CODES[type]);
  }
}

/** Locals in runs of one type, then the instructions. */
function writeBody(into: ByteWriter, fn: FunctionBuilder): void {
  const runs: { type: ValueType; count: number }[] = [];
  for (const local of fn.locals.slice(fn.callee.signature.params.length)) {
    const last = runs.at(-1);
    if (last?.type === local.type) last.count++;
    else runs.push({ type: local.type, count: 1 });
  }
  const body = new ByteWriter();
  body.u32(runs.length);
  for (const run of runs) {
    body.u32(run.count);
    body.byte(TYPE_CODES[run.type]);
  }
  body.bytes(fn.code.view());
  body.byte(0x0b);
  into.sized(body);
}

function writeSegment(into: ByteWriter, { address, bytes }: DataSegment): void {
  into.byte(0);
  into.byte(0x41);
  into.s32(address);
  into.byte(0x0b);
  into.u32(bytes.length);
  into.bytes(bytes);
}
