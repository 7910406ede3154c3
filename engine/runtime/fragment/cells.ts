/** Opens the cells of a fragment, and puts back what a checkpoint, or a fragment before it, has of their state. Failures go to the control. */
import type { Cell } from '../../cell/cell.ts';
import type { CellPlan } from '../../compile/cell-plan.ts';
import type { FragmentPlan } from '../../compile/fragment-plan.ts';
import { userError } from '../../errors.ts';
import type { Step } from '../../graph/plan.ts';
import { resolveSecrets, type SecretLookup } from '../../graph/secrets.ts';
import { type Restored, restoreCell } from '../checkpoint/restore.ts';
import type { Control } from '../control.ts';
import { CellNode } from '../node/cell-node.ts';
import { type RuntimeOptions, secretsOf } from '../options.ts';

export class Cells {
  readonly #plan: FragmentPlan;
  readonly #runtime: RuntimeOptions;
  readonly #control: Control;
  /** The fragment is cut for checkpoints. */
  readonly #checkpointed: boolean;

  constructor(plan: FragmentPlan, runtime: RuntimeOptions, control: Control, checkpointed: boolean) {
    this.#plan = plan;
    this.#runtime = runtime;
    this.#control = control;
    this.#checkpointed = checkpointed;
  }

  /** Those of these plans that could be, by name. */
  async open(plans: readonly CellPlan[]): Promise<ReadonlyMap<string, Cell>> {
    const cells = new Map<string, Cell>();
    for (const plan of plans) {
      try {
        const cell = this.#runtime.openCell(withSecrets(plan, secretsOf(this.#runtime)));
        cells.set(plan.name, cell instanceof Promise ? await cell : cell);
      } catch (error) {
        this.#control.failNode('cell', plan.name, error);
      }
    }
    return cells;
  }

  /** All of the fragment's; none once the run has failed. */
  async restored(cells: ReadonlyMap<string, Cell>, restored: Restored | undefined): Promise<readonly CellNode[]> {
    const nodes: CellNode[] = [];
    for (const plan of this.#plan.cells) {
      const cell = cells.get(plan.name);
      if (cell === undefined || this.#control.failure !== undefined) return [];
      try {
        nodes.push(await this.restoredCell(plan, cell, restored));
      } catch (error) {
        this.#control.failNode('cell', plan.name, error);
      }
    }
    return nodes;
  }

  async restoredCell(plan: CellPlan, cell: Cell, restored: Restored | undefined): Promise<CellNode> {
    this.refuseStateless(plan, cell);
    const node = new CellNode(plan, cell, this.#control);
    if (restored === undefined) return node;
    const { watermark, ended } = await restoreCell(restored, this.#plan, { plan, cell }, this.#runtime.openCell);
    node.restored(watermark, ended);
    return node;
  }

  /** Throws `checkpoint.no-state` where the fragment is cut and the cell's state cannot be taken. */
  refuseStateless(plan: CellPlan, cell: Cell): void {
    if (this.#checkpointed && cell.state === undefined) throw noState(plan, cell);
  }

  close(cells: ReadonlyMap<string, Cell>): void {
    for (const [name, cell] of cells) {
      try {
        cell.close();
      } catch (error) {
        this.#control.failNode('cell', name, error);
      }
    }
  }
}

/** The plan with the secrets in the configuration of its component, if it is one. */
function withSecrets(plan: CellPlan, lookup: SecretLookup): CellPlan {
  if (plan.kind !== 'component') return plan;
  const resolved = (step: Step): Step =>
    step.kind === 'component' ? { ...step, config: resolveSecrets(step.config, lookup) as typeof step.config } : step;
  return {
    ...plan,
    operators: plan.operators.map((operator) => ({ ...operator, steps: operator.steps.map(resolved) })),
  };
}

function noState({ name }: CellPlan, { noState: why }: Cell): Error {
  const hint = 'leave `checkpoint` out of the graph, or use an operator whose state can be taken';
  return userError(
    'checkpoint.no-state',
    `the state of ${name} cannot be taken, so that no checkpoint can be${why === undefined ? '' : `: ${why}`}`,
    {
      hint,
    },
  );
}
