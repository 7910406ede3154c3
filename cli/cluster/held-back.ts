/** What would be gone unseen when an app is undeployed: output that sinks hold back, of regions that nobody runs to their end any more. */
import type { RegionFigures } from '../../engine/cluster/documents/status.ts';
import { type CloudskinError, userError } from '../../engine/errors.ts';
import type { SinkNode } from '../../engine/graph/plan.ts';
import { appArguments, appTitle } from './app-words.ts';
import type { Change } from './change-app.ts';
import { type AppOverview, overviewOf } from './overview.ts';

/** As `undeploy` needs it: refuses before anything is changed, and tells afterwards. */
export function held(): Pick<Change, 'before' | 'is'> {
  let sinks: readonly SinkNode[] = [];
  return {
    before: async (client, { namespace, app }) => {
      const { apps } = await overviewOf(client);
      const overview = apps.find(({ document }) => document.namespace === namespace && document.app === app);
      if (overview === undefined) return;
      // A graph that cannot be read any more is no reason to keep the app for good.
      const plan = await client.logical(overview.document.plan).catch(() => undefined);
      sinks = holding(plan?.sinks ?? []);
      const refusal = refusalOf(overview, sinks);
      if (refusal !== undefined) throw refusal;
    },
    is: (overview) => `is gone${notShown(overview, sinks)}`,
  };
}

/** Sinks that hold output back until a checkpoint is complete. */
function holding(sinks: readonly SinkNode[]): readonly SinkNode[] {
  return sinks.filter(({ holds }) => holds !== undefined);
}

/** Why an app that was stopped is not undeployed without the user's word; undefined where it may be. */
export function refusalOf(overview: AppOverview, sinks: readonly SinkNode[]): CloudskinError | undefined {
  const { wanted, drain } = overview.document;
  // one that was to flow out already goes on with it
  if (wanted !== 'stopped' || drain === true || sinks.length === 0 || hasFinished(overview)) return undefined;
  const what = sinks.map(whatOf).join(', ');
  return userError(
    'undeploy.held-back',
    `${appTitle(overview.document)} is stopped: what ${what} wrote and had not shown would be dropped`,
    {
      hint: `cloudskin resume ${appArguments(overview.document)} first, then undeploy lets everything flow out; or undeploy --now, which drops it`,
    },
  );
}

/** Lines for people about what was not shown, of an app that has been undeployed; empty where everything was. */
export function notShown(overview: AppOverview, sinks: readonly SinkNode[]): string {
  if (hasFinished(overview)) return '';
  return sinks.map((sink) => `\nwhat ${whatOf(sink)} wrote and had not shown was dropped`).join('');
}

function whatOf({ name, connector, holds }: SinkNode): string {
  return `sink "${name}" (${connector} ${holds})`;
}

function hasFinished({ assignment, regions }: AppOverview): boolean {
  const phaseOf = (name: string): RegionFigures['phase'] | undefined =>
    regions.find(({ region }) => region === name)?.phase;
  const names = Object.keys(assignment?.regions ?? {});
  return names.length > 0 && names.every((name) => phaseOf(name) === 'finished');
}
