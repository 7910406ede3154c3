/**
 * Reads a component as toolchains for `wit-component` write it, into core modules and the wiring between them: which module is
 * instantiated with what, which host functions it is given, which core functions its exports are lifted from. Types are resolved to text
 * (`component-types.ts`). What such toolchains do not write (start functions, values, resources, imported modules) is refused.
 *
 * Source: the component model's Binary.md, as of WASI 0.2.
 */
import { defined } from '../../defined.ts';
import { type ByteReader, sections } from './binary.ts';
import { readExternName, type TypeEntry, TypeSpace } from './component-types.ts';

/** An export of a core instance, by the instance's index and the export's name. */
export interface CoreRef {
  readonly instance: number;
  readonly name: string;
}

/** A host function as a core function: `interface` and `name` of the import, the memory its pointers count in, the guest's realloc. */
export interface HostRef {
  readonly interface: string;
  readonly function: string;
  readonly memory?: CoreRef;
}

export type Item = { readonly core: CoreRef } | { readonly host: HostRef };

/** How one core instance comes to be; instances are numbered in the order of the steps. */
export type Step =
  | { readonly kind: 'instantiate'; readonly module: number; readonly imports: readonly (readonly [string, number])[] }
  | { readonly kind: 'bundle'; readonly exports: readonly (readonly [string, Item])[] };

/** A function that the component exports: its core function and what is needed to call it. */
export interface Lifted {
  readonly type: string;
  readonly function: CoreRef;
  readonly memory?: CoreRef;
  readonly realloc?: CoreRef;
  readonly postReturn?: CoreRef;
}

export interface ImportedFunction {
  readonly interface: string;
  readonly function: string;
  readonly type: string;
}

export interface ComponentParts {
  readonly modules: readonly Uint8Array[];
  readonly steps: readonly Step[];
  /** By name; of an exported interface as `interface#function`. */
  readonly exports: ReadonlyMap<string, Lifted>;
  /** Every function of every interface that it imports, whether it uses it or not. */
  readonly imports: readonly ImportedFunction[];
}

type Func = { readonly host: ImportedFunction } | { readonly lifted: Lifted } | { readonly imported: string };
type Instance =
  | { readonly imported: string; readonly exports: ReadonlyMap<string, TypeEntry> }
  | { readonly functions: ReadonlyMap<string, Func> };

const MAX_MODULES = 64;
const MAX_STEPS = 1024;

interface CanonOptions {
  memory?: CoreRef;
  realloc?: CoreRef;
  postReturn?: CoreRef;
}

class ComponentReader {
  readonly modules: Uint8Array[] = [];
  readonly steps: Step[] = [];
  readonly exports = new Map<string, Lifted>();
  readonly imports: ImportedFunction[] = [];
  /** Functions that a nested component re-exports: name -> the name under which it imports them. */
  readonly reexports = new Map<string, string>();
  private readonly types: TypeSpace;
  private readonly coreFunctions: Item[] = [];
  private readonly coreMemories: CoreRef[] = [];
  private readonly coreTables: CoreRef[] = [];
  private readonly coreGlobals: CoreRef[] = [];
  private readonly functions: Func[] = [];
  private readonly instances: Instance[] = [];
  private readonly components: ReadonlyMap<string, string>[] = [];
  private readonly nested: boolean;

  constructor(outer?: TypeSpace) {
    this.types = new TypeSpace(outer);
    this.nested = outer !== undefined;
  }

  read(bytes: Uint8Array): void {
    for (const { id, content } of sections(bytes)) this.section(id, content);
  }

  private section(id: number, content: ByteReader): void {
    if (id === 0) return;
    if (id === 1 || id === 4) {
      this.binary(id, content);
      return;
    }
    const read = this.reader(id, content);
    const count = content.count();
    for (let i = 0; i < count; i++) read();
    content.expectEnd(`section ${id}`);
  }

  private reader(id: number, content: ByteReader): () => void {
    switch (id) {
      case 2:
        return () => this.coreInstance(content);
      case 5:
        return () => this.instance(content);
      case 6:
        return () => this.alias(content);
      case 7:
        return () => this.types.entries.push(this.types.readType(content));
      case 8:
        return () => this.canon(content);
      case 10:
        return () => this.importEntry(content);
      case 11:
        return () => this.exportEntry(content);
      default:
        return content.fail(`unsupported section ${id} of a component`);
    }
  }

  private binary(id: number, content: ByteReader): void {
    const bytes = content.bytes.subarray(content.at, content.end);
    if (id === 1) {
      if (this.nested || this.modules.length >= MAX_MODULES) content.fail('unsupported core module');
      this.modules.push(bytes);
      return;
    }
    if (this.nested) content.fail('unsupported nested component');
    const inner = new ComponentReader(this.types);
    inner.read(bytes);
    this.components.push(inner.reexports);
  }

