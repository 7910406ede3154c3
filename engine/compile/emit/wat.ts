/**
 * Prints a module as WebAssembly text. Bodies are decoded from the very bytes that are run, so what is read is what runs.
 * Folded only by indentation; names come from the builders, made unique.
 */
import { internalError } from '../../errors.ts';
import type { FunctionBuilder, Signature, ValueType } from './function.ts';
import type { ModuleBuilder } from './module.ts';
import { OPCODES_BY_CODE } from './opcodes.ts';

/** The module's text, which assembles to a module that behaves the same. */
export function printModule(module: ModuleBuilder): string {
  const names = uniqueNames([...module.imports, ...module.functions].map(({ callee }) => callee.name));
  const lines = ['(module'];
  module.types.forEach((type, index) => {
    lines.push(`  (type $t${index} (func${signatureText(type)}))`);
  });
  module.imports.forEach(({ module: from, callee }, index) => {
    lines.push(`  (import "${from}" "${callee.name}" (func ${names[index]}${signatureText(callee.signature)}))`);
  });
  const memory = module.memory;
  if (memory !== undefined) {
    lines.push(`  (import "${memory.module}" "${memory.name}" (memory ${memory.pages}))`);
  }
  for (const fn of module.functions) printFunction(fn, names, lines);
  for (const { name, callee } of module.exports) lines.push(`  (export "${name}" (func ${names[callee.index]}))`);
  for (const { address, bytes } of module.data) {
    lines.push(`  (data (i32.const ${address}) "${escapeBytes(bytes)}")`);
  }
  lines.push(')');
  return `${lines.join('\n')}\n`;
}

function signatureText({ params, results }: Signature): string {
  const part = (keyword: string, types: readonly ValueType[]) =>
    types.length === 0 ? '' : ` (${keyword} ${types.join(' ')})`;
  return part('param', params) + part('result', results);
}

/** `$name`, with a number behind the second and further of one name. */
function uniqueNames(names: readonly string[]): string[] {
  const seen = new Map<string, number>();
  return names.map((name) => {
    const clean = name.replace(/[^A-Za-z0-9_.+-]/g, '_');
    const count = seen.get(clean) ?? 0;
    seen.set(clean, count + 1);
    return count === 0 ? `$${clean}` : `$${clean}~${count + 1}`;
  });
}

function escapeBytes(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => `\\${byte.toString(16).padStart(2, '0')}`).join('');
}

function printFunction(fn: FunctionBuilder, callees: readonly string[], lines: string[]): void {
  const locals = uniqueNames(fn.locals.map((local) => local.name));
  const paramCount = fn.callee.signature.params.length;
  const declare = (keyword: string, from: number, to: number) =>
    fn.locals.slice(from, to).map((local) => `(${keyword} ${locals[local.index]} ${local.type})`);
  const head = [`(func ${callees[fn.callee.index]}`, ...declare('param', 0, paramCount)];
  const { results } = fn.callee.signature;
  if (results.length > 0) head.push(`(result ${results.join(' ')})`);
  lines.push(`  ${head.join(' ')}`);
  for (const local of declare('local', paramCount, fn.locals.length)) lines.push(`    ${local}`);
  new BodyPrinter(fn.code.view(), locals, callees, lines).print();
  lines.push('  )');
}

const BLOCKS: Readonly<Record<number, string>> = { 2: 'block', 3: 'loop', 4: 'if' };
const VALUE_TYPES: Readonly<Record<number, ValueType>> = {
  127: 'i32',
  126: 'i64',
  125: 'f32',
  124: 'f64',
  123: 'v128',
};

class BodyPrinter {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  readonly #locals: readonly string[];
  readonly #callees: readonly string[];
  readonly #lines: string[];
  /** Names of the open blocks, innermost last. */
  readonly #labels: string[] = [];
  #labelCount = 0;
  #at = 0;

