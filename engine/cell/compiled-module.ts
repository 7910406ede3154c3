/**
 * From a compiled cell's plan to running code: generates the module and compiles it, once for as many cells as are opened with it, and instantiates
 * it beside the support module on one memory of the cell's own.
 */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { setFlagsFromString } from 'node:v8';
import type { CellPlan } from '../compile/cell-plan.ts';
import { type GeneratedCell, type GenerateOptions, generate } from '../compile/codegen/generate.ts';
import { printModule } from '../compile/emit/wat.ts';
import { type CloudskinError, externalError, internalError } from '../errors.ts';
import { MemoryImage } from './memory-image.ts';
import { acquireMemory, PAGE_BYTES, releaseMemory } from './memory-pool.ts';

/** What the support module offers the host; the generated code uses the rest. */
export interface Support {
  initialise(base: number, limit: number): void;
  allocate(bytes: number): number;
  release(block: number, bytes: number): void;
  fillPositions(table: number): void;
  portStart(head: number): void;
  portPack(head: number): number;
  portReset(head: number): void;
  openPane(time: bigint, size: bigint, recordSize: number, earliest: bigint, latest: bigint): number;
  indexGroup(pane: number, key: bigint, record: number, recordSize: number, wide: number): void;
  replaceBytes(pane: number, accumulator: number, source: number, length: number): void;
}

export interface RunningCode {
  readonly generated: GeneratedCell;
  readonly memory: WebAssembly.Memory;
  readonly support: Support;
  /** Takes the first `rows` rows of the input area. */
  process(rows: number): void;
  advance(): void;
  /** Makes the record of keys: the pane, words of null bits, keys. Only where there is an aggregate. */
  group(pane: number, ...keys: (number | bigint)[]): number;
  /** The code that runs, support module first. */
  readonly modules: readonly Uint8Array[];
  readonly host: { -readonly [Name in keyof HostFunctions]: HostFunctions[Name] };
}

/** Called by the generated code. */
export interface HostFunctions {
  /** Output `port` is full. */
  readonly emit: (port: number) => void;
  /** The expression at `site` failed on a row with the evaluation error of index `error`. */
  readonly fail: (site: number, error: number, row: number) => void;
}

/** Bytes for the first blocks behind static memory: arena, small batches, small tables. */
export const FIRST_BLOCKS: number = 4 * PAGE_BYTES;
/** Pages that a compiled cell's memory may have as far as the memory is concerned; its allocator stops at the cell's limit. */
export const LARGEST_PAGES: number = 65_536;

let supportModule: { readonly module: WebAssembly.Module; readonly bytes: Uint8Array } | undefined;

type Exports = Pick<RunningCode, 'process'> & Partial<Pick<RunningCode, 'advance' | 'group'>>;

/** What a cell without an aggregate has for `advance` and `group`. */
function nothing(): number {
  return 0;
}

/** Bytes of memories that wait with the code of chains, at most, in this thread. */
const MAX_WAITING_BYTES = 64 * 1024 * 1024;
let waitingBytes = 0;
let waitingCount = 0;

export interface ChainCodeOptions extends GenerateOptions {
  /** More than one cell will be opened: what one ran on waits for the next, its memory as in the beginning. */
  readonly keep?: boolean;
}

/** The code of a chain, from which cells are opened: compiled once, instantiated on a memory for each. */
export class ChainCode {
  readonly generated: GeneratedCell;
  readonly #module: WebAssembly.Module;
  readonly #bytes: Uint8Array;
  readonly #cell: string;
  readonly #limit: number;
  readonly #keep: boolean;
  readonly #waiting: RunningCode[] = [];
  #image: MemoryImage | undefined;

  /** Cells of it may take `maxMemoryBytes`. */
  constructor(plan: CellPlan, maxMemoryBytes: number, options: ChainCodeOptions = {}) {
    this.generated = generate(plan, options);
    this.#bytes = this.generated.module.encode();
    this.#module = compiled(this.#bytes);
    this.#cell = plan.name;
    this.#limit = maxMemoryBytes;
    this.#keep = options.keep ?? false;
  }

  open(host: HostFunctions): RunningCode {
    const waiting = this.#waiting.pop();
    if (waiting === undefined) return this.#instantiate({ ...host });
    waitingBytes -= waiting.memory.buffer.byteLength;
    waitingCount -= 1;
    Object.assign(waiting.host, host);
    return waiting;
  }

  /** Nothing uses the code any more; `sound`: it did not trap. */
  close(code: RunningCode, sound: boolean): void {
    const bytes = code.memory.buffer.byteLength;
    if (!sound || this.#image === undefined || waitingBytes + bytes > MAX_WAITING_BYTES) {
      releaseMemory(code.memory, LARGEST_PAGES);
      return;
    }
    this.#image.restore(code.memory);
    this.#waiting.push(code);
    waitingBytes += bytes;
    waitingCount += 1;
  }

