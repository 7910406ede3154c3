/**
 * Whose a task is. Agents decide it alone, of what they hear anyway: of each site those that fit, ranked by the task's name and theirs, so that
 * another one follows where one is lost, and tasks are spread. Pure.
 */
import { type AgentName, agentLabel, sameAgent } from '../documents/names.ts';
import { type TaskDocument, taskLabel } from '../documents/task.ts';
import { digestOf } from '../plans/plans.ts';

export interface Candidate extends AgentName {
  readonly tier: 'edge' | 'cloud';
  readonly labels: readonly string[];
}

export function fits(
  { wanted, placement }: Pick<TaskDocument, 'wanted' | 'placement'>,
  { site, tier, labels }: Candidate,
): boolean {
  if (wanted !== 'served') return false;
  if (placement.site !== undefined && placement.site !== site) return false;
  if (placement.tier !== undefined && placement.tier !== tier) return false;
  return (placement.labels ?? []).every((label) => labels.includes(label));
}

/** `others`: agents that are there, of this site or of any. */
export function isMine(document: TaskDocument, me: Candidate, others: Iterable<Candidate>): boolean {
  if (!fits(document, me)) return false;
  const { replicas } = document.placement;
  if (replicas === undefined) return true;
  const rank = (agent: AgentName): string =>
    digestOf(new TextEncoder().encode(`${taskLabel(document)} ${agentLabel(agent)}`));
  const mine = rank(me);
  let before = 0;
  for (const other of others) {
    if (other.site !== me.site || sameAgent(other, me) || !fits(document, other)) continue;
    if (rank(other) < mine) before += 1;
  }
  return before < replicas;
}
