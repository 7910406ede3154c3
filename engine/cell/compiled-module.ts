/**
 * From a compiled cell's plan to running code: generates the module, compiles it, and instantiates it beside the support module on one
 * memory of its own.
 */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { setFlagsFromString } from 'node:v8';
import type { CellPlan } from '../compile/cell-plan.ts';
import { type GeneratedCell, type GenerateOptions, generate } from '../compile/codegen/generate.ts';
import { printModule } from '../compile/emit/wat.ts';
import { type CloudskinError, externalError, internalError } from '../errors.ts';

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
}

/** Called by the generated code. */
export interface HostFunctions {
  /** Output `port` is full. */
  readonly emit: (port: number) => void;
  /** The expression at `site` failed on a row with the evaluation error of index `error`. */
  readonly fail: (site: number, error: number, row: number) => void;
}

const PAGE = 65_536;
/** Bytes for the first blocks behind static memory: arena, small batches, small tables. */
const FIRST_BLOCKS = 4 * PAGE;

let supportModule: { readonly module: WebAssembly.Module; readonly bytes: Uint8Array } | undefined;

type Exports = Pick<RunningCode, 'process'> & Partial<Pick<RunningCode, 'advance' | 'group'>>;

/** What a cell without an aggregate has for `advance` and `group`. */
function nothing(): number {
  return 0;
}

export function instantiate(
  plan: CellPlan,
  maxMemoryBytes: number,
  host: HostFunctions,
  options: GenerateOptions = {},
): RunningCode {
  const generated = generate(plan, options);
  if (generated.heap + FIRST_BLOCKS > maxMemoryBytes) throw memoryLimit(plan.name, maxMemoryBytes);
  const bytes = generated.module.encode();
  const module = compileFast(bytes);
  const supportCode = loadSupport();
  const memory = new WebAssembly.Memory({ initial: Math.ceil((generated.heap + FIRST_BLOCKS) / PAGE) });
  const support = new WebAssembly.Instance(supportCode.module, { env: { memory } }).exports as unknown as Support;
  support.initialise(generated.heap, Math.min(maxMemoryBytes, 0xffff_0000));
  const env = { memory, emit: host.emit, fail: host.fail };
  const { exports } = new WebAssembly.Instance(module, { env, support: { ...support } });
  support.fillPositions(generated.positions);
  for (const port of generated.ports) if (port !== undefined) support.portStart(port.head);
  const { process, advance = nothing, group = nothing } = exports as unknown as Exports;
  return { generated, memory, support, process, advance, group, modules: [supportCode.bytes, bytes] };
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
function loadSupport(): NonNullable<typeof supportModule> {
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
