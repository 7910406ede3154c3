/**
 * Operators that are Wasm components: what they yield for a configuration (`describeComponent`), and as a running cell
 * (`openComponentCell`). The parts are in `component/`; DESIGN's "Component cells" in ARCHITECTURE.md says why they are so.
 *
 *   component or .cell ──prepare──> prepared operator ──rewrite, compile──> modules ──instantiate──> guest ──lifter──> cell
 */

import { decodeSchema } from '../batch/ipc.ts';
import { formatType, type Schema } from '../batch/types.ts';
import type { CellPlan } from '../compile/cell-plan.ts';
import { defined } from '../defined.ts';
import { CloudskinError, internalError, userError } from '../errors.ts';
import type { ComponentStep, OperatorNode } from '../graph/plan.ts';
import type { Cell } from './cell.ts';
import { makeRoom } from './component/awake.ts';
import { ComponentCell, type ComponentCellSetup } from './component/component-cell.ts';
import { BatchFramer, GuestBatchReader } from './component/framer.ts';
import { Grants, type LogEntry } from './component/granted.ts';
import { Guest, type GuestSetup } from './component/guest.ts';
import { compileOperator } from './component/instance.ts';
import type { OutputDescription } from './component/lifter.ts';
import { locateComponent, prepare } from './component/prepare.ts';
import { startOf } from './component/starts.ts';

export type { LogEntry } from './component/granted.ts';
export { type PrepareOptions, prepare, prepareComponent } from './component/prepare.ts';
export type { PreparedOperator } from './component/prepared.ts';

export interface ComponentOptions {
  /** Directory that a relative path of a component counts from; the working directory unless given. */
  readonly directory?: string;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  /** What the operator's randomness follows from; 0 unless given. */
  readonly seed?: bigint;
  /** Takes the operator's messages, at most 100 a second. */
  readonly onLog?: (entry: LogEntry) => void;
  /** Milliseconds that one call into the component may take; 10,000 unless given. */
  readonly callLimitMs?: number;
  /** Bytes that the component's memory may grow to; 256 MiB unless given. */
  readonly memoryLimitBytes?: number;
  /** Where prepared files are kept by digest. */
  readonly cache?: string;
}

const CALL_LIMIT_MS = 10_000;
const MEMORY_LIMIT_BYTES = 256 * 1024 * 1024;
const LABEL = /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/;
const RESERVED = new Set(['late', 'errors']);

interface Target {
  readonly component: string;
  /** As the graph names the operator; empty while a graph is checked. */
  readonly operator: string;
  readonly config: Readonly<Record<string, unknown>>;
  readonly inputs: GuestSetup['inputs'];
  /** The operator's `memory`. */
  readonly memoryBytes?: number;
}

/** FNV-1a of a name, so that operators with one seed draw different numbers. */
function hashOf(name: string): bigint {
  let hash = 0xcbf29ce484222325n;
  for (const byte of new TextEncoder().encode(name)) hash = BigInt.asUintN(64, (hash ^ BigInt(byte)) * 0x100000001b3n);
  return hash;
}

function grantsOf({ operator }: Target, { now, seed = 0n, onLog = () => undefined }: ComponentOptions): Grants {
  return new Grants({ operator, now, seed: seed ^ hashOf(operator), onLog });
}

/** What all guests of the target share. */
async function setUp(target: Target, options: ComponentOptions): Promise<Omit<GuestSetup, 'grants'>> {
  const { component, operator } = target;
  const path = locateComponent(component, options.directory ?? process.cwd());
  const prepared = await prepare(path, defined({ cache: options.cache }));
  const { config, inputs } = target;
  const memoryLimitBytes = Math.min(options.memoryLimitBytes ?? MEMORY_LIMIT_BYTES, target.memoryBytes ?? Infinity);
  return {
    operator: await compileOperator(prepared, path),
    start: startOf({ checksum: prepared.checksum, config, inputs, memoryLimitBytes }),
    who: operator === '' ? `component ${component}` : `operator ${operator} (component ${component})`,
    config,
    inputs,
    callLimitMs: options.callLimitMs ?? CALL_LIMIT_MS,
    memoryLimitBytes,
  };
}

/** The guest's outputs by name, their schemas read and their names checked. */
function readOutputs(outputs: readonly OutputDescription[], who: string): Map<string, Schema> {
  const found = new Map<string, Schema>();
  for (const [index, { name, schema }] of outputs.entries()) {
    const good = index === 0 ? name === '' : LABEL.test(name) && !RESERVED.has(name) && !found.has(name);
    if (!good) {
      throw userError('component.bad-output', `${who} names output ${index} ${JSON.stringify(name)}`, {
        hint: 'the first output has the empty name, each further one a DNS label of its own, not late or errors',
      });
    }
    found.set(name, readSchema(schema, name, who));
  }
  return found;
}

function readSchema(message: Uint8Array, name: string, who: string): Schema {
  try {
    return decodeSchema(message);
  } catch (error) {
    if (!(error instanceof CloudskinError)) throw error;
    const output = name === '' ? 'its output' : `output ${name}`;
    throw userError('component.bad-output', `${who} gives ${output} a schema that cannot be read: ${error.message}`, {
      cause: error,
    });
  }
}