  #instantiate(host: RunningCode['host']): RunningCode {
    const { generated } = this;
    if (generated.heap + FIRST_BLOCKS > this.#limit) throw memoryLimit(this.#cell, this.#limit);
    const supportCode = loadSupport();
    const memory = acquireMemory(Math.ceil((generated.heap + FIRST_BLOCKS) / PAGE_BYTES), LARGEST_PAGES);
    const support = new WebAssembly.Instance(supportCode.module, { env: { memory } }).exports as unknown as Support;
    support.initialise(generated.heap, Math.min(this.#limit, 0xffff_0000));
    const emit: HostFunctions['emit'] = (port) => host.emit(port);
    const fail: HostFunctions['fail'] = (site, error, row) => host.fail(site, error, row);
    const imports = { env: { memory, emit, fail }, support: { ...support } };
    const { exports } = new WebAssembly.Instance(this.#module, imports);
    support.fillPositions(generated.positions);
    for (const port of generated.ports) if (port !== undefined) support.portStart(port.head);
    if (this.#keep) this.#image ??= new MemoryImage(memory);
    const { process, advance = nothing, group = nothing } = exports as unknown as Exports;
    const modules = [supportCode.bytes, this.#bytes];
    return { generated, memory, support, process, advance, group, modules, host };
  }
}

/** A cell would need more memory than it may take; `keys` names the largest of its keys. */
export function memoryLimit(cell: string, maxMemoryBytes: number, keys = ''): CloudskinError {
  const operators = cell.split('+').join(', ');
  const limit = `${Math.floor(maxMemoryBytes / 1_048_576)} MiB`;
  return externalError('cell.memory-limit', `${operators} needs more than the ${limit} that a cell may take${keys}`, {
    hint: 'shorter windows, fewer groups, fewer columns or a smaller maxDelay need less; a higher limit allows more',
  });
}

/** The generated code of a compiled cell as WebAssembly text, for `explain --wat`. */
export function watText(plan: CellPlan): string {
  return printModule(generate(plan).module);
}

const MAX_COMPILED = 64;
/** Modules of this thread by the checksum of their bytes, least recently used first: a chain that is opened again is not compiled again. */
const modules = new Map<string, WebAssembly.Module>();

/** What this thread keeps of compiled chains: their modules, and what cells ran on and the next will. */
export function chainStats(): {
  readonly modules: number;
  readonly maxModules: number;
  readonly waiting: number;
  readonly bytes: number;
  readonly maxBytes: number;
} {
  const waiting = { waiting: waitingCount, bytes: waitingBytes, maxBytes: MAX_WAITING_BYTES };
  return { modules: modules.size, maxModules: MAX_COMPILED, ...waiting };
}

export function compiled(bytes: Uint8Array): WebAssembly.Module {
  const checksum = createHash('sha256').update(bytes).digest('base64');
  const module = modules.get(checksum) ?? compileFast(bytes);
  modules.delete(checksum);
  modules.set(checksum, module);
  for (const oldest of modules.keys()) {
    if (modules.size <= MAX_COMPILED) break;
    modules.delete(oldest);
  }
  return module;
}

/** Bytes of a module from which on the optimising compiler would take too long to wait for. */
const LARGE_MODULE = 65_536;

/**
 * Compiled by the optimising compiler at once: the first batch then runs at full speed, for about two milliseconds a cell. Large
 * modules begin with the fast compiler, and V8 optimises them while they run. The flags hold for this call only.
 */
function compileFast(bytes: Uint8Array): WebAssembly.Module {
  const fast = bytes.length < LARGE_MODULE;
  if (fast) setFlagsFromString('--no-liftoff');
  if (fast) setFlagsFromString('--no-wasm-lazy-compilation');
  try {
    return new WebAssembly.Module(bytes);
  } catch (error) {
    throw internalError('internal.codegen', 'generated code is not valid', { cause: error });
  } finally {
    setFlagsFromString('--liftoff');
    setFlagsFromString('--wasm-lazy-compilation');
  }
}

/** Compiled once a process, function by function as they are called. */
export function loadSupport(): NonNullable<typeof supportModule> {
  if (supportModule !== undefined) return supportModule;
  const path = fileURLToPath(new URL('../compile/support/support.wasm', import.meta.url));
  let bytes: Uint8Array;
  try {
    bytes = readFileSync(path);
  } catch (error) {
    const hint = 'in a checkout, run: node tools/build-wasm.ts';
    throw externalError('cell.support-missing', `cannot read ${path}`, { hint, cause: error });
  }
  supportModule = { module: new WebAssembly.Module(bytes), bytes };
  return supportModule;
}
