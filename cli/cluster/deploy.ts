/** Hands a graph to the cluster and waits until it runs. */

import type { ClusterClient } from '../../engine/cluster/client.ts';
import type { AppDocument } from '../../engine/cluster/documents/app.ts';
import type { RegionFigures } from '../../engine/cluster/documents/status.ts';
import { encodePlan } from '../../engine/cluster/plans/plans.ts';
import type { StateChange } from '../../engine/compile/compare-states.ts';
import { messageOf, throwProblems } from '../../engine/errors.ts';
import { deployProblems } from '../../engine/graph/deployable.ts';
import type { LogicalPlan } from '../../engine/graph/plan.ts';
import type { Parameters } from '../command.ts';
import { milliseconds } from '../output/durations.ts';
import { plural } from '../output/figures.ts';
import { Progress } from '../output/progress.ts';
import type { Terminal } from '../output/terminal.ts';
import { leftBehind, leftSinks, mustKeepState, type WaysOut } from '../run/kept-state.ts';
import { loadGraph } from '../run/load.ts';
import { appTitle } from './app-words.ts';
import { awaitApp } from './await-app.ts';
import { type NatsOptions, withCluster } from './connect.ts';
import { letFlowOut } from './flow-out.ts';
import type { AppOverview } from './overview.ts';
import { readSeed } from './seed.ts';
import { shipComponents } from './ship-components.ts';

export interface DeployFlags extends NatsOptions {
  readonly param: Parameters;
  readonly namespace?: string;
  readonly dropState?: boolean;
  readonly dropStateOf?: string;
  readonly wait: 'running' | 'rows' | 'none';
  readonly timeout: string;
  readonly json?: boolean;
  readonly sign?: string;
}

export async function deployGraph(graph: string, flags: DeployFlags, terminal: Terminal): Promise<void> {
  const timeout = milliseconds('--timeout', flags.timeout);
  const { plan, directory } = await loadGraph(graph, flags.param, terminal, { warn: true });
  throwProblems(deployProblems(plan.graph));
  const logical: LogicalPlan = { ...plan.graph, namespace: flags.namespace ?? plan.graph.namespace };
  const progress = new Progress(terminal, flags.json);
  const began = performance.now();
  try {
    await withCluster(flags, async ({ client }) => {
      progress.step(`deploying ${appTitle({ namespace: logical.namespace, app: logical.name })}`);
      const shipped = await shipComponents(logical, directory, (bytes) => client.keepComponent(bytes));
      const former = await formerOf(client, shipped, flags);
      // what is not waited for is written down, and placed when its agents are there; but nothing is ended for it before it has a place
      if (flags.wait !== 'none' || former.leaving !== undefined) await client.mustPlace(shipped, flags.dropState);
      const { changes } = former;
      const notes =
        former.leaving === undefined
          ? former.notes
          : await letFlowOut(client, former.leaving, shipped, { progress, timeout });
      progress.step(`deploying ${appTitle({ namespace: logical.namespace, app: logical.name })}`);
      const document = await client.deploy({
        plan: shipped,
        parameters: Object.keys(flags.param),
        ...(flags.dropState === true ? { fresh: true } : {}),
        ...(flags.sign === undefined ? {} : { seed: await readSeed(flags.sign) }),
      });
      const done = flags.wait === 'rows' ? hasRows : runs;
      const overview =
        flags.wait === 'none' ? undefined : await awaitApp(client, document, { progress, timeout, done });
      progress.end();
      const seconds = (performance.now() - began) / 1_000;
      await say({ document, overview, changes, notes, seconds }, flags, terminal);
    });
  } finally {
    progress.end();
  }
}

const WAYS: WaysOut = {
  complete: 'undeploy first, which shows what was written',
  drop: 'let go of that of nodes that are gone: --drop-state-of NAMES, or of all of it: --drop-state, which shows what was written, too',
};

interface Former {
  readonly changes: readonly StateChange[];
  /** What becomes of output that nobody had seen, in lines for people. */
  readonly notes: string;
  /** A graph with sinks that are to show what they have written before the new one begins. */
  readonly leaving?: LogicalPlan;
}

const NOTHING: Former = { changes: [], notes: '' };

/** What becomes of what was deployed before; nothing is changed yet. State of an app that was undeployed is gone; that of any other is kept or the deployment refused. */
async function formerOf(client: ClusterClient, plan: LogicalPlan, flags: DeployFlags): Promise<Former> {
  const document = await client.app({ namespace: plan.namespace, app: plan.name });
  if (document === undefined || document.plan === '' || document.wanted === 'undeployed') return NOTHING;
  if (document.plan === encodePlan(plan).digest) return NOTHING;
  if (flags.dropState === true) return formerOfFresh(client, document, plan);
  const before = await client.logical(document.plan);
  const changes = mustKeepState(before, plan, WAYS, new Set(flags.dropStateOf?.split(',')));
  return { changes, notes: changes.map(leftBehind).join('') };
}

/** A graph that cannot be read any more is no reason not to begin anew. */
async function formerOfFresh(client: ClusterClient, document: AppDocument, plan: LogicalPlan): Promise<Former> {
  try {
    const before = await client.logical(document.plan);
    return leftSinks(before, plan).length === 0 ? NOTHING : { ...NOTHING, leaving: before };
  } catch (error) {
    const notes = `what sinks of the graph before had not shown stays hidden, because that graph cannot be read: ${messageOf(error)}\n`;
    return { changes: [], notes };
  }
}

export function runs(region: RegionFigures | undefined): boolean {
  return region?.phase === 'running' || region?.phase === 'finished';
}

function hasRows(region: RegionFigures | undefined, { fragments }: AppOverview): boolean {
  return region?.phase === 'finished' || (runs(region) && fragments.some(({ rowsOut }) => rowsOut > 0));
}

interface Deployed extends Pick<Former, 'changes' | 'notes'> {
  readonly document: AppDocument;
  readonly overview: AppOverview | undefined;
  readonly seconds: number;
}

async function say(
  { document, overview, changes, notes, seconds }: Deployed,
  { json }: DeployFlags,
  terminal: Terminal,
): Promise<void> {
  const { namespace, app, revision } = document;
  const fragments = Object.entries(overview?.assignment?.fragments ?? {}).map(([name, { host }]) => ({
    name,
    ...host,
  }));
  if (json === true)
    return terminal.out(`${JSON.stringify({ namespace, app, revision, fragments, state: changes })}\n`);
  const state = stateText(changes) + notes;
  const label = appTitle({ namespace, app });
  if (overview === undefined) return terminal.out(`deployed ${label}, revision ${revision}\n${state}`);
  const sites = [...new Set(fragments.map(({ site }) => site))];
  const where = `${plural(fragments.length, 'fragment')} on ${sites.join(', ')}`;
  await terminal.out(`${label} runs: revision ${revision}, ${where}, after ${seconds.toFixed(1)} s\n${state}`);
}

/** A line for people; empty where there was no state before. */
function stateText(changes: readonly StateChange[]): string {
  const words = { kept: 'keeps the state of', new: 'begins anew:', dropped: 'drops the state of' } as const;
  const parts = (['kept', 'new', 'dropped'] as const).flatMap((change) => {
    const names = changes.filter((one) => one.change === change).map(({ node }) => node);
    return names.length === 0 ? [] : [`${words[change]} ${names.join(', ')}`];
  });
  return parts.length === 0 ? '' : `${parts.join('; ')}\n`;
}