/**
 * What a component yields: output schemas by name, the first one under `''`. Runs its `init`, which also checks the configuration (with the clock at 0);
 * what the component finds wrong comes as `component.invalid-config` or `component.invalid-schema` with its own message.
 *
 * `inputs` are the schemas by the alias that each input has in the graph, in their order; a single one without alias is `''`. Other errors: those of `prepare`, and
 * `component.trap`, `component.abi-violation`, `component.bad-output`, `component.memory-limit`, `cell.deadline`.
 */
export async function describeComponent(
  component: string,
  config: Readonly<Record<string, unknown>>,
  inputs: ReadonlyMap<string, Schema>,
  directory: string,
  options: Omit<ComponentOptions, 'directory' | 'now'> = {},
): Promise<ReadonlyMap<string, Schema>> {
  const target = { component, operator: '', config, inputs: [...inputs].map(([name, schema]) => ({ name, schema })) };
  const all = { ...options, directory, now: () => 0 };
  const setup = await setUp(target, all);
  const guest = Guest.start({ ...setup, grants: grantsOf(target, all) });
  try {
    return readOutputs(guest.outputs, setup.who);
  } finally {
    guest.release();
  }
}

function componentStep(operator: OperatorNode): ComponentStep {
  const step = operator.steps.find((candidate) => candidate.kind === 'component');
  if (step?.kind === 'component') return step;
  throw internalError('component.no-component', `operator ${operator.name} is not a component`);
}

/** The operator's name in the graph: one with a filter or select around its component is planned in parts (`split.ts`). */
function graphName(operator: OperatorNode): string {
  return operator.name.replace(/\/component$/, '');
}

/** One input without an alias has the empty name, as when the graph was checked. */
function inputsOf(operator: OperatorNode): GuestSetup['inputs'] {
  const { aliases, inputSchemas } = operator;
  if (aliases === undefined || inputSchemas === undefined) {
    return [{ name: '', schema: operator.input }];
  }
  return aliases.map((name, index) => ({ name, schema: inputSchemas[index] ?? operator.input }));
}

function sameSchema(a: Schema, b: Schema): boolean {
  if (a.fields.length !== b.fields.length || a.time !== b.time) return false;
  return a.fields.every((field, index) => {
    const other = b.fields[index];
    return other !== undefined && field.name === other.name && formatType(field.type) === formatType(other.type);
  });
}

/** Opens the cell of an operator that is a component and has no other steps. Errors as in `describeComponent`. */
export async function openComponentCell(plan: CellPlan, options: ComponentOptions): Promise<Cell> {
  return (await prepareComponentCell(plan, options))();
}

/**
 * As `openComponentCell`, for many cells of one plan: loads and compiles the component, and returns what opens a cell at once. From the
 * second on that takes microseconds (`starts.ts`).
 */
export async function prepareComponentCell(plan: CellPlan, options: ComponentOptions): Promise<() => Cell> {
  const operator = plan.operators[0];
  if (operator === undefined) throw internalError('component.no-component', `cell ${plan.name} has no operator`);
  const step = componentStep(operator);
  const target = {
    component: step.component,
    operator: graphName(operator),
    config: step.config,
    inputs: inputsOf(operator),
    ...(operator.memory === undefined ? {} : { memoryBytes: operator.memory.bytes }),
  };
  const setup = await setUp(target, options);
  const outputsOf = outputReader(plan, operator, setup.who);
  const shared = {
    ...setup,
    name: plan.name,
    operatorName: target.operator,
    onError: operator.onError,
    ports: plan.outputs,
    errorsPort: plan.outputs.findIndex((output) => output.port === 'errors'),
    union: operator.aliases === undefined,
    framers: setup.inputs.map(({ schema }) => new BatchFramer(schema)),
  };
  return () => {
    makeRoom();
    const grants = grantsOf(target, options);
    const guest = Guest.start({ ...setup, grants });
    try {
      return new ComponentCell({ ...shared, grants, outputs: outputsOf(guest.outputs) }, guest);
    } catch (error) {
      guest.release();
      throw error;
    }
  };
}

type Outputs = ComponentCellSetup['outputs'];

/** Reads what guests of one operator yield; those that begin with one image yield the same. */
function outputReader(plan: CellPlan, operator: OperatorNode, who: string): (from: Guest['outputs']) => Outputs {
  let known: { readonly from: Guest['outputs']; readonly outputs: Outputs } | undefined;
  return (from) => {
    if (known?.from !== from) known = { from, outputs: plannedOutputs(plan, operator, who, from) };
    return known.outputs;
  };
}

function plannedOutputs(plan: CellPlan, operator: OperatorNode, who: string, from: Guest['outputs']): Outputs {
  return [...readOutputs(from, who)].map(([name, schema]) => {
    const planned = operator.outputs.get(name);
    if (planned === undefined || !sameSchema(planned, schema)) {
      throw userError('component.changed-output', `${who} yields something else than when the graph was checked`, {
        hint: "a component's outputs may depend only on its configuration and its inputs",
      });
    }
    return { reader: new GuestBatchReader(planned), port: plan.outputs.findIndex((output) => output.port === name) };
  });
}
