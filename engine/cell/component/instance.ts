/**
 * From a prepared operator to running code: its core modules rewritten and compiled once, instantiated and wired for each cell.
 */
import { userError } from '../../errors.ts';
import { acquireMemory, PAGE_BYTES, releaseMemory } from '../memory-pool.ts';
import { MalformedBinary } from './binary.ts';
import type { CoreRef, Item, Step } from './component-binary.ts';
import { GuestMemory } from './guest-memory.ts';
import { coreFunction, type OperatorHost } from './host.ts';
import type { PreparedOperator } from './prepared.ts';
import { DEADLINE_IMPORT, GLOBAL_PREFIX, HOST_MODULE, MEMORY_IMPORT, rewriteModule } from './rewrite.ts';
import type { Deadline } from './watchdog.ts';

interface CompiledModule {
  readonly module: WebAssembly.Module;
  readonly memoryPages: number | undefined;
  /** Memory and globals are not all of its state. */
  readonly hidden: boolean;
}

export interface CompiledOperator {
  readonly prepared: PreparedOperator;
  readonly modules: readonly CompiledModule[];
}

const MAX_COMPILED = 32;
/** Compiled operators of this process by checksum, least recently used first. */
const compiled = new Map<string, Promise<CompiledOperator>>();

/** Compiled operators that this thread keeps, and may keep. */
export function operatorStats(): { readonly held: number; readonly most: number } {
  return { held: compiled.size, most: MAX_COMPILED };
}

async function compileModule(bytes: Uint8Array, where: string): Promise<CompiledModule> {
  try {
    const rewritten = rewriteModule(bytes);
    const module = await WebAssembly.compile(rewritten.bytes);
    return { module, memoryPages: rewritten.memoryPages, hidden: rewritten.hidden };
  } catch (error) {
    if (error instanceof MalformedBinary) {
      const unsupported = /^(unsupported|unknown)/.test(error.message);
      throw userError(
        unsupported ? 'component.unsupported' : 'component.malformed',
        `a core module of ${where} cannot be run: ${error.message}`,
        { cause: error },
      );
    }
    if (!(error instanceof WebAssembly.CompileError)) throw error;
    throw userError('component.malformed', `a core module of ${where} is invalid: ${error.message}`, { cause: error });
  }
}

/** Rewrites and compiles an operator's modules, once a process. */
export function compileOperator(prepared: PreparedOperator, where: string): Promise<CompiledOperator> {
  const known = compiled.get(prepared.checksum);
  if (known !== undefined) {
    compiled.delete(prepared.checksum);
    compiled.set(prepared.checksum, known);
    return known;
  }
  const pending = Promise.all(prepared.modules.map((module) => compileModule(module, where))).then((modules) => ({
    prepared,
    modules,
  }));
  compiled.set(prepared.checksum, pending);
  pending.catch(() => compiled.delete(prepared.checksum));
  for (const oldest of compiled.keys()) {
    if (compiled.size <= MAX_COMPILED) break;
    compiled.delete(oldest);
  }
  return pending;
}

type Export = WebAssembly.Exports[string];

/** An object without a prototype, so that no name of a guest's finds anything that is not its own. */
function bundle<T>(entries: readonly (readonly [string, T])[]): Record<string, T> {
  return Object.assign(Object.create(null), Object.fromEntries(entries));
}

/** The core instances of one guest. */
export class OperatorInstance {
  readonly operator: CompiledOperator;
  readonly #exports: WebAssembly.Exports[] = [];
  readonly #memories: WebAssembly.Memory[] = [];
  readonly #guests = new Map<WebAssembly.Memory, GuestMemory>();
  readonly #maximum: number;
  /** Whom the guest's calls of the host go to. */
  host: OperatorHost;
  readonly #deadline: Deadline;
  #globals: ReadonlyMap<string, WebAssembly.Global> | undefined;

  /** `maxBytes` bounds each memory. Start functions run here; throws what they throw. */
  constructor(operator: CompiledOperator, host: OperatorHost, deadline: Deadline, maxBytes: number) {
    this.operator = operator;
    this.host = host;
    this.#deadline = deadline;
    this.#maximum = Math.max(1, Math.floor(maxBytes / PAGE_BYTES));
    try {
      for (const step of operator.prepared.steps) this.#exports.push(this.#carryOut(step));
    } catch (error) {
      this.release();
      throw error;
    }
  }

