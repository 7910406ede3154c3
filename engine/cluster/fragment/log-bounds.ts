/** How much the logs of fragments may take, of which the disk knows only what they do. */
import type { FragmentPlan } from '../../compile/fragment-plan.ts';
import { defined } from '../../defined.ts';
import { JOURNAL_BYTES } from '../../state/log/journals.ts';
import type { DiskUse, LogUse } from '../documents/disk-use.ts';
import { appLabel } from '../documents/names.ts';

/** `plans`: of the fragments that run here. */
export function withBounds(use: DiskUse, plans: Iterable<FragmentPlan>): DiskUse {
  const bounds = new Map<string, number>();
  for (const plan of plans) {
    const label = appLabel(plan);
    for (const { name } of plan.sources) bounds.set(`journal ${label}/${name}`, JOURNAL_BYTES);
    for (const { id, maxBytes } of plan.outlets.flatMap(({ channels }) => channels))
      bounds.set(`channel ${label}/${id}`, maxBytes);
  }
  const logs = use.logs.map((log): LogUse => {
    return { ...log, ...defined({ maxBytes: bounds.get(`${log.kind} ${appLabel(log)}/${log.name}`) }) };
  });
  return { ...use, logs };
}
