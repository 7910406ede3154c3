/** `cloudskin task deploy`: has agents serve operators of a graph as a task. */
import { connectors } from '../../connectors/registry.ts';
import type { ClusterClient } from '../../engine/cluster/client.ts';
import { agentLabel } from '../../engine/cluster/documents/names.ts';
import type { AgentStatus } from '../../engine/cluster/documents/status.ts';
import {
  type TaskDocument,
  type TaskFigures,
  type TaskPlacement,
  taskLabel,
} from '../../engine/cluster/documents/task.ts';
import type { Trouble } from '../../engine/cluster/documents/troubles.ts';
import { UNPLACED } from '../../engine/cluster/process/timing.ts';
import { fits } from '../../engine/cluster/tasks/choose.ts';
import { TaskClient } from '../../engine/cluster/tasks/task-client.ts';
import { defined } from '../../engine/defined.ts';
import { CloudskinError, externalError, userError } from '../../engine/errors.ts';
import { realPorts } from '../../engine/ports.ts';
import { planGraph } from '../../engine/runtime/api/open.ts';
import { directoryOf } from '../../engine/runtime/options.ts';
import { taskSubject } from '../../engine/task/service.ts';
import { planTask, taskGraph } from '../../engine/task/task-plan.ts';
import { withCluster } from '../cluster/connect.ts';
import { readSeed } from '../cluster/seed.ts';
import { shipComponents } from '../cluster/ship-components.ts';
import type { Terminal } from '../output/terminal.ts';
import { figuresOf } from './figures.ts';
import { durationOf, nameOf, wholeOf } from './flags.ts';
import { limitsOf, type ServeFlags } from './serve.ts';

export interface DeployFlags extends ServeFlags {
  readonly namespace?: string;
  readonly site?: string;
  readonly tier?: 'edge' | 'cloud';
  readonly label: readonly string[];
  readonly replicas?: string;
  readonly sign?: string;
  readonly timeout: string;
  readonly json?: boolean;
}

/** Milliseconds that agents are given to answer how far they are, and others to begin where one serves it already. */
const ASKED = 250;
const OTHERS = 3_000;

export async function deployTask(graph: string, flags: DeployFlags, terminal: Terminal): Promise<void> {
  const timeout = durationOf('timeout', flags.timeout);
  const given = await planGraph(graph, { connectors, parameters: flags.param, reads: 'all' });
  const { plan, operator } = taskGraph({ ...given, namespace: flags.namespace ?? given.namespace }, flags.operator);
  // what cannot be a task is said before anything is written
  planTask(plan, operator);
  const wish = {
    ...{ operator, task: nameOf(flags.name ?? plan.name), parameters: Object.keys(flags.param) },
    placement: placementOf(flags),
    bounds: { ...limitsOf({ ...flags, workers: flags.workers ?? '1' }) },
    ...(flags.sign === undefined ? {} : { seed: await readSeed(flags.sign) }),
  };
  await withCluster(flags, async ({ nats, client }) => {
    const mayServe = await mustFit(client, wish.placement);
    const tasks = new TaskClient(nats, realPorts);
    const shipped = await shipComponents(plan, directoryOf(given.file), (bytes) => tasks.keepComponent(bytes));
    const document = await tasks.deploy({ ...wish, plan: shipped });
    const agents = await untilServed(client, document, mayServe, timeout);
    await say(document, agents, flags, terminal);
  });
}

function placementOf({ site, tier, label, replicas }: DeployFlags): TaskPlacement {
  return {
    ...defined({ site, tier }),
    ...(label.length === 0 ? {} : { labels: label }),
    ...(replicas === undefined ? {} : { replicas: wholeOf('replicas', replicas, 1) }),
  };
}

type MayServe = (status: AgentStatus) => boolean;

/** Resolves to which agents may serve it; rejects with `task.no-agent` where none of those that are there may. */
async function mustFit(client: ClusterClient, placement: TaskPlacement): Promise<MayServe> {
  const sites = await client.sites();
  const isLeft = ({ site }: AgentStatus): boolean => sites.some((one) => one.site === site && one.draining);
  const mayServe: MayServe = (status) => fits({ wanted: 'served', placement }, status) && !isLeft(status);
  const statuses = await client.ask(UNPLACED, (all) => all.some(mayServe));
  if (statuses.some(mayServe)) return mayServe;
  const there = statuses.map((status) => {
    const what = [status.tier, ...status.labels, ...(isLeft(status) ? ['drained'] : [])];
    return `${agentLabel(status)} (${what.join(', ')})`;
  });
  throw userError('task.no-agent', 'no agent that is there fits --site, --tier and --label', {
    hint: there.length === 0 ? 'no agent answers: cloudskin up, or cloudskin agent' : `there are: ${there.join('; ')}`,
  });
}

/** Rejects with what stands in the way where no agent serves it; resolves to the names of those that do. */
async function untilServed(
  client: ClusterClient,
  document: TaskDocument,
  mayServe: MayServe,
  timeout: number,
): Promise<readonly string[]> {
  const began = realPorts.monotonic();
  let since: number | undefined;
  for (;;) {
    const statuses = (await client.ask(ASKED)).filter(mayServe);
    const all = figuresOf(statuses, document);
    const serving = all.filter(({ figures }) => isServing(figures, document));
    const now = realPorts.monotonic();
    if (serving.length > 0) since ??= now;
    const settled = isSettled(statuses, document) || (since !== undefined && now - since > OTHERS);
    if (serving.length > 0 && settled) return serving.map(({ agent }) => agent);
    const isOver = now - began > timeout;
    const failed = all.find(({ figures }) => figures.phase === 'failed');
    if (failed?.figures.trouble !== undefined && serving.length === 0 && (settled || isOver)) {
      throw troubleAt(document, failed.agent, failed.figures.trouble);
    }
    if (isOver) throw notServing(document, timeout);
  }
}

function isServing({ phase, revision }: TaskFigures, document: TaskDocument): boolean {
  return phase === 'serving' && revision === document.revision;
}

/** Every agent that may serve it does, as it is now, or says why not; where only so many of a site are to, one that does is enough. */
function isSettled(statuses: readonly AgentStatus[], document: TaskDocument): boolean {
  const told = (status: AgentStatus): boolean =>
    figuresOf([status], document).some(({ figures }) => isServing(figures, document) || figures.phase === 'failed');
  return document.placement.replicas === undefined ? statuses.every(told) : statuses.some(told);
}

function troubleAt(document: TaskDocument, agent: string, { code, message, hint }: Trouble): CloudskinError {
  const where = `agent ${agent} cannot serve ${taskLabel(document)}: ${message}`;
  return new CloudskinError(code, where, { domain: 'user', ...defined({ hint }) });
}

function notServing(document: TaskDocument, timeout: number): CloudskinError {
  return externalError('task.not-serving', `no agent serves ${taskLabel(document)} after ${timeout} ms`, {
    hint: `cloudskin logs shows what agents say; where they have credentials, these have to permit it: cloudskin auth task ${document.task}`,
  });
}

async function say(
  document: TaskDocument,
  agents: readonly string[],
  { json }: DeployFlags,
  terminal: Terminal,
): Promise<void> {
  const { namespace, task, revision } = document;
  const subject = taskSubject(namespace, task);
  if (json === true) return terminal.out(`${JSON.stringify({ namespace, task, revision, subject, agents })}\n`);
  await terminal.out(`${taskLabel(document)} is served on ${subject} by ${agents.join(', ')}: revision ${revision}\n`);
}