  private at<T>(list: readonly T[], index: number, what: string, reader: ByteReader): T {
    return list[index] ?? reader.fail(`unknown ${what} ${index}`);
  }

  private addStep(step: Step, reader: ByteReader): void {
    if (this.nested || this.steps.length >= MAX_STEPS) reader.fail('too many core instances');
    this.steps.push(step);
  }

  private coreInstance(reader: ByteReader): void {
    const kind = reader.u8();
    if (kind === 0x00) {
      const module = reader.u32();
      this.at(this.modules, module, 'core module', reader);
      const imports: [string, number][] = [];
      const count = reader.count();
      for (let i = 0; i < count; i++) {
        const name = reader.name();
        if (reader.u8() !== 0x12) reader.fail('core module takes something other than instances');
        const instance = reader.u32();
        this.at(this.steps, instance, 'core instance', reader);
        imports.push([name, instance]);
      }
      this.addStep({ kind: 'instantiate', module, imports }, reader);
    } else if (kind === 0x01) {
      const exports: [string, Item][] = [];
      const count = reader.count();
      for (let i = 0; i < count; i++) exports.push([reader.name(), this.coreItem(reader)]);
      this.addStep({ kind: 'bundle', exports }, reader);
    } else reader.fail(`unsupported core instance ${kind}`);
  }

  private coreItem(reader: ByteReader): Item {
    const sort = reader.u8();
    const index = reader.u32();
    if (sort === 0x00) return this.at(this.coreFunctions, index, 'core function', reader);
    const lists = [undefined, this.coreTables, this.coreMemories, this.coreGlobals];
    const list = lists[sort] ?? reader.fail(`unsupported core sort ${sort}`);
    return { core: this.at(list, index, 'core item', reader) };
  }

  private instance(reader: ByteReader): void {
    const kind = reader.u8();
    if (kind === 0x00) {
      this.instantiateComponent(reader);
      return;
    }
    if (kind !== 0x01) reader.fail(`unsupported instance ${kind}`);
    const functions = new Map<string, Func>();
    const count = reader.count();
    for (let i = 0; i < count; i++) {
      const name = readExternName(reader);
      const sort = reader.u8();
      const index = reader.u32();
      if (sort === 0x01) functions.set(name, this.at(this.functions, index, 'function', reader));
      else if (sort !== 0x03) reader.fail(`unsupported export of sort ${sort} in an instance`);
    }
    this.instances.push({ functions });
  }

  /** Nested components wrap an exported interface: they only export again, under a type's public name, what they are given. */
  private instantiateComponent(reader: ByteReader): void {
    const reexports = this.at(this.components, reader.u32(), 'component', reader);
    const given = new Map<string, Func>();
    const count = reader.count();
    for (let i = 0; i < count; i++) {
      const name = reader.name();
      const sort = reader.u8();
      const index = reader.u32();
      if (sort === 0x01) given.set(name, this.at(this.functions, index, 'function', reader));
      else if (sort !== 0x03) reader.fail(`unsupported argument of sort ${sort} for a component`);
    }
    const functions = new Map<string, Func>();
    for (const [name, imported] of reexports) {
      functions.set(name, given.get(imported) ?? reader.fail(`missing argument ${imported}`));
    }
    this.instances.push({ functions });
  }

  private alias(reader: ByteReader): void {
    const sort = reader.u8();
    const core = sort === 0x00 ? reader.u8() : -1;
    const target = reader.u8();
    if (target === 0x00) this.exportAlias(sort, reader);
    else if (target === 0x01) this.coreAlias(core, reader);
    else if (target === 0x02) this.outerAlias(sort, reader);
    else reader.fail(`unsupported alias ${target}`);
  }

  private exportAlias(sort: number, reader: ByteReader): void {
    const instance = this.at(this.instances, reader.u32(), 'instance', reader);
    const name = reader.name();
    if (sort === 0x01) this.functions.push(this.instanceFunction(instance, name, reader));
    else if (sort === 0x03) this.types.entries.push(this.instanceType(instance, name, reader));
    else reader.fail(`unsupported alias of sort ${sort}`);
  }

  private coreAlias(sort: number, reader: ByteReader): void {
    const instance = reader.u32();
    this.at(this.steps, instance, 'core instance', reader);
    const ref = { instance, name: reader.name() };
    if (sort === 0x00) this.coreFunctions.push({ core: ref });
    else if (sort === 0x01) this.coreTables.push(ref);
    else if (sort === 0x02) this.coreMemories.push(ref);
    else if (sort === 0x03) this.coreGlobals.push(ref);
    else reader.fail(`unsupported alias of core sort ${sort}`);
  }

  private outerAlias(sort: number, reader: ByteReader): void {
    if (sort !== 0x03) reader.fail(`unsupported outer alias of sort ${sort}`);
    const outer = this.types.enclosing(reader.u32(), reader);
    this.types.entries.push(outer.get(reader.u32(), reader));
  }

