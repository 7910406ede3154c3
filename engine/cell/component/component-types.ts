/**
 * Types of the component model as text, spelled like WIT with all names resolved, so that two types are the same when their texts are:
 * `func(input: u32, batch: list<u8>) -> result<list<tuple<u32, list<u8>>>, variant{failed(string)}>`.
 *
 * Source: the component model's Binary.md ("Type Definitions"), as of WASI 0.2. Resources, streams, futures and async are refused by name.
 */
import type { ByteReader } from './binary.ts';

/** What a type index may stand for. */
export type TypeEntry =
  | { readonly kind: 'value'; readonly text: string }
  | { readonly kind: 'func'; readonly text: string }
  | { readonly kind: 'instance'; readonly exports: ReadonlyMap<string, TypeEntry> }
  | { readonly kind: 'component' };

/** Longest text of a type; a world's own types are far below it, hostile nesting is exponential. */
const MAX_TEXT = 4096;
const MAX_DEPTH = 8;

const PRIMITIVES: Readonly<Record<number, string>> = {
  127: 'bool',
  126: 's8',
  125: 'u8',
  124: 's16',
  123: 'u16',
  122: 's32',
  121: 'u32',
  120: 's64',
  119: 'u64',
  118: 'f32',
  117: 'f64',
  116: 'char',
  115: 'string',
};

const REFUSED: Readonly<Record<number, string>> = {
  63: 'a resource',
  104: 'a borrowed resource',
  105: 'an owned resource',
  101: 'a future',
  102: 'a stream',
  100: 'an error context',
  67: 'an async function',
};

/** Type indices of one component or instance type; `outer` is the space around it, for outer aliases. */
export class TypeSpace {
  readonly entries: TypeEntry[] = [];
  readonly outer: TypeSpace | undefined;
  private readonly depth: number;

  constructor(outer?: TypeSpace) {
    this.outer = outer;
    this.depth = outer === undefined ? 0 : outer.depth + 1;
  }

  get(index: number, reader: ByteReader): TypeEntry {
    return this.entries[index] ?? reader.fail(`unknown type ${index}`);
  }

  /** The space `count` levels out. */
  enclosing(count: number, reader: ByteReader): TypeSpace {
    let space: TypeSpace | undefined = this;
    for (let i = 0; i < count; i++) space = space?.outer;
    return space ?? reader.fail('outer alias leads nowhere');
  }

  private value(index: number, reader: ByteReader): string {
    const entry = this.get(index, reader);
    return entry.kind === 'value' ? entry.text : reader.fail(`type ${index} is not a type of values`);
  }

  /** A value type where it is used: a primitive or an index. */
  readValType(reader: ByteReader): string {
    const code = reader.s33();
    if (code >= 0) return this.value(code, reader);
    return PRIMITIVES[code + 128] ?? reader.fail(`unsupported type: ${REFUSED[code + 128] ?? code}`);
  }

  private optional(reader: ByteReader): string | undefined {
    const flag = reader.u8();
    if (flag === 0) return undefined;
    return flag === 1 ? this.readValType(reader) : reader.fail('bad flag of an optional type');
  }

  private labelled(reader: ByteReader): string {
    return this.many(reader, () => `${reader.name()}: ${this.readValType(reader)}`);
  }

  private many(reader: ByteReader, read: () => string): string {
    const count = reader.count();
    let text = '';
    for (let i = 0; i < count; i++) {
      text += i === 0 ? read() : `, ${read()}`;
      if (text.length > MAX_TEXT) reader.fail('type is too large');
    }
    return text;
  }

  private readCase(reader: ByteReader): string {
    const name = reader.name();
    const payload = this.optional(reader);
    if (reader.u8() !== 0) reader.fail('unsupported case refinement');
    return payload === undefined ? name : `${name}(${payload})`;
  }

  private readResult(reader: ByteReader): string {
    const ok = this.optional(reader);
    const error = this.optional(reader);
    return `result<${ok ?? '_'}, ${error ?? '_'}>`;
  }

