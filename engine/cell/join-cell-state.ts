/** The state of a join cell: its image, for the same module, and its logical form, for any cell that joins the same. */
import { createHash } from 'node:crypto';
import type { Schema, Value } from '../batch/types.ts';
import { firstSlot, type GeneratedJoin } from '../compile/codegen/join.ts';
import { importJoin } from '../compile/state/join-chain.ts';
import {
  JOIN_STATE,
  type JoinRow,
  joinMeaning,
  joinSchema,
  readJoinRows,
  writeJoinRows,
} from '../compile/state/join-state.ts';
import { CONTROL_END, HEAP, LATE_ROWS, PANE_COUNT } from '../compile/support/assembly/control.ts';
import {
  BLOCK_HEAD,
  BLOCK_NEXT,
  BLOCK_TOP,
  JOIN_BODY,
  JOIN_HEAD,
  JOINED_NULLS,
  JOINED_SIZE,
  JPANE_END,
  JPANE_FIRST,
  JPANE_SIDE,
} from '../compile/support/assembly/join-layout.ts';
import { defined } from '../defined.ts';
import type { JoinStep, OperatorNode } from '../graph/plan.ts';
import type { CellImage, LogicalState } from '../state/checkpoint/state.ts';
import type { CellState } from './cell.ts';
import { MemoryRoom, type Range, rangesOf, restoreMemory } from './compiled-image.ts';
import { memoryLimit } from './compiled-module.ts';
import { foreignModule } from './compiled-state.ts';

/** What the host keeps for the cell between calls. */
export interface JoinHost {
  /** Of both inputs, so far. */
  rows: number;
  errors: number;
  /** Microseconds; undefined before the first. */
  watermark: bigint | undefined;
  /** Bytes of the block that batches are copied to. */
  capacity: number;
}

export interface JoinParts {
  readonly operator: OperatorNode;
  readonly step: JoinStep;
  readonly generated: GeneratedJoin;
  readonly memory: WebAssembly.Memory;
  /** The code that runs, support module first. */
  readonly modules: readonly Uint8Array[];
  readonly host: JoinHost;
  /** Bytes that the memory may grow to. */
  readonly limit: number;
  /** Takes rows in, in this order; none is late. */
  take(rows: readonly JoinRow[]): void;
}

/** `CellImage.host` of a join cell. */
interface SavedHost {
  readonly rows: number;
  readonly errors: number;
  readonly watermark: string | null;
  readonly capacity: number;
}

const decoder = new TextDecoder('utf-8', { ignoreBOM: true });

export class JoinState implements CellState {
  readonly #parts: JoinParts;
  #module: string | undefined;
  #room: MemoryRoom | undefined;

  constructor(parts: JoinParts) {
    this.#parts = parts;
  }

