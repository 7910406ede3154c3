/** Finds the cell that a user names, among the apps of a cluster. */
import type { ClusterClient } from '../../engine/cluster/client.ts';
import { entriesOf } from '../../engine/cluster/coordinator/try-moving.ts';
import type { AssignmentDocument } from '../../engine/cluster/documents/assignment.ts';
import type { AppName } from '../../engine/cluster/documents/names.ts';
import type { DistributedPlan } from '../../engine/compile/fragment-plan.ts';
import { CloudskinError, externalError, userError } from '../../engine/errors.ts';
import { appTitle } from './app-words.ts';
import { mustHaveApp } from './connect.ts';
import type { AppOverview, Overview } from './overview.ts';

export interface FoundCell {
  readonly name: AppName;
  /** As it was when it was looked for. */
  readonly overview: AppOverview;
  readonly assignment: AssignmentDocument;
  readonly plan: DistributedPlan;
  /** Of the graph: the cell's operators. */
  readonly entries: readonly string[];
}

/** Throws `move.no-cell` with the nearest right name, `move.several` where more than one app has it, `move.not-placed` where nothing is placed. */
export async function findCell(
  client: ClusterClient,
  { apps }: Overview,
  word: string,
  where: { readonly app?: string; readonly namespace?: string },
): Promise<FoundCell> {
  const { app, namespace } = where;
  if (app !== undefined) await mustHaveApp(client, namespace ?? 'default', app);
  const meant = apps.filter(
    ({ document }) =>
      (namespace === undefined
        ? app === undefined || document.namespace === 'default'
        : document.namespace === namespace) &&
      (app === undefined || document.app === app),
  );
  const found: FoundCell[] = [];
  let refusal: unknown;
  for (const overview of meant) {
    try {
      const one = await cellIn(client, overview, word);
      if (one !== undefined) found.push(one);
    } catch (error) {
      if (!(error instanceof CloudskinError) || error.code !== 'move.no-cell') throw error;
      // the one with a near name says more
      if (refusal === undefined || error.hint?.startsWith('did you mean') === true) refusal = error;
    }
  }
  const [only, ...others] = found;
  if (only !== undefined && others.length === 0) return only;
  if (only !== undefined) throw several(word, found);
  throw refusal ?? nothing(meant);
}

async function cellIn(client: ClusterClient, overview: AppOverview, word: string): Promise<FoundCell | undefined> {
  const { document, assignment } = overview;
  if (assignment === undefined || assignment.distributed === '') return undefined;
  const plan = await client.distributed(assignment.distributed);
  const name = { namespace: document.namespace, app: document.app };
  return { name, overview, assignment, plan, entries: entriesOf(word, plan) };
}

function several(word: string, found: readonly FoundCell[]): CloudskinError {
  const apps = found.map(({ name }) => appTitle(name)).join(', ');
  return userError('move.several', `several apps have "${word}": ${apps}`, { hint: 'say which: --app APP' });
}

function nothing(meant: readonly AppOverview[]): CloudskinError {
  if (meant.length === 0) {
    return userError('move.no-cell', 'nothing is deployed', { hint: 'cloudskin deploy GRAPH does it' });
  }
  const apps = meant.map(({ document }) => appTitle(document)).join(', ');
  return externalError('move.not-placed', `not placed yet: ${apps}`, { retry: true });
}
