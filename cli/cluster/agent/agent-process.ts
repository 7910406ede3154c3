/** The process behind `cloudskin agent`: connects, runs until it is told to stop, and is gone within five seconds then. */

import { resolve } from 'node:path';
import process from 'node:process';
import { Agent } from '../../../engine/cluster/agent.ts';
import type { AgentOptions } from '../../../engine/cluster/agent-options.ts';
import type { Log } from '../../../engine/cluster/process/log.ts';
import { checkPublicKey } from '../../../engine/cluster/security/trust.ts';
import { defined } from '../../../engine/defined.ts';
import { CloudskinError } from '../../../engine/errors.ts';
import { connectNats } from '../../../engine/nats/client.ts';
import type { Nats } from '../../../engine/nats/nats.ts';
import { claimsOf, readCredentials } from '../../../engine/nats/nats-js/credentials.ts';
import { pause, realPorts } from '../../../engine/ports.ts';
import { openDirectory } from '../../../engine/state/blobs/directory.ts';
import { expiryOf, logTroubles } from '../../auth/troubles.ts';
import { observeAgent } from '../../observe/agent-observing.ts';
import { milliseconds } from '../../output/durations.ts';
import { onInterrupt } from '../../signals.ts';
import { credentials, natsUrls } from '../connect.ts';
import { openAgentHost } from './agent-host.ts';
import { agentLog } from './agent-log.ts';
import { type AgentFlags, checkName, replicasOf, workersOf } from './agent-options.ts';
import { type DataDirectory, movedText, openDataDirectory } from './data-directory.ts';
import { DiskWatch } from './disk-watch.ts';
import { AgentTaskHost } from './task-host.ts';
import type { WorkerSetup } from './worker-setup.ts';

/** Milliseconds between attempts to reach a server that is not there yet. */
const RETRY = 1_000;

/** Resolves to the exit status, when the agent has stopped. */
export async function runAgent(flags: AgentFlags, version: string): Promise<number> {
  const site = checkName('site', flags.site);
  if (flags.name !== undefined) checkName('name', flags.name);
  const workers = workersOf(flags.workers);
  const replicas = replicasOf(flags.replicas);
  const leaveWithin = milliseconds('--leave-within', flags.leaveWithin);
  const trusted = flags.trust.map(checkPublicKey);
  const servers = natsUrls(flags);
  const { data, log } = openMemory(flags, site, servers);
  const observing = await observeAgent(flags, { site, agent: data.agent }, version, log);
  const { every: traceEvery, emit } = observing.traces ?? {};
  const stopping = untilSignal(log);
  const nats = await connect(flags, `agent ${site}/${data.agent}`, log, stopping);
  if (nats === undefined) {
    await observing.close();
    return 0;
  }
  const access = credentials(flags);
  const troubles = logTroubles(nats, access.credentials, realPorts, log);
  const expiry = await expiryOf(access.credentials, realPorts.now());
  if (expiry !== undefined) log('warn', expiry, { code: 'nats.credentials' });
  const disk = await openDirectory(`${data.path}/disk`);
  const setup = setupOf(flags, data, { access, ...replicas, ...defined({ traceEvery }) });
  const tasks = new AgentTaskHost(setup, version);
  const host = await openAgentHost({ nats, workers, setup, log, ...defined({ emit }) });
  const watch = DiskWatch.start(data.path, realPorts, log);
  try {
    const displaced = Promise.withResolvers<never>();
    const agent = await Agent.start({
      nats,
      ports: realPorts,
      site,
      agent: data.agent,
      tier: flags.tier,
      labels: flags.label,
      workers,
      version,
      disk,
      log,
      ...host,
      diskUse: () => watch.use,
      displaced: displaced.reject,
      ...replicas,
      tasks,
      ...(await permitted(flags)),
      ...(trusted.length === 0 ? {} : { trusted }),
    });
    observing.watch(
      agent,
      () => nats.connected,
      () => new Map([...host.host.pools(), ...tasks.pools()]),
    );
    const closed = new Promise<undefined>((resolve) => nats.onStatus((one) => one === 'closed' && resolve(undefined)));
    await end(agent, await Promise.race([stopping.promise, closed, displaced.promise]), leaveWithin);
    return 0;
  } finally {
    await watch.stop();
    await tasks.close();
    await host.host.close();
    await observing.close();
    troubles.close();
    await nats.close(500);
    data.release();
  }
}

