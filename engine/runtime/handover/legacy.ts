/**
 * What a fragment leaves at the cut of a handover: its live parts, each for the one that takes it, its state as the cut took it, and what sinks
 * had prepared by then. Nothing of it is called until it is taken; what nobody takes the fragment closes with itself.
 */
import type { FragmentPlan } from '../../compile/fragment-plan.ts';
import { internalError } from '../../errors.ts';
import type { FragmentSnapshot, LogicalState } from '../../state/checkpoint/state.ts';
import type { Cut } from '../fragment/cuts.ts';
import { NO_PARTS, type Parts } from '../fragment/wiring.ts';
import type { CellNode } from '../node/cell-node.ts';
import type { SinkNode } from '../node/sink-node.ts';
import type { SourceNode } from '../source/source-node.ts';

export interface LegacyOptions {
  readonly parts: Parts;
  readonly checkpoint: number;
  /** Views of the cells' state, valid until one is called: one that is carried is not called any more. */
  readonly snapshot: FragmentSnapshot;
  /** By checkpoint, cuts that may still be committed. */
  readonly cuts: ReadonlyMap<number, Cut>;
  /** When the fragment was cut, in milliseconds of the clock that never goes back. */
  readonly leftAt: number;
}

export class Legacy {
  readonly plan: FragmentPlan;
  readonly options: LegacyOptions;
  readonly #sources: Map<string, SourceNode>;
  readonly #sinks: Map<string, SinkNode>;
  readonly #cells: Map<string, CellNode>;
  /** Whether it is taken or not. */
  readonly #all: ReadonlyMap<string, CellNode>;
  readonly #exported = new Map<string, readonly LogicalState[] | undefined>();

  constructor(plan: FragmentPlan, options: LegacyOptions) {
    this.plan = plan;
    this.options = options;
    const { sources, sinks, cells } = options.parts;
    this.#sources = new Map(sources.map((node) => [node.plan.name, node]));
    this.#sinks = new Map(sinks.map((node) => [node.plan.name, node]));
    this.#cells = new Map(cells.map((node) => [node.plan.name, node]));
    this.#all = new Map(this.#cells);
  }

  /**
   * The logical form of a cell that is carried, whoever of those that share it asks: from the very cell, which is there already, while opening another one for its image
   * would take its time while rows are held up. Undefined where the cell has none. Valid as long as the fragment that left it.
   */
  exported(cell: string): readonly LogicalState[] | undefined {
    if (!this.#exported.has(cell)) this.#exported.set(cell, this.#all.get(cell)?.exported());
    return this.#exported.get(cell);
  }

  /** Once; throws `handover.taken` where it is not there (any more). So do the others. */
  takeSource(name: string): SourceNode {
    return take(this.#sources, name);
  }

  takeSink(name: string): SinkNode {
    return take(this.#sinks, name);
  }

  takeCell(name: string): CellNode {
    return take(this.#cells, name);
  }

  /** What nobody has taken. */
  get rest(): Parts {
    const [sources, sinks, cells] = [this.#sources, this.#sinks, this.#cells].map((all) => [...all.values()]) as [
      SourceNode[],
      SinkNode[],
      CellNode[],
    ];
    return { ...NO_PARTS, sources, sinks, cells };
  }
}

function take<Node>(all: Map<string, Node>, name: string): Node {
  const found = all.get(name);
  if (found === undefined) throw internalError('handover.taken', `${name} is not there to be taken over`);
  all.delete(name);
  return found;
}
