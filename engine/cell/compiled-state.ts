/** The state of a compiled cell: its image, for the same module, and its logical form, for any cell with these operators. */
import { createHash } from 'node:crypto';
import type { CellPlan } from '../compile/cell-plan.ts';
import { exportChain, importChain } from '../compile/state/chain-state.ts';
import { NO_GROUPS } from '../compile/state/group-rows.ts';
import { LATE_ROWS } from '../compile/support/assembly/control.ts';
import { userError } from '../errors.ts';
import type { Json } from '../json.ts';
import type { CellImage, LogicalState } from '../state/checkpoint/state.ts';
import type { CellState } from './cell.ts';
import type { Failures } from './compiled-failures.ts';
import { GroupLoader, MemoryGroups } from './compiled-groups.ts';
import { MemoryRoom, rangesOf, restoreMemory } from './compiled-image.ts';
import type { CompiledInput } from './compiled-input.ts';
import { memoryLimit, type RunningCode } from './compiled-module.ts';

/** What the host keeps for the cell between calls. */
export interface HostCounts {
  /** Of the input, so far. */
  rows: number;
  /** Microseconds; undefined before the first. */
  watermark: bigint | undefined;
  /** Groups put out before their time. */
  evicted: number;
}

export interface CompiledParts {
  readonly plan: CellPlan;
  readonly code: RunningCode;
  readonly input: CompiledInput;
  readonly failures: Failures;
  readonly host: HostCounts;
  readonly limit: number;
  /** Runs support functions and says in our words why they stopped, if they did. */
  guard(run: () => void): void;
  /** Of the code, microseconds: later than the host's where windows were closed before their time. */
  getWatermark(): bigint | undefined;
  setWatermark(time: bigint | undefined): void;
}

/** `CellImage.host` of a compiled cell. */
interface SavedHost {
  readonly rows: number;
  readonly watermark: string | null;
  readonly evicted: number;
  readonly errors: Readonly<Record<string, number>>;
  readonly blocks: readonly (readonly number[])[];
}

export class CompiledState implements CellState {
  readonly #parts: CompiledParts;
  #module: string | undefined;
  #room: MemoryRoom | undefined;

  constructor(parts: CompiledParts) {
    this.#parts = parts;
  }

  image(): CellImage {
    const { code, host, failures, input } = this.#parts;
    const saved = {
      rows: host.rows,
      watermark: host.watermark === undefined ? null : String(host.watermark),
      evicted: host.evicted,
      errors: Object.fromEntries(failures.counts),
      blocks: input.blocks(),
    } satisfies SavedHost;
    return {
      module: this.#digest(),
      memory: new Uint8Array(code.memory.buffer),
      ranges: rangesOf(
        code.generated,
        code.memory,
        saved.blocks.map(([, block, bytes]) => [block, block + bytes]),
      ),
      globals: new Map(),
      host: saved,
    };
  }

  imageRoom(module: string): MemoryRoom | undefined {
    if (module !== this.#digest()) return undefined;
    this.#room ??= new MemoryRoom(this.#parts.code.memory);
    return this.#room;
  }

  restoreImage(image: CellImage): void {
    const { plan, code, host, failures, input, limit } = this.#parts;
    if (image.module !== this.#digest()) throw foreignModule(plan.name);
    if (image.memory.length > limit) throw memoryLimit(plan.name, limit);
    restoreMemory(code.memory, image, this.#room);
    const saved = readHost(image.host);
    host.rows = saved.rows;
    host.evicted = saved.evicted;
    host.watermark = saved.watermark === null ? undefined : BigInt(saved.watermark);
    failures.restore(new Map(Object.entries(saved.errors)));
    input.restore(saved.blocks);
  }

  exportLogical(): readonly LogicalState[] {
    const { plan, code, host, failures, getWatermark } = this.#parts;
    const late = Number(new DataView(code.memory.buffer).getBigInt64(LATE_ROWS, true));
    const { aggregate } = code.generated;
    const watermark = getWatermark();
    return exportChain(plan, { ...host, watermark, late, errors: failures.counts }, () => {
      return aggregate === undefined ? NO_GROUPS : new MemoryGroups(code, aggregate);
    });
  }

  importLogical(states: readonly LogicalState[], groups: { readonly first: number; readonly last: number }): void {
    const { plan, code, host, failures, guard, setWatermark } = this.#parts;
    const { aggregate } = code.generated;
    const loader = aggregate === undefined ? undefined : new GroupLoader(code, aggregate);
    guard(() => {
      const counts = importChain(plan, states, groups, (row) => loader?.load(row));
      host.rows = counts.rows;
      host.watermark = counts.watermark;
      host.evicted = counts.evicted;
      failures.restore(counts.errors);
      new DataView(code.memory.buffer).setBigInt64(LATE_ROWS, BigInt(counts.late), true);
    });
    setWatermark(host.watermark);
  }

  #digest(): string {
    this.#module ??= this.#parts.code.modules
      .reduce((hash, bytes) => hash.update(bytes), createHash('sha256'))
      .digest('hex');
    return this.#module;
  }
}

function readHost(host: Json): SavedHost {
  return host as unknown as SavedHost;
}

export function foreignModule(cell: string): Error {
  return userError('state.foreign-module', `the image is of other code than cell ${cell} runs`, {
    hint: 'use the logical form of the state',
  });
}
