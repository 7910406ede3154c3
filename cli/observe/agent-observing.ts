/** What is asked to be observed of an agent: there before the agent is, so that one that waits for its NATS server can be seen waiting. */
import type { AgentName } from '../../engine/cluster/documents/names.ts';
import type { Log } from '../../engine/cluster/process/log.ts';
import { samplesOf } from '../../engine/metrics/samples.ts';
import { agentSamples, type Observed } from './agent-samples.ts';
import { type ObserveFlags, observe } from './observing.ts';
import { poolSamples, type WorkerPools } from './pool-samples.ts';
import { processSamples } from './process-samples.ts';
import type { Traces } from './traces.ts';

export interface AgentObserving {
  readonly traces: Traces | undefined;
  /** From now on the agent's figures are told, too; `connected`: to its NATS server. */
  watch(agent: Observed, connected: () => boolean, pools: () => WorkerPools): void;
  close(): Promise<void>;
}

/** Rejects as `observe` does. */
export async function observeAgent(
  flags: ObserveFlags,
  { site, agent }: AgentName,
  version: string,
  log: Log,
): Promise<AgentObserving> {
  const place = { site, agent };
  const observing = await observe(flags, {
    instance: `${site}/${agent}`,
    version,
    info: (message) => log('info', message),
    warn: (message) => log('warn', message),
  });
  observing.samples(() => [...samplesOf('agent', place, { connected: 0 }), ...processSamples(place)]);
  return {
    traces: observing.traces,
    watch: (observed, connected, pools) =>
      observing.samples(() => [...agentSamples(observed, connected()), ...poolSamples(pools(), place)]),
    close: () => observing.close(),
  };
}
