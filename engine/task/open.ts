/** Opens a task of a checked graph: plans and compiles it, and puts a pool in front. */
import type { LogicalPlan } from '../graph/plan.ts';
import type { Ports } from '../ports.ts';
import { LocalRunner } from './local-runner.ts';
import { planTask, type TaskPlan } from './task-plan.ts';
import { type Runner, TaskPool } from './task-pool.ts';
import { TaskProgram } from './task-program.ts';
import { WorkerRunner } from './worker-runner.ts';

export interface TaskLimits {
  /** Worker threads that run calls; 0, unless given: the calling thread does. */
  readonly workers?: number;
  /** Calls that may wait; 256 unless given. */
  readonly queueCalls?: number;
  /** Bytes of input that may wait, and that one call may bring; 64 MiB unless given. */
  readonly queueBytes?: number;
  /** Milliseconds that a call may take, the waiting included, where it does not say so itself; 10,000 unless given. */
  readonly deadline?: number;
  /** Bytes that each cell of a call may take, and all rows that it yields; 64 MiB unless given. */
  readonly memoryBytes?: number;
}

export interface OpenedTask {
  readonly plan: TaskPlan;
  readonly pool: TaskPool;
}

const MEBIBYTE = 1_048_576;

/** `directory`: where relative paths of components count from. Errors as those of `planTask`, and of the cells' preparation. */
export async function openPool(
  graph: LogicalPlan,
  options: TaskLimits & { readonly operator?: string; readonly directory: string; readonly ports: Ports },
): Promise<OpenedTask> {
  const { workers = 0, ports, directory, deadline = 10_000, memoryBytes = 64 * MEBIBYTE } = options;
  const plan = planTask(graph, options.operator);
  const setup = { plan, directory, deadline, memoryBytes };
  const runners = workers === 0 ? [await localRunner(plan, { ...setup, ports })] : await threads(workers, setup, ports);
  const { queueCalls = 256, queueBytes = 64 * MEBIBYTE } = options;
  return { plan, pool: new TaskPool({ ports, name: plan.operator, runners, queueCalls, queueBytes, deadline }) };
}

async function localRunner(
  plan: TaskPlan,
  options: Parameters<typeof TaskProgram.prepare>[1] & { readonly ports: Ports },
) {
  const { poolFigures } = await import('../cell/pools.ts');
  return new LocalRunner(await TaskProgram.prepare(plan, options), options.ports, poolFigures);
}

async function threads(
  count: number,
  setup: ConstructorParameters<typeof WorkerRunner>[0],
  ports: Ports,
): Promise<Runner[]> {
  const runners = Array.from({ length: count }, () => new WorkerRunner(setup, ports));
  try {
    await Promise.all(runners.map((runner) => runner.ready()));
  } catch (error) {
    await Promise.all(runners.map((runner) => runner.close()));
    throw error;
  }
  return runners;
}
