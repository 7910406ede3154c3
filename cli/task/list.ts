/** `cloudskin task list` and `undeploy`: the tasks that agents serve. */
import type { AgentStatus } from '../../engine/cluster/documents/status.ts';
import { type TaskDocument, type TaskFigures, taskLabel } from '../../engine/cluster/documents/task.ts';
import { TaskClient } from '../../engine/cluster/tasks/task-client.ts';
import { externalError } from '../../engine/errors.ts';
import { realPorts } from '../../engine/ports.ts';
import { type NatsOptions, withCluster } from '../cluster/connect.ts';
import { columns } from '../output/table.ts';
import type { Terminal } from '../output/terminal.ts';
import { type AgentTask, figuresOf } from './figures.ts';
import { durationOf } from './flags.ts';

export interface ListFlags extends NatsOptions {
  readonly namespace?: string;
  readonly json?: boolean;
}

/** Milliseconds that agents have to answer. */
const ASKED = 300;

export async function listTasks(flags: ListFlags, terminal: Terminal): Promise<void> {
  const { documents, statuses } = await withCluster(flags, async ({ nats, client }) => {
    const [all, statuses] = await Promise.all([new TaskClient(nats, realPorts).tasks(), client.ask(ASKED)]);
    return { statuses, documents: all.filter((one) => (flags.namespace ?? one.namespace) === one.namespace) };
  });
  if (flags.json === true) {
    for (const document of documents) await terminal.out(`${JSON.stringify(jsonOf(document, statuses))}\n`);
  } else if (documents.length === 0)
    terminal.err('agents serve no tasks; cloudskin task deploy GRAPH has them do it\n');
  else await terminal.out(textOf(documents, statuses, terminal.outWidth ?? Number.POSITIVE_INFINITY));
}

function jsonOf(document: TaskDocument, statuses: readonly AgentStatus[]): object {
  const { namespace, task, revision, operator, placement, bounds } = document;
  const agents = figuresOf(statuses, document).map(({ agent, figures }) => ({ agent, ...figures }));
  return { namespace, task, revision, operator, placement, bounds, agents };
}

const HEADING = ['TASK', 'REVISION', 'AGENT', 'STATE', 'CALLS', 'FAILED', 'LATE', 'SHED', 'WAITING', 'P50', 'P99'];

function textOf(documents: readonly TaskDocument[], statuses: readonly AgentStatus[], width: number): string {
  const rows = documents.flatMap((document) => {
    const agents = figuresOf(statuses, document);
    if (agents.length === 0) return [[taskLabel(document), `${document.revision}`, '', 'nobody serves it']];
    return agents.map((one) => rowOf(document, one));
  });
  return columns([HEADING, ...rows], [1, 4, 5, 6, 7, 8, 9, 10], width);
}

function rowOf(document: TaskDocument, { agent, figures }: AgentTask): readonly string[] {
  const { calls, failed, timeouts, shed, queued, ran, revision } = figures;
  const counts = [calls, failed, timeouts, shed, queued].map(String);
  const times = [ran.p50, ran.p99].map((time) => `${time.toFixed(2)} ms`);
  return [taskLabel(document), `${revision}`, agent, stateOf(figures), ...counts, ...times];
}

function stateOf({ phase, trouble }: TaskFigures): string {
  return trouble === undefined ? phase : `${phase}: ${trouble.message}`;
}

export interface UndeployFlags extends NatsOptions {
  readonly namespace: string;
  readonly timeout: string;
}

/** Returns when no agent serves it any more, the calls that were taken answered. */
export async function undeployTask(task: string, flags: UndeployFlags, terminal: Terminal): Promise<void> {
  const name = { namespace: flags.namespace, task };
  const timeout = durationOf('timeout', flags.timeout);
  await withCluster(flags, async ({ nats, client }) => {
    await new TaskClient(nats, realPorts).undeploy(name);
    const until = realPorts.monotonic() + timeout;
    for (;;) {
      const left = figuresOf(await client.ask(ASKED), name);
      if (left.length === 0) break;
      if (realPorts.monotonic() < until) continue;
      const agents = left.map(({ agent }) => agent).join(', ');
      throw externalError('task.still-served', `${taskLabel(name)} is undeployed, and ${agents} still answer calls`, {
        hint: 'they let go when those are answered',
      });
    }
    await terminal.out(`${taskLabel(name)} is served no more\n`);
  });
}