/** On SIGTERM others have `within` milliseconds to take over what it runs. */
function end(agent: Agent, signal: NodeJS.Signals | undefined, within: number): Promise<void> {
  return signal === 'SIGTERM' && within > 0 ? agent.leave(within) : agent.stop();
}

/** Of its worker threads. */
function setupOf(
  flags: AgentFlags,
  { path, agent }: DataDirectory,
  rest: Pick<WorkerSetup, 'access' | 'replicas' | 'traceEvery'>,
): WorkerSetup {
  const { keyFile, metrics, site } = flags;
  return {
    servers: natsUrls(flags),
    name: `agent ${site}/${agent}`,
    directory: path,
    ...(keyFile === undefined ? {} : { keyFile: resolve(keyFile) }),
    ...(metrics === undefined ? {} : { tellsPools: true }),
    ...rest,
  };
}

function openMemory(
  flags: AgentFlags,
  site: string,
  servers: readonly string[],
): { readonly data: DataDirectory; readonly log: Log } {
  const data = openDataDirectory(flags.data, { site, name: flags.name, servers });
  const log = agentLog(flags.logLevel, { site, agent: data.agent });
  // who names a directory knows whose it is
  const moved = flags.data === undefined ? movedText(data, servers) : undefined;
  if (moved !== undefined) log('warn', moved, { code: 'agent.moved' });
  return { data, log };
}

interface Stopping {
  readonly promise: Promise<NodeJS.Signals>;
  readonly signal: AbortSignal;
}

/** The first signal asks, the second one does not wait. */
function untilSignal(log: Log): Stopping {
  const abort = new AbortController();
  const promise = new Promise<NodeJS.Signals>((resolve) => {
    const ask = (name: NodeJS.Signals): void => {
      log('info', `${name}: stops`);
      abort.abort();
      resolve(name);
    };
    onInterrupt(ask, () => process.exit(1));
  });
  return { promise, signal: abort.signal };
}

/** The apps and tasks that the credentials name, where they name any: permission to read of others is not given. */
async function permitted(flags: AgentFlags): Promise<Pick<AgentOptions, 'apps' | 'permittedTasks'>> {
  const { credentials: given } = credentials(flags);
  const tags = given === undefined ? [] : (claimsOf(await readCredentials(given))?.tags ?? []);
  if (!tags.includes('apps')) return {};
  const named = (prefix: string): readonly string[] =>
    tags.flatMap((tag) => (tag.startsWith(prefix) ? [tag.slice(prefix.length)] : []));
  return { apps: named('app:'), permittedTasks: named('task:') };
}

/** Waits for a server that is not there yet; undefined where the process is told to stop first. */
async function connect(flags: AgentFlags, name: string, log: Log, stopping: Stopping): Promise<Nats | undefined> {
  const { promise, signal } = stopping;
  const stopped = promise.then(() => undefined);
  const servers = natsUrls(flags);
  for (let attempt = 1; !signal.aborted; attempt++) {
    try {
      return await Promise.race([connectNats({ servers, name, ...credentials(flags) }), stopped]);
    } catch (error) {
      if (!(error instanceof CloudskinError) || !error.retry) throw error;
      if (attempt === 1) log('warn', `waits for a NATS server: ${error.message}`, { code: error.code });
      await pause(realPorts, RETRY);
    }
  }
  return undefined;
}
