/** The endpoint of an agent: there before the agent is, so that one that waits for its NATS server can be seen waiting. */
import type { AgentName } from '../../engine/cluster/documents.ts';
import type { Sample } from '../../engine/metrics/samples.ts';
import { samplesOf } from '../../engine/metrics/samples.ts';
import { agentSamples, type Observed } from './agent-samples.ts';
import { parseAddress, serveMetrics } from './metrics-server.ts';
import { processSamples } from './process-samples.ts';

export interface AgentMetrics {
  readonly url: string;
  /** From now on the agent's figures are told, too; `connected`: to its NATS server. */
  observe(agent: Observed, connected: () => boolean): void;
  close(): Promise<void>;
}

/** Rejects with `metrics.bad-address` and `metrics.cannot-listen`. */
export async function serveAgentMetrics(address: string, { site, agent }: AgentName): Promise<AgentMetrics> {
  const place = { site, agent };
  let samples = (): readonly Sample[] => [...samplesOf('agent', place, { connected: 0 }), ...processSamples(place)];
  const { url, close } = await serveMetrics(parseAddress(address), () => samples());
  return {
    url,
    close,
    observe(observed, connected) {
      samples = () => agentSamples(observed, connected());
    },
  };
}