  private instanceFunction(instance: Instance, name: string, reader: ByteReader): Func {
    if ('functions' in instance) return instance.functions.get(name) ?? reader.fail(`unknown export ${name}`);
    const entry = instance.exports.get(name);
    if (entry?.kind !== 'func') return reader.fail(`unknown function ${name}`);
    return { host: { interface: instance.imported, function: name, type: entry.text } };
  }

  private instanceType(instance: Instance, name: string, reader: ByteReader): TypeEntry {
    const entry = 'exports' in instance ? instance.exports.get(name) : undefined;
    return entry ?? reader.fail(`unknown type ${name}`);
  }

  private canon(reader: ByteReader): void {
    const kind = reader.u8();
    if (kind > 1 || reader.u8() !== 0x00) reader.fail(`unsupported canonical function ${kind}`);
    if (kind === 0x00) {
      const core = this.at(this.coreFunctions, reader.u32(), 'core function', reader);
      const options = this.canonOptions(reader);
      const type = this.types.get(reader.u32(), reader);
      if (type.kind !== 'func' || !('core' in core)) reader.fail('lifted function has no type or no core function');
      this.functions.push({ lifted: { type: type.text, function: core.core, ...options } });
      return;
    }
    const func = this.at(this.functions, reader.u32(), 'function', reader);
    const { memory } = this.canonOptions(reader);
    if (!('host' in func)) reader.fail('unsupported lowering of a function of its own');
    const { interface: from, function: name } = func.host;
    const host: HostRef = { interface: from, function: name, ...defined({ memory }) };
    this.coreFunctions.push({ host });
  }

  private canonOptions(reader: ByteReader): CanonOptions {
    const options: CanonOptions = {};
    const count = reader.count();
    for (let i = 0; i < count; i++) {
      const option = reader.u8();
      if (option === 0x00) continue;
      if (option === 0x03) options.memory = this.at(this.coreMemories, reader.u32(), 'core memory', reader);
      else if (option === 0x04) options.realloc = this.coreFunction(reader);
      else if (option === 0x05) options.postReturn = this.coreFunction(reader);
      else reader.fail(option < 3 ? 'unsupported string encoding other than UTF-8' : `unsupported option ${option}`);
    }
    return options;
  }

  private coreFunction(reader: ByteReader): CoreRef {
    const item = this.at(this.coreFunctions, reader.u32(), 'core function', reader);
    return 'core' in item ? item.core : reader.fail('a host function where one of its own is needed');
  }

  private importEntry(reader: ByteReader): void {
    const name = readExternName(reader);
    const sort = reader.peek();
    const entry = this.types.readDescription(reader);
    if (sort === 0x01) {
      if (entry.kind !== 'func') reader.fail('import has no function type');
      if (!this.nested) reader.fail(`unsupported import of function ${name} without an interface`);
      this.functions.push({ imported: name });
    } else if (sort === 0x05) {
      if (entry.kind !== 'instance') reader.fail('import has no instance type');
      this.instances.push({ imported: name, exports: entry.exports });
      for (const [member, type] of entry.exports) {
        if (type.kind === 'func') this.imports.push({ interface: name, function: member, type: type.text });
      }
    } else if (sort !== 0x03) reader.fail(`unsupported import ${name}`);
  }

  private exportEntry(reader: ByteReader): void {
    const name = readExternName(reader);
    const sort = reader.u8();
    const index = reader.u32();
    if (sort === 0x01) this.exportFunction(name, this.at(this.functions, index, 'function', reader));
    else if (sort === 0x05) this.exportInstance(name, this.at(this.instances, index, 'instance', reader));
    else if (sort === 0x03) this.types.entries.push(this.types.get(index, reader));
    else reader.fail(`unsupported export ${name}`);
    const described = reader.u8();
    if (described > 1) reader.fail('bad flag of an export');
    if (described === 1) this.exportDescription(reader);
  }

  /** The type that an export is given explicitly; an exported type has its index already. */
  private exportDescription(reader: ByteReader): void {
    const before = this.types.entries.length;
    this.types.readDescription(reader);
    this.types.entries.length = before;
  }

  private exportFunction(name: string, func: Func): void {
    this.functions.push(func);
    if ('lifted' in func) this.exports.set(name, func.lifted);
    else if ('imported' in func) this.reexports.set(name, func.imported);
  }

  private exportInstance(name: string, instance: Instance): void {
    this.instances.push(instance);
    if (!('functions' in instance)) return;
    for (const [member, func] of instance.functions) {
      if ('lifted' in func) this.exports.set(`${name}#${member}`, func.lifted);
    }
  }
}

/** Takes a component apart; throws `MalformedBinary` when it is not one, or not of the kind described above. */
export function readComponent(bytes: Uint8Array): ComponentParts {
  const reader = new ComponentReader();
  reader.read(bytes);
  return { modules: reader.modules, steps: reader.steps, exports: reader.exports, imports: reader.imports };
}
