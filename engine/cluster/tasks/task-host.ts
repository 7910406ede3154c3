/** What an agent serves tasks with; handed in, because formats, files and connections are not the engine's. */
import type { LogicalPlan } from '../../graph/plan.ts';
import type { TaskStats } from '../../task/task-pool.ts';
import type { TaskBounds, TaskName } from '../documents/task.ts';

export interface ServeRequest extends TaskName {
  /** Components are named by files. */
  readonly plan: LogicalPlan;
  readonly operator: string;
  readonly bounds: TaskBounds;
  /** Called where it is served no more though nobody closed it. */
  readonly lost: (error: Error) => void;
}

export interface ServedTask {
  stats(): TaskStats;
  /** Takes no more calls, answers those that it has, and lets go. */
  close(): Promise<void>;
}

export interface TaskHost {
  /** Components by digest, as files. */
  provide(digests: readonly string[], fetch: (digest: string) => Promise<Uint8Array>): Promise<void>;
  fileOf(digest: string): string;
  /** Resolves when calls are heard. Rejects as `openPool` and NATS do. */
  serve(request: ServeRequest): Promise<ServedTask>;
}
