/**
 * Small operators for tests and benchmarks, written in WAT: each hands its input through unless told to misbehave. Also the cell plan that
 * an operator of one component has.
 */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Schema } from '../../engine/batch/types.ts';
import type { Cell } from '../../engine/cell/cell.ts';
import { componentize } from '../../engine/cell/component/componentize.ts';
import { type ComponentOptions, describeComponent, openComponentCell } from '../../engine/cell/component.ts';
import type { CellPlan } from '../../engine/compile/cell-plan.ts';
import { ERRORS_SCHEMA, type OnError, type OperatorNode } from '../../engine/graph/plan.ts';
import { PLACE } from './plans.ts';

/** Bodies of a guest's functions in WAT, each in place of the one that behaves. Result areas: 1008 (good), 960 (an error). */
export interface GuestParts {
  /** Imports, globals, data, further functions. */
  readonly extra?: string;
  /** Locals `$config $configLength $inputs $count`. */
  readonly init?: string;
  /** Locals `$input $at $length`. */
  readonly process?: string;
  readonly onWatermark?: string;
  readonly onTimer?: string;
  readonly onEnd?: string;
  /** Locals `$old $oldSize $alignment $size`. */
  readonly realloc?: string;
  readonly postProcess?: string;
  /** Pages of memory to begin with. */
  readonly pages?: number;
}

/** An empty list of batches. */
export const NOTHING =
  '(i32.store8 (i32.const 1008) (i32.const 0)) (i32.store (i32.const 1016) (i32.const 0)) (i32.const 1008)';

/** The input's bytes as the one batch of output 0. */
export const ECHO = `
  (i32.store8 (i32.const 1008) (i32.const 0))
  (i32.store (i32.const 1012) (i32.const 1040))
  (i32.store (i32.const 1016) (i32.const 1))
  (i32.store (i32.const 1040) (i32.const 0))
  (i32.store (i32.const 1044) (local.get $at))
  (i32.store (i32.const 1048) (local.get $length))
  (i32.const 1008)`;

/** The first input's schema as that of the one output. */
export const INIT = `
  (i32.store8 (i32.const 1008) (i32.const 0))
  (i32.store (i32.const 1012) (i32.const 1024))
  (i32.store (i32.const 1016) (i32.const 1))
  (i32.store (i32.const 1028) (i32.const 0))
  (i32.store (i32.const 1032) (i32.load offset=8 (local.get $inputs)))
  (i32.store (i32.const 1036) (i32.load offset=12 (local.get $inputs)))
  (i32.const 1008)`;

/** A text at 2048, for `failing`. */
export const TEXT = '(data (i32.const 2048) "the cup is full")';

/** An error of the world's: its case and a text at 2048. */
export const failing: (kind: number, length: number) => string = (kind, length) => `
  (i32.store8 (i32.const 960) (i32.const 1)) (i32.store8 (i32.const 964) (i32.const ${kind}))
  (i32.store (i32.const 968) (i32.const 2048)) (i32.store (i32.const 972) (i32.const ${length})) (i32.const 960)`;

/** A bump allocator on 64 bytes, taken back after every call. */
export const REALLOC = `
  (local $p i32)
  (local.set $p (global.get $heap))
  (global.set $heap (i32.add (local.get $p) (i32.and (i32.add (local.get $size) (i32.const 63)) (i32.const -64))))
  (if (i32.gt_u (global.get $heap) (i32.shl (memory.size) (i32.const 16)))
    (then (drop (memory.grow (i32.add (i32.const 1) (i32.shr_u (local.get $size) (i32.const 16)))))))
  (local.get $p)`;

const RESET = '(global.set $heap (i32.const 65536))';

