/** `cloudskin auth task`: says whose agents may serve a task, and makes a user for who calls it. */
import { taskLabel } from '../../engine/cluster/documents/task.ts';
import { defined } from '../../engine/defined.ts';
import { userError } from '../../engine/errors.ts';
import { didYouMean } from '../../engine/graph/suggest.ts';
import type { Terminal } from '../output/terminal.ts';
import { nameOf } from '../task/flags.ts';
import { AuthDirectory, type Book } from './book.ts';
import { RESTART, reissue } from './graph.ts';
import { callerUser } from './issue.ts';

export interface TaskFlags {
  readonly dir: string;
  readonly namespace: string;
  readonly site: readonly string[];
  readonly remove?: boolean;
}

export async function authTask(name: string, flags: TaskFlags, terminal: Terminal): Promise<void> {
  const directory = new AuthDirectory(flags.dir);
  const book = directory.read();
  const label = taskLabel({ namespace: flags.namespace, task: nameOf(name) });
  const { [label]: _, ...others } = book.tasks ?? {};
  if (flags.remove === true) {
    await reissue(directory, { ...book, tasks: others });
    return terminal.out(`${label}: taken back; bring the new credentials to the sites, and ${RESTART}\n`);
  }
  const sites = sitesOf(book, flags.site);
  await reissue(directory, { ...book, tasks: { ...others, [label]: sites } });
  const caller = directory.credentials(callerUser(label));
  await terminal.out(
    `${label} may be served at ${sites.join(', ')}: bring the new credentials in ${directory.path}/creds to the sites, and ${RESTART}\nwho calls it: cloudskin task call ${name} --creds ${caller}\n`,
  );
}

/** Throws `auth.no-site`. */
function sitesOf({ sites }: Book, given: readonly string[]): readonly string[] {
  const names = sites.map(({ name }) => name);
  for (const site of given) {
    if (names.includes(site)) continue;
    throw userError('auth.no-site', `there is no site ${site}`, defined({ hint: didYouMean(site, names) }));
  }
  return given.length === 0 ? names : given;
}
