/**
 * What an agent asks of a task before it serves it: that a trusted key signed its plan, where it trusts some only, and that no operator of it is bound to another
 * tier. Which operator, name and bounds the document gives is not signed: whoever writes documents can have what was signed served, and nothing else.
 */
import { userError } from '../../errors.ts';
import type { LogicalPlan } from '../../graph/plan.ts';
import { stayBounds, stayProof } from '../../graph/stays.ts';
import { type TaskName, taskLabel } from '../documents/task.ts';
import { mustBeSigned, type Signatures } from './trust.ts';

export interface TaskHere {
  readonly task: TaskName;
  readonly tier: 'edge' | 'cloud';
  readonly trusted?: readonly string[];
}

/** Rejects with `cluster.untrusted`, `cluster.bad-plan`, `placement.stays`. */
export async function checkTask(plan: LogicalPlan, here: TaskHere, signatures: Signatures): Promise<void> {
  const { task, tier, trusted } = here;
  if (plan.namespace !== task.namespace) {
    const message = `the plan of task ${taskLabel(task)} is of namespace ${plan.namespace}`;
    throw userError('cluster.bad-plan', message, { hint: 'cloudskin task deploy again' });
  }
  if (trusted !== undefined) await mustBeSigned(plan, trusted, signatures);
  for (const bounds of stayBounds(plan).nodes.values()) {
    const stray = bounds.find((bound) => bound.tier !== tier);
    if (stray === undefined) continue;
    throw userError('placement.stays', `${stayProof(stray)}, and task ${taskLabel(task)} is to run in tier ${tier}`, {
      hint: `deploy it with --tier ${stray.tier}`,
    });
  }
}
