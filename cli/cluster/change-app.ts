/** Commands that change what is wanted of an app and wait until it is so. */
import type { ClusterClient } from '../../engine/cluster/client.ts';
import type { AppDocument, Wanted } from '../../engine/cluster/documents/app.ts';
import type { AppName } from '../../engine/cluster/documents/names.ts';
import type { RegionFigures } from '../../engine/cluster/documents/status.ts';
import { milliseconds } from '../output/durations.ts';
import { Progress } from '../output/progress.ts';
import type { Terminal } from '../output/terminal.ts';
import { appTitle } from './app-words.ts';
import { type Awaited, awaitApp } from './await-app.ts';
import type { ChangeFlags } from './change-command.ts';
import { mustHaveApp, withCluster } from './connect.ts';
import type { AppOverview } from './overview.ts';

export interface Change {
  /** Looks at the app before anything is changed, and may refuse. */
  readonly before?: (client: ClusterClient, name: AppName) => Promise<void>;
  readonly change: (client: ClusterClient, name: AppName) => Promise<AppDocument>;
  readonly done: (region: RegionFigures | undefined, overview: AppOverview) => boolean;
  /** As in "stopping shop" and "shop is stopped". */
  readonly doing: string;
  /** The code that says that it took too long. */
  readonly late: string;
  readonly is: string | ((overview: AppOverview) => string);
  /** A region that has failed is as good as one that is stopped. */
  readonly mayFail?: boolean;
  /** Everything is to flow out before. */
  readonly flowsOut?: boolean;
}

export async function changeApp(app: string, flags: ChangeFlags, terminal: Terminal, change: Change): Promise<void> {
  const timeout = milliseconds('--timeout', flags.timeout);
  const { namespace } = flags;
  const progress = new Progress(terminal);
  let is = '';
  try {
    await withCluster(flags, async ({ client }) => {
      await mustHaveApp(client, namespace, app);
      await change.before?.(client, { namespace, app });
      progress.step(`${change.doing} ${appTitle({ namespace, app })}`);
      const { done, mayFail = false, flowsOut = false } = change;
      const awaited = { progress, timeout, mayFail, change };
      if (flowsOut) await letEnd(client, { namespace, app }, { ...awaited, done: isStopped });
      const document = await change.change(client, { namespace, app });
      const overview = await awaitApp(client, document, { ...awaited, done });
      is = typeof change.is === 'string' ? change.is : change.is(overview);
    });
    progress.end();
    await terminal.out(`${appTitle({ namespace, app })} ${is}\n`);
  } finally {
    progress.end();
  }
}

/** Wants it, and waits for the phase that it leads to. */
export function wanting(wanted: Wanted, drain: boolean, done: Change['done']): Pick<Change, 'change' | 'done'> {
  return { change: (client, name) => client.want(name, wanted, drain), done };
}

/**
 * Sources hand on nothing more, and all that was read reaches the sinks, which show it; whoever is killed meanwhile goes on with that. Only then an app is
 * undeployed, as then nothing of it is kept. What is not placed does not flow.
 */
export async function letEnd(client: ClusterClient, name: AppName, awaited: Awaited): Promise<void> {
  const assignment = await client.assignment(name);
  if (assignment === undefined || assignment.troubles.length > 0) return;
  await awaitApp(client, await client.want(name, 'stopped', true), awaited);
}

export function isStopped(region: RegionFigures | undefined): boolean {
  return region?.phase === 'stopped' || region?.phase === 'finished' || region?.phase === 'failed';
}

/** Regions that have finished have nothing to pause. */
export function isPaused(region: RegionFigures | undefined, { fragments }: AppOverview): boolean {
  const mine = fragments.filter((fragment) => fragment.region === region?.region);
  const still = mine.every(({ phase }) => phase === 'paused' || phase === 'ended' || phase === 'finished');
  return region?.phase === 'finished' || (region?.phase === 'running' && still);
}

export function isRunning(region: RegionFigures | undefined, { fragments }: AppOverview): boolean {
  const mine = fragments.filter((fragment) => fragment.region === region?.region);
  return region?.phase === 'finished' || (region?.phase === 'running' && mine.every(({ phase }) => phase !== 'paused'));
}

/** What `client.checkpoint` asked for is complete everywhere. */
export function isTaken(region: RegionFigures | undefined, { document }: AppOverview): boolean {
  return region?.phase === 'finished' || (region?.answered ?? 0) >= (document.asked ?? 0);
}

/** As in "shop has checkpoint 12". */
export function checkpointsOf({ regions }: AppOverview): string {
  const several = regions.length > 1;
  const all = regions.map(
    ({ region, checkpoint }) => `checkpoint ${checkpoint}${several ? ` of region ${region}` : ''}`,
  );
  return `has ${all.join(', ')}`;
}
