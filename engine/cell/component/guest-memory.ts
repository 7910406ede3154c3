/**
 * A guest's memory as the host reads and writes it: views that are made again only when the memory has grown, and reads that are bounded.
 * A guest that points outside of its memory breaks the canonical ABI: `AbiViolation`.
 */

/** A guest did what no compiled component does; `message` says what. */
export class AbiViolation extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'AbiViolation';
  }
}

const lenient = new TextDecoder('utf-8');
const strict = new TextDecoder('utf-8', { fatal: true });

export class GuestMemory {
  readonly memory: WebAssembly.Memory;
  #bytes: Uint8Array;
  #view: DataView;

  constructor(memory: WebAssembly.Memory) {
    this.memory = memory;
    this.#bytes = new Uint8Array(memory.buffer);
    this.#view = new DataView(memory.buffer);
  }

  /** Growing detaches the old buffer, which empties its views; asking the memory itself each time costs a call into the engine. */
  #refresh(): void {
    this.#bytes = new Uint8Array(this.memory.buffer);
    this.#view = new DataView(this.memory.buffer);
  }

  get bytes(): Uint8Array {
    if (this.#bytes.length === 0) this.#refresh();
    return this.#bytes;
  }

  get view(): DataView {
    if (this.#bytes.length === 0) this.#refresh();
    return this.#view;
  }

  /** `pointer` as an address from which `length` bytes can be read. Wasm's i32 comes as a signed number. */
  check(pointer: number, length: number, alignment: number, what: string): number {
    const address = pointer >>> 0;
    const bytes = length >>> 0;
    if (address % alignment !== 0) throw new AbiViolation(`${what} is not aligned to ${alignment} bytes`);
    if (address + bytes > this.bytes.length) throw new AbiViolation(`${what} lies outside of its memory`);
    return address;
  }

  u8(address: number): number {
    return this.view.getUint8(address);
  }

  u32(address: number): number {
    return this.view.getUint32(address, true);
  }

  /** Text of which at most `limit` bytes are read; bytes that are not UTF-8 become U+FFFD. */
  text(pointer: number, length: number, what: string, limit: number): string {
    const address = this.check(pointer, length, 1, what);
    return lenient.decode(this.bytes.subarray(address, address + Math.min(length >>> 0, limit)));
  }

  /** Text that must be UTF-8 as a whole and at most `limit` bytes. */
  name(pointer: number, length: number, what: string, limit: number): string {
    const address = this.check(pointer, length, 1, what);
    if (length >>> 0 > limit) throw new AbiViolation(`${what} is longer than ${limit} bytes`);
    try {
      return strict.decode(this.bytes.subarray(address, address + length));
    } catch {
      throw new AbiViolation(`${what} is not UTF-8`);
    }
  }
}
