/**
 * The support module on its own: calls a catalogue function's Wasm with JavaScript values and gives back a value, or the name of the
 * error that it reported.
 */
import { readFileSync } from 'node:fs';
import { ARENA_BASE, ARENA_TOP, ERROR, STATIC_BASE } from '../../engine/compile/support/assembly/control.ts';
import type { CatalogueFunction, Value, ValueKind } from '../../engine/expression/define.ts';
import { EVALUATION_ERRORS, type EvaluationError } from '../../engine/expression/ir.ts';

type Raw = number | bigint;
type Export = (...args: readonly Raw[]) => Raw;

const file = new URL('../../engine/compile/support/support.wasm', import.meta.url);

/** The export that implements a catalogue function. */
export function exportName(id: string): string {
  return id.replaceAll('.', '_');
}

export class SupportModule {
  readonly #memory: WebAssembly.Memory;
  readonly #exports: Readonly<Record<string, unknown>>;
  readonly #encoder = new TextEncoder();
  readonly #decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

  constructor() {
    this.#memory = new WebAssembly.Memory({ initial: 16 });
    const module = new WebAssembly.Module(readFileSync(file));
    this.#exports = new WebAssembly.Instance(module, { env: { memory: this.#memory } }).exports;
    this.raw('initialise')(STATIC_BASE, 1 << 30);
  }

  has(id: string): boolean {
    return typeof this.#exports[exportName(id)] === 'function';
  }

  /** An export as it is. */
  raw(name: string): Export {
    const found = this.#exports[name];
    if (typeof found !== 'function') throw new Error(`the support module has no export ${name}`);
    return found as Export;
  }

  /** Copies bytes into the arena: their address and length. */
  put(bytes: Uint8Array): readonly [number, number] {
    const address = Number(this.raw('arenaAllocate')(bytes.length));
    new Uint8Array(this.#memory.buffer).set(bytes, address);
    return [address, bytes.length];
  }

  /** Empties the arena. */
  reset(): void {
    this.raw('arenaStart')();
  }

  /** Bytes of arena that are in use. */
  arenaBytes(): number {
    const view = new DataView(this.#memory.buffer);
    return view.getUint32(ARENA_TOP, true) - view.getUint32(ARENA_BASE, true);
  }

  memoryBytes(): number {
    return this.#memory.buffer.byteLength;
  }

  /** Calls a function whatever its arguments are; address and length where it returns text, else zeros. */
  callRaw(fn: CatalogueFunction, args: readonly Value[], units: readonly bigint[]): readonly [number, number] {
    const result = this.#invoke(fn, args, units);
    new DataView(this.#memory.buffer).setInt32(ERROR, 0, true);
    if (fn.result.kind !== 'utf8' && fn.result.kind !== 'binary') return [0, 0];
    return [Number(BigInt(result) & 0xffffffffn), Number(BigInt(result) >> 32n)];
  }

  call(fn: CatalogueFunction, args: readonly Value[], units: readonly bigint[] = []): Value | EvaluationError {
    const result = this.#invoke(fn, args, units);
    const view = new DataView(this.#memory.buffer);
    const error = EVALUATION_ERRORS[view.getInt32(ERROR, true)] ?? 'none';
    view.setInt32(ERROR, 0, true);
    return error === 'none' ? this.#lift(fn.result.kind, result) : error;
  }

  #invoke(fn: CatalogueFunction, args: readonly Value[], units: readonly bigint[]): Raw {
    this.reset();
    const raw = fn.args.flatMap((kind, index) => this.#lower(kind, args[index] as Value));
    return this.raw(exportName(fn.id))(...raw, ...units);
  }

  #lower(kind: ValueKind, value: Value): readonly Raw[] {
    if (typeof value === 'boolean') return [value ? 1 : 0];
    if (typeof value === 'string') return this.put(this.#encoder.encode(value));
    if (value instanceof Uint8Array) return this.put(value);
    return [kind === 'int64' ? BigInt(value) : value];
  }

  #lift(kind: ValueKind, result: Raw): Value {
    if (kind === 'bool') return result !== 0;
    if (kind !== 'utf8' && kind !== 'binary') return result;
    const packed = BigInt.asUintN(64, BigInt(result));
    const address = Number(packed & 0xffffffffn);
    const bytes = new Uint8Array(this.#memory.buffer).slice(address, address + Number(packed >> 32n));
    return kind === 'utf8' ? this.#decoder.decode(bytes) : bytes;
  }
}
