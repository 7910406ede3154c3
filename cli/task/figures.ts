/** What agents say of a task. */
import { agentLabel } from '../../engine/cluster/documents/names.ts';
import type { AgentStatus } from '../../engine/cluster/documents/status.ts';
import { type TaskFigures, type TaskName, taskLabel } from '../../engine/cluster/documents/task.ts';

export interface AgentTask {
  /** `site/agent`. */
  readonly agent: string;
  readonly figures: TaskFigures;
}

export function figuresOf(statuses: readonly AgentStatus[], name: TaskName): readonly AgentTask[] {
  return statuses.flatMap((status) =>
    (status.tasks ?? [])
      .filter((figures) => taskLabel(figures) === taskLabel(name))
      .map((figures) => ({ agent: agentLabel(status), figures })),
  );
}
