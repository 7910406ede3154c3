/** Opens a cell of a physical plan: compiled, by the kernels, or a component. Each kind is loaded when it is first needed. */
import type { CellPlan } from '../compile/cell-plan.ts';
import type { Cell } from './cell.ts';
import type { CompiledCellOptions } from './compiled.ts';
import type { ComponentOptions } from './component.ts';

export interface OpenCellOptions extends CompiledCellOptions, Partial<ComponentOptions> {
  /** How chains of declared operators run; `kernels` needs no code generation and is slower. `compiled` unless given. */
  readonly execution?: 'compiled' | 'kernels';
}

export async function openCell(plan: CellPlan, options: OpenCellOptions = {}): Promise<Cell> {
  if (plan.kind === 'component') {
    const { openComponentCell } = await import('./component.ts');
    return openComponentCell(plan, { now: Date.now, ...options });
  }
  if (plan.kind === 'join') {
    if (options.execution === 'kernels') return (await import('../compile/kernels/join.ts')).openJoinKernel(plan);
    return (await import('./join.ts')).openJoinCell(plan, options);
  }
  if (options.execution === 'kernels') {
    const { openKernelCell } = await import('../compile/kernels/chain.ts');
    return openKernelCell(plan);
  }
  const { openCompiledCell } = await import('./compiled.ts');
  return openCompiledCell(plan, options);
}

/** As `openCell`, for many cells of one plan: what takes time is done once, and what is returned opens a cell at once. */
export async function prepareCell(plan: CellPlan, options: OpenCellOptions = {}): Promise<() => Cell> {
  if (plan.kind === 'component') {
    const { prepareComponentCell } = await import('./component.ts');
    return prepareComponentCell(plan, { now: Date.now, ...options });
  }
  if (plan.kind === 'join') return (await import('./join.ts')).prepareJoinCell(plan, options);
  const { prepareCompiledCell } = await import('./compiled.ts');
  return prepareCompiledCell(plan, options);
}
