/** `cloudskin task serve`: a task as a NATS micro-service of this process, until it is told to stop. */
import { availableParallelism } from 'node:os';
import process from 'node:process';
import { connectors } from '../../connectors/registry.ts';
import { defined } from '../../engine/defined.ts';
import type { LogicalPlan } from '../../engine/graph/plan.ts';
import { samplesOf } from '../../engine/metrics/samples.ts';
import type { Nats } from '../../engine/nats/nats.ts';
import { realPorts } from '../../engine/ports.ts';
import { planGraph } from '../../engine/runtime/api/open.ts';
import { directoryOf } from '../../engine/runtime/options.ts';
import { type OpenedTask, openPool, type TaskLimits } from '../../engine/task/open.ts';
import { serveTask, taskSubject } from '../../engine/task/service.ts';
import { type NatsOptions, withCluster } from '../cluster/connect.ts';
import { EXIT_FAILED, type Parameters } from '../command.ts';
import { type Observing, observe } from '../observe/observing.ts';
import { poolSamples } from '../observe/pool-samples.ts';
import type { Terminal } from '../output/terminal.ts';
import { onInterrupt } from '../signals.ts';
import { codecOf } from './codec.ts';
import { durationOf, nameOf, sizeOf, wholeOf } from './flags.ts';

export interface ServeFlags extends NatsOptions {
  readonly param: Parameters;
  readonly operator?: string;
  readonly name?: string;
  readonly workers?: string;
  readonly queue?: string;
  readonly deadline?: string;
  readonly memory?: string;
  readonly metrics?: string;
}

/** Resolves to the exit status. */
export async function serve(graph: string, flags: ServeFlags, terminal: Terminal, version: string): Promise<number> {
  const limits = limitsOf(flags);
  const plan = await planGraph(graph, { connectors, parameters: flags.param, reads: 'all' });
  const name = nameOf(flags.name ?? plan.name);
  const directory = directoryOf(plan.file);
  const named = flags.operator === undefined ? {} : { operator: flags.operator };
  const task = await openPool(plan, { ...limits, ...named, directory, ports: realPorts });
  const observing = await observed(flags, plan, name, task, terminal, version).catch(async (error: unknown) => {
    await task.pool.close();
    throw error;
  });
  try {
    return await withCluster(flags, async ({ nats, url }) => {
      const codec = codecOf(task.plan);
      const { namespace } = plan;
      const service = await serveTask({ nats, ports: realPorts, namespace, name, task, codec, version });
      const { runners } = task.pool.stats();
      await terminal.out(
        `serves ${namespace}/${name} on ${taskSubject(namespace, name)} at ${url}, ${runners} at a time\n`,
      );
      const stopped = await untilStopped(nats);
      await service.close();
      await terminal.out(saidOf(task));
      return stopped ? 0 : EXIT_FAILED;
    });
  } finally {
    await observing.close();
    await task.pool.close();
  }
}

/** Figures of the task and of what its threads keep, where a scraper is to have them. */
async function observed(
  { metrics }: ServeFlags,
  { namespace }: LogicalPlan,
  name: string,
  { pool }: OpenedTask,
  terminal: Terminal,
  version: string,
): Promise<Pick<Observing, 'close'>> {
  const say = (message: string): void => terminal.err(`${message}\n`);
  const instance = `task ${process.pid}`;
  const observing = await observe(defined({ metrics }), { instance, version, info: say, warn: say });
  observing.samples(() => {
    const threads = new Map(pool.pools().map((pools, thread) => [`${namespace}/${name} ${thread}`, pools]));
    return [...samplesOf('task', { namespace, task: name }, { ...pool.stats() }), ...poolSamples(threads, {})];
  });
  return observing;
}

function saidOf({ pool }: OpenedTask): string {
  const { calls, failed, timeouts, shed } = pool.stats();
  return `${calls} calls answered, ${failed} failed, ${timeouts} out of time, ${shed} shed\n`;
}

export function limitsOf(flags: ServeFlags): TaskLimits {
  const workers =
    flags.workers === undefined ? Math.max(1, availableParallelism() - 1) : wholeOf('workers', flags.workers, 0);
  return {
    workers,
    ...(flags.queue === undefined ? {} : { queueCalls: wholeOf('queue', flags.queue, 1) }),
    ...(flags.deadline === undefined ? {} : { deadline: durationOf('deadline', flags.deadline) }),
    ...(flags.memory === undefined ? {} : { memoryBytes: sizeOf('memory', flags.memory) }),
  };
}

/** False where the connection was closed first. */
function untilStopped(nats: Nats): Promise<boolean> {
  return new Promise((resolve) => {
    const stop = onInterrupt(
      () => end(true),
      () => process.exit(1),
    );
    const closing = nats.onStatus((status) => status === 'closed' && end(false));
    const end = (asked: boolean): void => {
      if (!asked) stop();
      closing.close();
      resolve(asked);
    };
  });
}
