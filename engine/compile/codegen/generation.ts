/** One cell's code under generation: what the generators of its functions share. */

import type { Callee } from '../emit/function.ts';
import type { AggregateLayout } from './aggregate-layout.ts';
import type { ChainPlan } from './chain-plan.ts';
import type { CodeModule } from './code-module.ts';
import type { InputArea } from './input-area.ts';
import type { Port } from './ports.ts';
import type { Sites } from './sites.ts';

export interface Generation {
  readonly plan: ChainPlan;
  readonly code: CodeModule;
  /** By the index of the cell's output; none for `errors`, which the host fills. */
  readonly ports: readonly (Port | undefined)[];
  readonly sites: Sites;
  readonly input: InputArea;
  /** Address of the block's selected row numbers. */
  readonly selection: number;
  /** Address of the table that lists the positions of a byte's ones. */
  readonly positions: number;
  /** Whether functions put temporary results into the arena, which is then emptied for every row. */
  readonly usesArena: boolean;
  readonly aggregate: { readonly layout: AggregateLayout; readonly group: Callee } | undefined;
}

/** One of the two versions of the code for rows: for batches whose columns have no nulls, and for those that have. */
export interface Variant {
  readonly suffix: string;
  readonly nulls: boolean;
}