  constructor(bytes: Uint8Array, locals: readonly string[], callees: readonly string[], lines: string[]) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#locals = locals;
    this.#callees = callees;
    this.#lines = lines;
  }

  print(): void {
    while (this.#at < this.#bytes.length) this.#instruction();
  }

  #line(text: string, outdent = 0): void {
    this.#lines.push(`${'  '.repeat(2 + this.#labels.length - outdent)}${text}`);
  }

  #instruction(): void {
    const opcode = this.#byte();
    const block = BLOCKS[opcode];
    if (block !== undefined) this.#open(block);
    else if (opcode === 0x05) this.#line('else', 1);
    else if (opcode === 0x0b) {
      this.#labels.pop();
      this.#line('end');
    } else if (opcode === 0x0c || opcode === 0x0d) this.#branch(opcode === 0x0c ? 'br' : 'br_if');
    else if (opcode === 0x10) this.#line(`call ${this.#callees[this.#u32()]}`);
    else if (opcode >= 0x20 && opcode <= 0x22) {
      this.#line(`local.${['get', 'set', 'tee'][opcode - 0x20]} ${this.#locals[this.#u32()]}`);
    } else if (opcode >= 0x41 && opcode <= 0x44) this.#line(this.#constant(opcode));
    else this.#listed(opcode);
  }

  #open(keyword: string): void {
    const type = this.#byte();
    const label = `$${keyword}${this.#labelCount++}`;
    let result = '';
    if (type !== 0x40) {
      const value = VALUE_TYPES[type];
      // A type index is below 64 in our modules or takes more bytes; both are LEB128 of a positive number.
      result = value === undefined ? ` (type $t${this.#unsigned(type)})` : ` (result ${value})`;
    }
    this.#line(`${keyword} ${label}${result}`);
    this.#labels.push(label);
  }

  #branch(keyword: string): void {
    this.#line(`${keyword} ${this.#labels.at(-1 - this.#u32())}`);
  }

  #constant(opcode: number): string {
    if (opcode === 0x41) return `i32.const ${this.#signed()}`;
    if (opcode === 0x42) return `i64.const ${this.#signed()}`;
    const bytes = opcode === 0x43 ? 4 : 8;
    const value = bytes === 4 ? this.#view.getFloat32(this.#at, true) : this.#view.getFloat64(this.#at, true);
    this.#at += bytes;
    return `${bytes === 4 ? 'f32' : 'f64'}.const ${floatText(value)}`;
  }

  #listed(first: number): void {
    const prefix = first === 0xfc || first === 0xfd ? first : 0;
    const code = prefix === 0 ? first : this.#u32();
    this.#line(this.#listedText(prefix, code));
  }

  #listedText(prefix: number, code: number): string {
    if (prefix === 0xfd && code === 13) return `i8x16.shuffle ${this.#take(16).join(' ')}`;
    if (prefix === 0xfc && (code === 10 || code === 11)) {
      this.#take(code === 10 ? 2 : 1);
      return code === 10 ? 'memory.copy' : 'memory.fill';
    }
    const op = OPCODES_BY_CODE.get(prefix * 65_536 + code);
    if (op === undefined) throw internalError('emit.decode', `unknown opcode ${prefix} ${code}`);
    if (op.immediate === 'lane') return `${op.name} ${this.#byte()}`;
    if (op.immediate !== 'memory') return op.name;
    this.#u32();
    const offset = this.#u32();
    return offset > 0 ? `${op.name} offset=${offset}` : op.name;
  }

  #byte(): number {
    return this.#bytes[this.#at++] ?? 0;
  }

  #take(count: number): number[] {
    this.#at += count;
    return Array.from(this.#bytes.subarray(this.#at - count, this.#at));
  }

  #u32(): number {
    return this.#unsigned(this.#byte());
  }

  #unsigned(first: number): number {
    let result = first & 0x7f;
    for (let byte = first, shift = 7; byte > 0x7f; shift += 7) {
      byte = this.#byte();
      result += (byte & 0x7f) * 2 ** shift;
    }
    return result;
  }

  #signed(): bigint {
    let result = 0n;
    let shift = 0n;
    let byte: number;
    do {
      byte = this.#byte();
      result |= BigInt(byte & 0x7f) << shift;
      shift += 7n;
    } while (byte > 0x7f);
    return BigInt.asIntN(Number(shift), result);
  }
}

function floatText(value: number): string {
  if (Number.isNaN(value)) return 'nan';
  if (!Number.isFinite(value)) return value > 0 ? 'inf' : '-inf';
  return Object.is(value, -0) ? '-0' : String(value);
}
