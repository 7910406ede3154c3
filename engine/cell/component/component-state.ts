/**
 * The state of a component cell. The image: memories and mutable globals of all its core modules, and what the engine keeps for it (timers,
 * figures, randomness). The logical form, where the component exports it: its own rows, and its timers.
 */
import { BatchBuilder } from '../../batch/builder.ts';
import { valueReader } from '../../batch/reader.ts';
import type { Schema } from '../../batch/types.ts';
import { internalError, userError } from '../../errors.ts';
import type { Json } from '../../json.ts';
import { type CellImage, COMPONENT_STATE, type LogicalState } from '../../state/checkpoint/state.ts';
import type { CellState } from '../cell.ts';
import { foreignModule } from '../compiled-state.ts';
import { PAGE_BYTES } from '../memory-pool.ts';
import { GROUP_FIELD, type KeyGroups, readState, sameLayout, writeState } from './component-rows.ts';
import type { SavedGrants } from './granted.ts';
import type { Guest, GuestSetup } from './guest.ts';
import { describeGuestError } from './guest-errors.ts';
import { GuestError } from './lifter.ts';

export interface StateSetup extends GuestSetup {
  /** As the plan names the operator. */
  readonly name: string;
}

export interface SavedCounts {
  readonly errors: number;
  readonly traps: number;
  readonly restarts: number;
}

export interface ComponentParts {
  guest(): Guest;
  save(): SavedCounts;
  restore(counts: SavedCounts): void;
}

/** `CellImage.host` of a component cell. */
interface SavedHost {
  /** Bytes of each memory, which lie one behind the other. */
  readonly memories: readonly number[];
  readonly grants: SavedGrants;
  readonly counts: SavedCounts;
}

const TIMERS_STATE = 'timers/1';
const TIMERS_SCHEMA: Schema = {
  fields: [GROUP_FIELD, { name: 'time', type: { kind: 'timestamp', unit: 'us' }, nullable: false }],
};

export class ComponentState implements CellState {
  readonly #setup: StateSetup;
  readonly #parts: ComponentParts;
  readonly exportLogical?: () => readonly LogicalState[];
  readonly importLogical?: (states: readonly LogicalState[], groups: KeyGroups) => void;

  private constructor(setup: StateSetup, parts: ComponentParts) {
    this.#setup = setup;
    this.#parts = parts;
    if (!parts.guest().lifter.hasState) return;
    this.exportLogical = () => this.#export();
    this.importLogical = (states, groups) => this.#import(states, groups);
  }

  /** The state, or why it cannot be taken. */
  static of(setup: StateSetup, parts: ComponentParts): ComponentState | string {
    const hidden = parts.guest().stateHidden;
    return hidden ?? new ComponentState(setup, parts);
  }

  image(): CellImage {
    const guest = this.#parts.guest();
    const globals = new Map<string, number | bigint>();
    for (const [name, global] of guest.globals) globals.set(name, readGlobal(global));
    const host = {
      memories: guest.memories.map(({ buffer }) => buffer.byteLength),
      grants: this.#setup.grants.save(),
      counts: this.#parts.save(),
    } satisfies SavedHost;
    return {
      module: this.#setup.start.digest,
      memory: bytesOf(guest.memories),
      globals,
      host: host as unknown as Json,
    };
  }

  restoreImage(image: CellImage): void {
    if (image.module !== this.#setup.start.digest) throw foreignModule(this.#setup.name);
    const guest = this.#parts.guest();
    const host = image.host as unknown as SavedHost;
    let from = 0;
    for (const [index, bytes] of host.memories.entries()) {
      const memory = guest.memories[index];
      if (memory === undefined) throw internalError('internal.state', `no memory ${index}`);
      restoreMemory(memory, image.memory.subarray(from, from + bytes));
      from += bytes;
    }
    for (const [name, global] of guest.globals) {
      const value = image.globals.get(name);
      if (value !== undefined) writeGlobal(global, value);
    }
    this.#setup.grants.restore(host.grants);
    this.#parts.restore(host.counts);
  }

  #export(): readonly LogicalState[] {
    const { name: operator, grants } = this.#setup;
    const rows = this.#attempt('handing over its state', (guest) => readState(guest.lifter.exportState()));
    const { metrics, timers } = grants.save();
    const { errors, restarts } = this.#parts.save();
    const figures = Object.entries(metrics).map(([name, value]) => [`metric.${name}`, value] as const);
    const counters = { errors, restarts, ...Object.fromEntries(figures) };
    const builder = new BatchBuilder(TIMERS_SCHEMA);
    for (const time of timers) {
      builder.columns[0]?.appendNumber(0);
      builder.columns[1]?.append(BigInt(time));
      builder.endRow();
    }
    return [
      { operator, kind: COMPONENT_STATE, ...rows, counters },
      { operator, kind: TIMERS_STATE, schema: TIMERS_SCHEMA, batches: [builder.finish()], counters: {} },
    ];
  }