  private readDefined(code: number, reader: ByteReader): string {
    switch (code) {
      case 0x72:
        return `record{${this.labelled(reader)}}`;
      case 0x71:
        return `variant{${this.many(reader, () => this.readCase(reader))}}`;
      case 0x70:
        return `list<${this.readValType(reader)}>`;
      case 0x6f:
        return `tuple<${this.many(reader, () => this.readValType(reader))}>`;
      case 0x6e:
        return `flags{${this.many(reader, () => reader.name())}}`;
      case 0x6d:
        return `enum{${this.many(reader, () => reader.name())}}`;
      case 0x6b:
        return `option<${this.readValType(reader)}>`;
      case 0x6a:
        return this.readResult(reader);
      default:
        return PRIMITIVES[code] ?? reader.fail(`unsupported type: ${REFUSED[code] ?? `0x${code.toString(16)}`}`);
    }
  }

  private readFunc(reader: ByteReader): string {
    const params = this.labelled(reader);
    const results = reader.u8();
    if (results === 0) return `func(${params}) -> ${this.readValType(reader)}`;
    if (results !== 1 || reader.u8() !== 0) reader.fail('unsupported named results');
    return `func(${params})`;
  }

  /** One entry of a type section. */
  readType(reader: ByteReader): TypeEntry {
    const code = reader.u8();
    if (code === 0x40) return this.checked({ kind: 'func', text: this.readFunc(reader) }, reader);
    if (code === 0x42) return { kind: 'instance', exports: readDeclarations(reader, new TypeSpace(this), false) };
    if (code === 0x41) {
      readDeclarations(reader, new TypeSpace(this), true);
      return { kind: 'component' };
    }
    return this.checked({ kind: 'value', text: this.readDefined(code, reader) }, reader);
  }

  private checked(entry: TypeEntry & { readonly text: string }, reader: ByteReader): TypeEntry {
    if (entry.text.length > MAX_TEXT || this.depth > MAX_DEPTH) reader.fail('type is too large');
    return entry;
  }

  /** What an import or export says of itself; a type among them takes the next index. */
  readDescription(reader: ByteReader): TypeEntry {
    const sort = reader.u8();
    if (sort === 0x01 || sort === 0x04 || sort === 0x05) return this.get(reader.u32(), reader);
    if (sort !== 0x03) return reader.fail(`unsupported import or export of sort ${sort}`);
    if (reader.u8() !== 0x00) return reader.fail(`unsupported type: ${REFUSED[63]}`);
    const entry = this.get(reader.u32(), reader);
    this.entries.push(entry);
    return entry;
  }
}

/** An import's or export's name; the kind byte before it tells plain names from URLs and such. */
export function readExternName(reader: ByteReader): string {
  const kind = reader.u8();
  if (kind > 1) reader.fail('unsupported kind of name');
  return reader.name();
}

/** The body of an instance type, or of a component type, which may import as well. */
function readDeclarations(reader: ByteReader, space: TypeSpace, imports: boolean): Map<string, TypeEntry> {
  const exports = new Map<string, TypeEntry>();
  const count = reader.count();
  for (let i = 0; i < count; i++) {
    const kind = reader.u8();
    if (kind === 0x01) space.entries.push(space.readType(reader));
    else if (kind === 0x02) readTypeAlias(reader, space);
    else if (kind === 0x03 && imports) {
      readExternName(reader);
      space.readDescription(reader);
    } else if (kind === 0x04) {
      const name = readExternName(reader);
      exports.set(name, space.readDescription(reader));
    } else reader.fail(`unsupported declaration ${kind} in a type`);
  }
  return exports;
}

/** Inside of instance types only outer types are aliased. */
function readTypeAlias(reader: ByteReader, space: TypeSpace): void {
  if (reader.u8() !== 0x03 || reader.u8() !== 0x02) reader.fail('unsupported alias in a type');
  const outer = space.enclosing(reader.u32(), reader);
  space.entries.push(outer.get(reader.u32(), reader));
}
