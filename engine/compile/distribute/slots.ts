/** Worker threads as places for partitions, the nearest first. */
import type { Host } from '../fragment-plan.ts';
import type { AgentInfo } from './agent-info.ts';

/** Workers that are gone through in turn, beginning with `first` of each agent, so that apps do not all pile up on the same one. */
export function slotsOf(agents: readonly AgentInfo[], first: number): readonly Host[] {
  return agents.flatMap(({ site, agent, workers }) =>
    Array.from({ length: Math.max(1, workers) }, (_, index) => {
      return { site, agent, worker: (first + index) % Math.max(1, workers) };
    }),
  );
}

/** Agents in the order of preference: those of `near`, those of their sites, the cloud, all others; within each as they are given. */
export function nearest(agents: readonly AgentInfo[], near: readonly Host[]): readonly AgentInfo[] {
  const rank = ({ site, agent, tier }: AgentInfo): number => {
    const at = near.findIndex((host) => host.site === site && host.agent === agent);
    if (at >= 0) return at;
    if (near.some((host) => host.site === site)) return near.length;
    return near.length + (tier === 'cloud' ? 1 : 2);
  };
  return [...agents].sort((one, other) => rank(one) - rank(other));
}

/** The worker that an app's unpartitioned nodes run on: FNV-1a of its name. */
export function firstWorker(name: string): number {
  let hash = 0x811c9dc5;
  for (const byte of new TextEncoder().encode(name)) hash = Math.imul(hash ^ byte, 0x01000193);
  return hash >>> 0;
}
