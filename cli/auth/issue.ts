/** Issues everything that follows from the book: accounts, a user for each agent, leaf node and the command line, and the servers' files. */
import { createUser } from '@nats-io/nkeys';
import type { TaskName } from '../../engine/cluster/documents/task.ts';
import {
  adminPermissions,
  agentPermissions,
  anyApp,
  inboxOf,
  linkPermissions,
  merged,
  type Permissions,
  type SitePlace,
} from '../../engine/cluster/security/permissions.ts';
import {
  callerPermissions,
  taskCalling,
  taskLink,
  taskServing,
} from '../../engine/cluster/security/task-permissions.ts';
import { userError } from '../../engine/errors.ts';
import { type AuthDirectory, type Book, HUB, type Site } from './book.ts';
import { accountJwt, credentialsOf, operatorJwt, type UserDraft } from './identities.ts';
import { LONGEST_CREDENTIALS, writeServerFiles } from './server-files.ts';

const DAY = 86_400;

export function placeOf({ name, tier, domain }: Site): SitePlace {
  return { site: name, tier, domain, hub: HUB };
}

export function agentUser(site: string): string {
  return `agent-${site}`;
}

/** Of an agent that runs one app alone; names have no `_`. */
export function appUser(site: string, label: string): string {
  return `${agentUser(site)}_${label.replace('/', '_')}`;
}

/** Of whoever calls one task; names have no `_`. */
export function callerUser(label: string): string {
  return `caller-${label.replace('/', '_')}`;
}

/** Every credentials file anew; `only` of these users. Keys stay. `now` in milliseconds since the epoch. */
export async function issueUsers(directory: AuthDirectory, book: Book, now: number, only?: string): Promise<void> {
  const account = directory.key('account');
  const expires = book.days === undefined ? {} : { expires: Math.floor(now / 1_000) + book.days * DAY };
  for (const draft of usersOf(book)) {
    if (only !== undefined && draft.name !== only) continue;
    const text = await credentialsOf(directory.keyOr(draft.name, createUser), account, { ...draft, ...expires });
    if (text.length > LONGEST_CREDENTIALS) {
      throw userError('auth.too-many-subjects', `${draft.name} would need more subjects than credentials can hold`, {
        hint: 'give apps agents of their own (--app), or init with --any-app',
      });
    }
    directory.put(`creds/${draft.name}.creds`, text);
  }
  const system = directory.keyOr('system-user', createUser);
  directory.put('creds/system.creds', await credentialsOf(system, directory.key('system'), { name: 'system' }));
}

/** Names of all users that there are. */
export function userNames(book: Book): readonly string[] {
  return usersOf(book).map(({ name }) => name);
}

function usersOf(book: Book): readonly UserDraft[] {
  const agents = book.sites.flatMap((site) => [siteUser(book, site), ...(book.perApp ? appUsers(book, site) : [])]);
  const links = book.sites.filter(({ tier }) => tier === 'edge').map((site) => linkUser(book, site));
  return [{ name: 'admin', permissions: adminPermissions('admin') }, ...agents, ...links, ...callers(book)];
}

function callers({ tasks = {} }: Book): readonly UserDraft[] {
  return Object.keys(tasks).map((label) => {
    const name = callerUser(label);
    return { name, permissions: callerPermissions(taskOf(label), name) };
  });
}

/** Labels of the tasks that agents of a site may serve. */
function servedAt({ tasks = {} }: Book, { name }: Site): readonly string[] {
  return Object.entries(tasks).flatMap(([label, sites]) => (sites.includes(name) ? [label] : []));
}

function taskOf(label: string): TaskName {
  const [namespace = '', task = ''] = label.split('/');
  return { namespace, task };
}

function siteUser(book: Book, site: Site): UserDraft {
  const name = agentUser(site.name);
  const place = placeOf(site);
  const apps = Object.entries(book.apps);
  const shares = apps.flatMap(([, bySite]) => bySite[site.name] ?? []);
  const rights = book.anyApp ? [anyApp(place)] : shares;
  const tasks = servedAt(book, site);
  const serving = tasks.map((label) => taskServing(taskOf(label), place));
  const hosted = apps.filter(([, bySite]) => site.name in bySite).map(([label]) => label);
  return {
    name,
    answers: true,
    permissions: merged([agentPermissions(place, name), ...rights, ...serving]),
    ...(book.anyApp ? {} : { tags: tagsOf(hosted, tasks) }),
  };
}

function appUsers(book: Book, site: Site): readonly UserDraft[] {
  return Object.entries(book.apps).flatMap(([label, bySite]) => {
    const share = bySite[site.name];
    if (share === undefined) return [];
    const name = appUser(site.name, label);
    const permissions = merged([agentPermissions(placeOf(site), name), share]);
    return [{ name, answers: true, permissions, tags: tagsOf([label]) }];
  });
}

/** By these an agent knows which apps and tasks it may look for. */
function tagsOf(apps: readonly string[], tasks: readonly string[] = []): readonly string[] {
  return ['apps', ...apps.map((label) => `app:${label}`), ...tasks.map((label) => `task:${label}`)];
}

/** What passes between the leaf node of a site and the central server. */
function linkUser(book: Book, site: Site): UserDraft {
  const users = [siteUser(book, site), ...(book.perApp ? appUsers(book, site) : [])];
  // who may call a task may do so at any site
  const called = Object.keys(book.tasks ?? {}).map((label) => taskCalling(taskOf(label)));
  const served = servedAt(book, site).map((label) => taskLink(taskOf(label)));
  const own = users.flatMap(({ permissions }) => permissions ?? []);
  const rights: Permissions = merged([...own, ...called, ...served]);
  const inboxes = [...users, ...callers(book)].map(({ name }) => `${inboxOf(name)}.>`);
  return {
    name: `leaf-${site.name}`,
    link: true,
    permissions: linkPermissions(rights, placeOf(site), inboxes, book.shared),
  };
}

/** The servers' files with what they are to trust. */
export async function issueServers(directory: AuthDirectory, book: Book): Promise<void> {
  const [operator, account, system] = ['operator', 'account', 'system'].map((name) => directory.key(name));
  if (operator === undefined || account === undefined || system === undefined) throw new TypeError('three keys');
  const { revocations } = book;
  const continuum = await accountJwt(account, operator, { name: 'continuum', jetstream: true, revocations });
  const own = await accountJwt(system, operator, { name: 'system', jetstream: false });
  writeServerFiles(directory, book, {
    operator: await operatorJwt(operator, system),
    accounts: new Map([
      [account.getPublicKey(), continuum],
      [system.getPublicKey(), own],
    ]),
    account: account.getPublicKey(),
    system: system.getPublicKey(),
  });
}
