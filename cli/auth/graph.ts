/** `cloudskin auth graph` and `revoke`: changes who may do what, and writes anew the credentials and servers' files that follow from it. */
import { createUser } from '@nats-io/nkeys';
import { appLabel } from '../../engine/cluster/documents/names.ts';
import { merged, movableShare, type Permissions, permissionsOf } from '../../engine/cluster/security/permissions.ts';
import { type AgentInfo, assign, distribute } from '../../engine/compile/distribute.ts';
import { userError } from '../../engine/errors.ts';
import { suggest } from '../../engine/graph/suggest.ts';
import type { Parameters } from '../command.ts';
import { plural } from '../output/figures.ts';
import type { Terminal } from '../output/terminal.ts';
import { loadGraph } from '../run/load.ts';
import { AuthDirectory, type Book, HUB, type Site } from './book.ts';
import { agentUser, issueServers, issueUsers, placeOf, userNames } from './issue.ts';

export interface GraphFlags {
  readonly dir: string;
  readonly param: Parameters;
  readonly namespace?: string;
  readonly agents: readonly string[];
  /** Sites to which cells may be moved. */
  readonly movable: readonly string[];
  readonly workers: string;
  readonly remove?: boolean;
}

/** What was let in before stays as it was until it connects again. */
export const RESTART = 'restart the leaf nodes and agents that are running';

export async function authGraph(graph: string, flags: GraphFlags, terminal: Terminal): Promise<void> {
  const directory = new AuthDirectory(flags.dir);
  const book = directory.read();
  const { plan } = await loadGraph(graph, flags.param, terminal, { warn: true });
  const logical = { ...plan.logical, namespace: flags.namespace ?? plan.logical.namespace };
  const label = appLabel({ namespace: logical.namespace, app: logical.name });
  const { [label]: _, ...others } = book.apps;
  if (flags.remove === true) {
    await reissue(directory, { ...book, apps: others });
    return terminal.out(`${label}: taken back; bring the new credentials to the sites, and ${RESTART}\n`);
  }
  const agents = book.sites.flatMap((site) => agentsOf(site, flags));
  const distributed = distribute(logical, assign(logical, agents), { revision: 1 });
  const hosts = new Set(distributed.fragments.map(({ host }) => host.site));
  const movable = flags.movable.map((name) => siteOf(book, name).name);
  const hosting = book.sites.filter(({ name, tier }) => tier === 'cloud' || hosts.has(name) || movable.includes(name));
  const domainOf = (site: string): string => book.sites.find(({ name }) => name === site)?.domain ?? HUB;
  const between = hosting.map(({ name }) => name);
  const shares = hosting.map((site): [string, Permissions] => {
    const own = permissionsOf(distributed, placeOf(site), domainOf);
    if (movable.length === 0) return [site.name, own];
    return [site.name, merged([own, movableShare(distributed, placeOf(site), domainOf, between)])];
  });
  await reissue(directory, { ...book, apps: { ...others, [label]: Object.fromEntries(shares) } });
  const lines = shares.map(
    ([site, { publish, subscribe }]) =>
      `  ${agentUser(site)}: ${plural(publish.length, 'subject')} to publish, ${subscribe.length} to subscribe`,
  );
  const where = `issued anew in ${directory.path}/creds: bring them to the sites, and ${RESTART}`;
  await terminal.out(`${label}:\n${lines.join('\n')}\n${where}\n`);
}

function siteOf({ sites }: Book, name: string): Site {
  const found = sites.find((site) => site.name === name);
  if (found !== undefined) return found;
  const near = suggest(
    name,
    sites.map((site) => site.name),
  );
  const hint = near === undefined ? 'auth init names the sites' : `did you mean ${near}?`;
  throw userError('auth.no-site', `--movable ${name}: there is no such site`, { hint });
}

/** `plant=2`: agents of a site; labels are not known here, so that placement by labels needs them: `plant=2:gpu,rack=7`. */
function agentsOf({ name, tier }: Site, { agents, workers }: GraphFlags): readonly AgentInfo[] {
  const given = agents.find((text) => text.split('=')[0] === name)?.slice(name.length + 1);
  const [count = '1', labels = ''] = given?.split(':') ?? [];
  if (!/^\d{1,3}$/.test(count) || !/^\d{1,3}$/.test(workers)) {
    throw userError('auth.bad-agents', `--agents ${name}=${given}: expected SITE=NUMBER or SITE=NUMBER:LABEL,LABEL`);
  }
  return Array.from({ length: Number(count) }, (_, index) => ({
    site: name,
    agent: `${name}-${index + 1}`,
    tier,
    devices: ['cpu'],
    workers: Number(workers),
    labels: labels === '' ? [] : labels.split(','),
  }));
}

export async function reissue(directory: AuthDirectory, book: Book): Promise<void> {
  await issueUsers(directory, book, Date.now());
  directory.write(book);
}

export interface RevokeFlags {
  readonly dir: string;
  readonly renew?: boolean;
}

/** Credentials of a user that were issued until now are refused once the servers have read their new files. */
export async function revokeUser(user: string, flags: RevokeFlags, terminal: Terminal): Promise<void> {
  const directory = new AuthDirectory(flags.dir);
  const book = directory.read();
  const names = userNames(book);
  if (!names.includes(user)) {
    const near = suggest(user, names);
    throw userError('auth.no-user', `there is no user ${user}`, {
      hint: near === undefined ? `there are: ${names.join(', ')}` : `did you mean ${near}?`,
    });
  }
  const key = directory.key(user).getPublicKey();
  const revocations = { ...book.revocations, [key]: Math.floor(Date.now() / 1_000) };
  const changed: Book = { ...book, revocations };
  // A new key: what was issued in this very second is revoked, too.
  if (flags.renew === true) directory.newKey(user, createUser());
  if (flags.renew === true) await issueUsers(directory, changed, Date.now(), user);
  await issueServers(directory, changed);
  directory.write(changed);
  const renewed = flags.renew === true ? `; its new ones are ${directory.credentials(user)}` : '';
  await terminal.out(
    `${user} is revoked${renewed}: restart the servers with their new files, or nats-server --signal reload\n`,
  );
}