  /** Timers are of no key: every part gets all of them. */
  #import(states: readonly LogicalState[], groups: KeyGroups): void {
    for (const { kind } of states) {
      if (kind !== COMPONENT_STATE && kind !== TIMERS_STATE) throw this.#mismatch(`it is of kind ${kind}`);
    }
    const own = states.filter(({ kind }) => kind === COMPONENT_STATE);
    const [first] = own;
    for (const { schema } of own) {
      if (first !== undefined && !sameLayout(schema, first.schema))
        throw this.#mismatch('its parts have other columns');
    }
    for (const [index, state] of own.entries()) {
      const messages = writeState(state, groups);
      const more = index < own.length - 1;
      this.#attempt('taking its state', (guest) => guest.lifter.importState(messages, more));
    }
    const { grants } = this.#setup;
    for (const { batches } of states.filter(({ kind }) => kind === TIMERS_STATE)) {
      for (const batch of batches) {
        const time = valueReader(batch, 1);
        for (let row = 0; row < batch.rows; row += 1) grants.setTimer(BigInt(time(row) as bigint));
      }
    }
    if (groups.first === 0) this.#count(own);
  }

  /** Counters go to the part that has the first key group, so that they are counted once. */
  #count(states: readonly LogicalState[]): void {
    const sums = { errors: 0, traps: 0, restarts: 0 };
    for (const { counters } of states) {
      sums.errors += counters.errors ?? 0;
      sums.restarts += counters.restarts ?? 0;
      for (const [name, value] of Object.entries(counters)) {
        if (name.startsWith('metric.')) this.#setup.grants.add(name.slice('metric.'.length), value);
      }
    }
    this.#parts.restore(sums);
  }

  #attempt<T>(doing: string, call: (guest: Guest) => T): T {
    const { who, grants } = this.#setup;
    try {
      return call(this.#parts.guest());
    } catch (error) {
      if (error instanceof GuestError) throw this.#mismatch(error.message, error);
      throw describeGuestError(error, who, doing, grants.lastError);
    }
  }

  #mismatch(why: string, cause?: Error): Error {
    return userError('state.mismatch', `the state of ${this.#setup.who} does not fit: ${why}`, {
      hint: 'restore the operator as it was, give the new one another name, or drop its state',
      cause,
    });
  }
}

/** One memory as it is; of several a copy, one behind the other. */
function bytesOf(memories: readonly WebAssembly.Memory[]): Uint8Array {
  const views = memories.map(({ buffer }) => new Uint8Array(buffer));
  return views.length === 1 && views[0] !== undefined ? views[0] : Buffer.concat(views);
}

/** Pooled memories may be larger than the one in the image: zeros are behind it. */
function restoreMemory(memory: WebAssembly.Memory, image: Uint8Array): void {
  const missing = image.length - memory.buffer.byteLength;
  if (missing > 0) memory.grow(missing / PAGE_BYTES);
  const target = new Uint8Array(memory.buffer);
  target.set(image);
  target.fill(0, image.length);
}

const float = new Float64Array(1);
const bits = new BigInt64Array(float.buffer);

/** Whole numbers as they are, others as the bits of a float64, which JSON could not carry all. */
function readGlobal(global: WebAssembly.Global): number | bigint {
  const value = global.value as number | bigint;
  if (typeof value === 'bigint') return value;
  if (Number.isInteger(value) && !Object.is(value, -0)) return value;
  float[0] = value;
  return bits[0] ?? 0n;
}

function writeGlobal(global: WebAssembly.Global, value: number | bigint): void {
  if (typeof value === 'bigint' && typeof global.value === 'number') {
    bits[0] = value;
    global.value = float[0] ?? 0;
  } else global.value = value;
}