  image(): CellImage {
    const { memory, host } = this.#parts;
    const watermark = host.watermark === undefined ? null : String(host.watermark);
    const saved = { rows: host.rows, errors: host.errors, watermark, capacity: host.capacity } satisfies SavedHost;
    const bytes = new Uint8Array(memory.buffer);
    return { module: this.#digest(), memory: bytes, ranges: this.#ranges(), globals: new Map(), host: saved };
  }

  imageRoom(module: string): MemoryRoom | undefined {
    if (module !== this.#digest()) return undefined;
    this.#room ??= new MemoryRoom(this.#parts.memory);
    return this.#room;
  }

  restoreImage(image: CellImage): void {
    const { operator, memory, host, limit } = this.#parts;
    if (image.module !== this.#digest()) throw foreignModule(operator.name);
    if (image.memory.length > limit) throw memoryLimit(operator.name, limit);
    restoreMemory(memory, image, this.#room);
    const saved = image.host as unknown as SavedHost;
    host.rows = saved.rows;
    host.errors = saved.errors;
    host.capacity = saved.capacity;
    host.watermark = saved.watermark === null ? undefined : BigInt(saved.watermark);
  }

  exportLogical(): readonly LogicalState[] {
    const { operator, step, memory, host } = this.#parts;
    const late = Number(new DataView(memory.buffer).getBigInt64(LATE_ROWS, true));
    const counters = { rows: host.rows, late, errors: host.errors };
    const batches = writeJoinRows(step, [...joinRows(this.#parts)]);
    const state = { operator: operator.name, kind: JOIN_STATE, schema: joinSchema(step), batches, counters };
    return [{ ...state, ...defined({ watermark: host.watermark }) }];
  }

  importLogical(states: readonly LogicalState[], groups: { readonly first: number; readonly last: number }): void {
    const { operator, step, memory, host, take } = this.#parts;
    const { watermark, counts } = importJoin(operator, step, states, groups);
    const batches = states.flatMap((state) => state.batches);
    take(readJoinRows(step, batches, groups));
    host.rows = counts.rows;
    host.errors = counts.errors;
    host.watermark = watermark;
    new DataView(memory.buffer).setBigInt64(LATE_ROWS, BigInt(counts.late), true);
  }

  /** All but the batch taken last, what is put out, and what was never used. */
  #ranges(): Range[] {
    const { generated, memory, host } = this.#parts;
    const { join, port, heap } = generated;
    const body = new DataView(memory.buffer).getUint32(join + JOIN_BODY, true);
    const [control = [0, CONTROL_END], ...rest] = rangesOf({ ports: [port], heap }, memory, [
      [body, body + host.capacity],
    ]);
    return [control, [join, join + JOIN_HEAD], ...rest];
  }

  /** Of the code and of what its rows are: the module has neither names of columns nor how keys were computed. */
  #digest(): string {
    const { modules, step } = this.#parts;
    this.#module ??= modules
      .reduce((hash, bytes) => hash.update(bytes), createHash('sha256'))
      .update(joinMeaning(step))
      .digest('hex');
    return this.#module;
  }
}

/** What the memory keeps, by window (in no order), side and position. */
export function* joinRows({ step, memory }: Pick<JoinParts, 'step' | 'memory'>): Generator<JoinRow> {
  const view = new DataView(memory.buffer);
  const word = (at: number): number => view.getUint32(at, true);
  for (let index = 0; index < word(PANE_COUNT); index += 1) {
    const pane = word(word(HEAP) + index * 4);
    const end = view.getBigInt64(pane + JPANE_END, true);
    for (const side of [0, 1] as const) {
      const { input } = step.sides[side];
      let position = 0;
      for (let block = word(pane + side * JPANE_SIDE + JPANE_FIRST); block !== 0; block = word(block + BLOCK_NEXT)) {
        const top = word(block + BLOCK_TOP);
        for (let record = block + BLOCK_HEAD; record < top; record += word(record + JOINED_SIZE)) {
          yield { side, end, position, values: valuesOf(view, record, input) };
          position += 1;
        }
      }
    }
  }
}

function valuesOf(view: DataView, record: number, input: Schema): Value[] {
  const slots = record + firstSlot(input);
  return input.fields.map(({ type }, column): Value => {
    const slot = slots + column * 8;
    if (((view.getUint8(record + JOINED_NULLS + (column >> 3)) >> (column & 7)) & 1) === 1) return null;
    switch (type.kind) {
      case 'bool':
        return view.getUint32(slot, true) !== 0;
      case 'int32':
      case 'date32':
        return view.getInt32(slot, true);
      case 'float32':
        return view.getFloat32(slot, true);
      case 'float64':
        return view.getFloat64(slot, true);
      case 'utf8':
      case 'binary': {
        const bytes = new Uint8Array(view.buffer, record + view.getUint32(slot, true), view.getUint32(slot + 4, true));
        return type.kind === 'utf8' ? decoder.decode(bytes) : bytes.slice();
      }
      default:
        return view.getBigInt64(slot, true);
    }
  });
}
