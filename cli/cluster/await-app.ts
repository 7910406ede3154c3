/** Waits until what an app document asks for is so, or says what is not, where and why. */

import { setTimeout as sleep } from 'node:timers/promises';
import type { ClusterClient } from '../../engine/cluster/client.ts';
import type { AppDocument } from '../../engine/cluster/documents/app.ts';
import type { AssignmentDocument } from '../../engine/cluster/documents/assignment.ts';
import type { AppName } from '../../engine/cluster/documents/names.ts';
import type { AgentStatus, RegionFigures } from '../../engine/cluster/documents/status.ts';
import { defined } from '../../engine/defined.ts';
import { CloudskinError, externalError, userError } from '../../engine/errors.ts';
import type { Progress } from '../output/progress.ts';
import { appArguments, appTitle } from './app-words.ts';
import { type AppOverview, appOverview } from './overview.ts';

/** Milliseconds. */
const LOOK = 100;
const ANSWERS = 500;

export interface Awaited {
  readonly progress: Pick<Progress, 'step'>;
  /** Milliseconds. */
  readonly timeout: number;
  /** What a region must have come to; `undefined` where it may still do so. */
  readonly done: (region: RegionFigures | undefined, overview: AppOverview) => boolean;
  /** Whether a region that failed for good is an error. */
  readonly mayFail?: boolean;
  /** As in "pausing shop", and the code that says that it took too long; what is deployed is to be there unless given. */
  readonly change?: { readonly doing: string; readonly late: string };
}

/** Resolves when every region of the app's revision is done. Rejects with what failed, or with `deploy.not-ready`, or what `change` says, and what is missing. */
export async function awaitApp(client: ClusterClient, document: AppDocument, awaited: Awaited): Promise<AppOverview> {
  const until = performance.now() + awaited.timeout;
  let missing: readonly string[];
  for (;;) {
    const assignment = await client.assignment(document);
    const agents = await client.ask(ANSWERS, (all) =>
      answered(
        all.map(({ site, agent }) => `${site}/${agent}`),
        assignment,
      ),
    );
    const overview = appOverview(document, assignment, agents);
    if (assignment !== undefined && assignment.revision >= document.revision) {
      if (assignment.troubles.length > 0) throw troubled(assignment, document);
      missing = missingOf(overview, assignment, awaited);
      if (missing.length === 0) return overview;
    } else missing = [unanswered(agents)];
    awaited.progress.step(missing[0] ?? 'waiting');
    if (performance.now() > until) throw tooLate(document, missing, awaited);
    await sleep(LOOK);
  }
}

/** Why nothing was made of the document yet. */
function unanswered(agents: readonly AgentStatus[]): string {
  const there = agents.some(({ coordinator }) => coordinator);
  return there ? 'the coordinator is at work on it' : 'no coordinator is there yet';
}

function answered(names: readonly string[], assignment: AssignmentDocument | undefined): boolean {
  if (assignment === undefined) return false;
  const wanted = Object.values(assignment.fragments).map(({ host }) => `${host.site}/${host.agent}`);
  return wanted.length > 0 && wanted.every((name) => names.includes(name));
}

function missingOf(overview: AppOverview, assignment: AssignmentDocument, awaited: Awaited): string[] {
  return Object.entries(assignment.regions).flatMap(([name, { leader }]) => {
    const found = overview.regions.find(({ region }) => region === name);
    const region = found !== undefined && found.revision >= assignment.revision ? found : undefined;
    if (region?.phase === 'failed' && awaited.mayFail !== true) throw failed(overview, region);
    if (awaited.done(region, overview)) return [];
    if (region === undefined) return [`agent ${leader.agent} of site ${leader.site} does not answer`];
    const waiting = waitingOf(overview, assignment, name);
    if (waiting.length > 0) return waiting;
    return [region.trouble?.message ?? `region ${name} is ${region.phase}`];
  });
}

function waitingOf({ fragments }: AppOverview, assignment: AssignmentDocument, region: string): string[] {
  const mine = Object.entries(assignment.fragments).filter(([, fragment]) => fragment.region === region);
  return mine.flatMap(([name, { host }]) => {
    const at = `${name} at ${host.site}/${host.agent}`;
    const figures = fragments.find(({ fragment }) => fragment === name);
    if (figures === undefined) return [`${at}: nothing is heard of it`];
    if (figures.trouble !== undefined) return [`${at}: ${figures.trouble.message}`];
    const streams = figures.waiting.map(
      ({ channel, reason }) => `${at}: stream ${channel} is not connected: ${reason}`,
    );
    if (streams.length > 0) return streams;
    return figures.phase === 'opening' ? [`${at} is opening`] : [];
  });
}

function failed({ document, assignment }: AppOverview, { region, trouble }: RegionFigures): CloudskinError {
  const hosts = Object.entries(assignment?.fragments ?? {}).filter(([, fragment]) => fragment.region === region);
  const where = [...new Set(hosts.map(([, { host }]) => `${host.site}/${host.agent}`))].join(', ');
  return new CloudskinError(
    trouble?.code ?? 'deploy.failed',
    `${appTitle(document)} failed at ${where}: ${trouble?.message ?? 'no reason was given'}`,
    {
      domain: 'external',
      hint:
        trouble?.hint ??
        `cloudskin logs ${appArguments(document)} says more; it stays as it is until it is deployed again or resumed`,
    },
  );
}

function troubled({ troubles }: AssignmentDocument, document: AppDocument): CloudskinError {
  const [first] = troubles;
  const problems = troubles.map(({ code, message, hint }) => ({
    severity: 'error' as const,
    code,
    message,
    ...defined({ hint }),
  }));
  return userError(first?.code ?? 'deploy.not-placed', first?.message ?? `${appTitle(document)} could not be placed`, {
    ...(troubles.length > 1 ? { problems } : {}),
    ...(first?.hint === undefined ? {} : { hint: first.hint }),
  });
}

export function tooLate(
  app: AppName,
  missing: readonly string[],
  { timeout, change }: Pick<Awaited, 'timeout' | 'change'>,
): CloudskinError {
  const after = `after ${timeout / 1000} s`;
  const what =
    change === undefined
      ? `${appTitle(app)} is not there ${after}`
      : `${change.doing} ${appTitle(app)} is not done ${after}`;
  const own = appArguments(app);
  return externalError(change?.late ?? 'deploy.not-ready', `${what}: ${missing.slice(0, 5).join('; ')}`, {
    retry: true,
    hint: `it goes on trying: cloudskin status ${own}, cloudskin logs ${own}`,
  });
}
