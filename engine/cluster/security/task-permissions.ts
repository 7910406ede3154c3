/** Which subjects those need who serve a task, and those who call it: its own, and what NATS's micro-services are asked by. Pure, as `permissions.ts` is. */
import { serviceName, taskSubject } from '../../task/service.ts';
import { siteKey } from '../documents/names.ts';
import { type TaskName, taskKey } from '../documents/task.ts';
import { inboxOf, merged, type Permissions, readsDocuments, type SitePlace } from './permissions.ts';

/** Agents of a site: the document of the task and of their site, and calls; answers are permitted apart. */
export function taskServing(task: TaskName, place: SitePlace): Permissions {
  const service = serviceName(task.namespace, task.task);
  const asked = ['PING', 'INFO', 'STATS'].flatMap((verb) => [
    `$SRV.${verb}`,
    `$SRV.${verb}.${service}`,
    `$SRV.${verb}.${service}.*`,
  ]);
  const heard = { publish: [], subscribe: [taskSubject(task.namespace, task.task), ...asked] };
  return merged([heard, readsDocuments(place, [taskKey(task), siteKey(place.site)])]);
}

/**
 * The link of a site that serves it. A leaf node matches subject and queue group as one word (nats-server 2.9: `scoring q`), so that only a wildcard lets the
 * interest of a group pass: a link is told apart by namespace, its agents by task.
 */
export function taskLink({ namespace }: TaskName): Permissions {
  return { publish: [], subscribe: [taskSubject(namespace, '*')] };
}

/** Whoever calls it, at any site. */
export function taskCalling({ namespace, task }: TaskName): Permissions {
  const service = serviceName(namespace, task);
  const asked = ['PING', 'INFO', 'STATS'].flatMap((verb) => [`$SRV.${verb}.${service}`, `$SRV.${verb}.${service}.*`]);
  return { publish: [taskSubject(namespace, task), ...asked], subscribe: [] };
}

/** A user that calls one task and does nothing else. */
export function callerPermissions(task: TaskName, user: string): Permissions {
  return merged([taskCalling(task), { publish: [], subscribe: [`${inboxOf(user)}.>`] }]);
}