/** The guest's module as WAT. */
export function guestText(parts: GuestParts = {}): string {
  return `(module
  ${parts.extra?.includes('(import') ? parts.extra : ''}
  (memory (export "memory") ${parts.pages ?? 4})
  (global $heap (mut i32) (i32.const 65536))
  ${parts.extra?.includes('(import') ? '' : (parts.extra ?? '')}
  (func (export "cabi_realloc") (param $old i32) (param $oldSize i32) (param $alignment i32) (param $size i32) (result i32)
    ${parts.realloc ?? REALLOC})
  (func (export "init") (param $config i32) (param $configLength i32) (param $inputs i32) (param $count i32) (result i32)
    ${parts.init ?? INIT})
  (func (export "process") (param $input i32) (param $at i32) (param $length i32) (result i32) ${parts.process ?? ECHO})
  (func (export "on-watermark") (param $time i64) (result i32) ${parts.onWatermark ?? NOTHING})
  (func (export "on-timer") (param $time i64) (result i32) ${parts.onTimer ?? NOTHING})
  (func (export "on-end") (result i32) ${parts.onEnd ?? NOTHING})
  (func (export "cabi_post_init") (param i32) ${RESET})
  (func (export "cabi_post_process") (param i32) ${parts.postProcess ?? RESET})
)`;
}

/** The guest's core module. */
export async function guestModule(text: string): Promise<Uint8Array> {
  const { default: wabt } = await import('wabt');
  const { parseWat } = await wabt();
  const module = parseWat('guest.wat', text, {
    bulk_memory: true,
    simd: true,
    tail_call: true,
    multi_value: true,
    reference_types: true,
  });
  const { buffer } = module.toBinary({});
  module.destroy();
  return buffer;
}

/** The guest as a component. */
export async function guestComponent(parts: GuestParts = {}): Promise<Uint8Array> {
  return componentize(await guestModule(guestText(parts)), 'guest.wat');
}

export interface OpenGuest extends Partial<ComponentOptions> {
  readonly onError?: OnError;
  readonly config?: Readonly<Record<string, unknown>>;
  /** Whether something reads `.errors`. */
  readonly errors?: boolean;
}

/** The plan of a cell that is one component with one input. */
export function componentPlan(
  component: string,
  input: Schema,
  outputs: ReadonlyMap<string, Schema>,
  options: OpenGuest = {},
): CellPlan {
  const schemas = new Map(outputs);
  if (options.errors) schemas.set('errors', ERRORS_SCHEMA);
  const operator: OperatorNode = {
    name: 'score',
    inputs: [{ node: 'readings', port: '' }],
    input,
    steps: [{ kind: 'component', component, config: options.config ?? {}, outputs: schemas, place: PLACE }],
    outputs: schemas,
    onError: options.onError ?? 'fail',
    place: PLACE,
  };
  const ports = [...schemas].map(([port, schema]) => ({ operator: 'score', port, schema }));
  return { name: 'score', kind: 'component', operators: [operator], inputs: operator.inputs, input, outputs: ports };
}

/** Checks and opens a component by its path or name. */
export async function openOperator(component: string, input: Schema, options: OpenGuest = {}): Promise<Cell> {
  const outputs = await describeComponent(component, options.config ?? {}, new Map([['', input]]), '.', options);
  return openComponentCell(componentPlan(component, input, outputs, options), { now: () => 0, ...options });
}

/** Runs `use` with the path of a file that holds `bytes`, and removes it. */
export async function withFile<T>(bytes: Uint8Array, name: string, use: (path: string) => Promise<T>): Promise<T> {
  const directory = await mkdtemp(join(tmpdir(), 'cloudskin-guest-'));
  try {
    const path = join(directory, name);
    await writeFile(path, bytes);
    return await use(path);
  } finally {
    await rm(directory, { recursive: true });
  }
}

/** Opens a guest of these parts. */
export async function openGuest(parts: GuestParts, input: Schema, options: OpenGuest = {}): Promise<Cell> {
  return withFile(await guestComponent(parts), 'guest.wasm', (path) => openOperator(path, input, options));
}
