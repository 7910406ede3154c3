/**
 * Static memory of a generated module: addresses from STATIC_BASE on, given out when code is generated, so that they are
 * constants in it. Literals with equal bytes share one place. What lies behind the end is the allocator's.
 */
import { align64 } from '../../batch/batch.ts';
import type { ModuleBuilder } from '../emit/module.ts';
import { STATIC_BASE } from '../support/assembly/control.ts';

export class MemoryMap {
  #end = STATIC_BASE;
  readonly #literals = new Map<string, number>();
  readonly #module: ModuleBuilder;

  constructor(module: ModuleBuilder) {
    this.#module = module;
  }

  /** First address behind all that was reserved. */
  get end(): number {
    return this.#end;
  }

  /** The address, divided by 64, of `bytes` that begin as zeros. */
  reserve(bytes: number): number {
    const address = this.#end;
    this.#end += align64(bytes);
    return address;
  }

  /** The address of bytes that never change. Sixteen may be read beyond their end. */
  literal(bytes: Uint8Array): number {
    const key = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1');
    const known = this.#literals.get(key);
    if (known !== undefined) return known;
    const address = this.reserve(bytes.length + 16);
    this.#literals.set(key, address);
    this.#module.segment(address, bytes);
    return address;
  }
}