  /** Bytes of all memories. */
  get size(): number {
    return this.#memories.reduce((sum, memory) => sum + memory.buffer.byteLength, 0);
  }

  /** Those that its modules define, in the order of their instantiation. */
  get memories(): readonly WebAssembly.Memory[] {
    return this.#memories;
  }

  /** The mutable globals that its modules define, by instance and index. */
  get globals(): ReadonlyMap<string, WebAssembly.Global> {
    this.#globals ??= this.#findGlobals();
    return this.#globals;
  }

  /** What of its state a copy of memories and globals would not have, as the end of a sentence. */
  get stateHidden(): string | undefined {
    if (this.operator.modules.some(({ hidden }) => hidden)) return 'the component changes its tables';
    for (const global of this.globals.values()) {
      if (!isNumber(global)) return 'the component keeps references or vectors in global variables';
    }
    return undefined;
  }

  #findGlobals(): Map<string, WebAssembly.Global> {
    const found = new Map<string, WebAssembly.Global>();
    for (const [instance, exports] of this.#exports.entries()) {
      if (this.operator.prepared.steps[instance]?.kind !== 'instantiate') continue;
      for (const [name, value] of Object.entries(exports)) {
        if (name.startsWith(GLOBAL_PREFIX) && value instanceof WebAssembly.Global) {
          found.set(`${instance}:${name.slice(GLOBAL_PREFIX.length)}`, value);
        }
      }
    }
    return found;
  }

  /** Gives the memories back; nothing of the instance may be used any more. */
  release(): void {
    for (const memory of this.#memories.splice(0)) releaseMemory(memory, this.#maximum);
  }

  #carryOut(step: Step): WebAssembly.Exports {
    if (step.kind === 'bundle') return bundle(step.exports.map(([name, item]) => [name, this.#item(item)]));
    const { module, memoryPages } = this.operator.modules[step.module] as CompiledModule;
    const own: Record<string, WebAssembly.ImportValue> = { [DEADLINE_IMPORT]: this.#deadline.memory };
    if (memoryPages !== undefined) {
      const memory = acquireMemory(memoryPages, this.#maximum);
      this.#memories.push(memory);
      own[MEMORY_IMPORT] = memory;
    }
    const imports: WebAssembly.Imports = bundle(
      step.imports.map(([name, instance]) => [name, this.#exports[instance] ?? {}]),
    );
    imports[HOST_MODULE] = own;
    return new WebAssembly.Instance(module, imports).exports;
  }

  #item(item: Item): Export {
    if ('core' in item) return this.#resolve(item.core);
    const { memory } = item.host;
    const guest = (): GuestMemory => this.memory(memory);
    return coreFunction(item.host, () => this.host, guest);
  }

  #resolve(ref: CoreRef): Export {
    const value = this.#exports[ref.instance]?.[ref.name];
    if (value !== undefined) return value;
    throw userError('component.malformed', `the component refers to an export ${ref.name} that is not there`);
  }

  func(ref: CoreRef): (...args: unknown[]) => unknown {
    const value = this.#resolve(ref);
    if (typeof value === 'function') return value as (...args: unknown[]) => unknown;
    throw userError('component.malformed', `the component's export ${ref.name} is not a function`);
  }

  memory(ref: CoreRef | undefined): GuestMemory {
    const value = ref === undefined ? undefined : this.#resolve(ref);
    if (!(value instanceof WebAssembly.Memory)) {
      throw userError('component.malformed', "the component's memory is not there");
    }
    const known = this.#guests.get(value);
    if (known !== undefined) return known;
    const guest = new GuestMemory(value);
    this.#guests.set(value, guest);
    return guest;
  }
}

/** False for a vector, which cannot be read, and for references. */
function isNumber(global: WebAssembly.Global): boolean {
  try {
    return typeof global.value === 'bigint' || typeof global.value === 'number';
  } catch {
    return false;
  }
}
