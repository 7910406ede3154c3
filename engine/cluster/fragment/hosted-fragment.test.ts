/** One fragment of an agent alone: what it makes of wishes, whatever its fragment says meanwhile. */
import { expect, it } from 'vitest';
import { fragmentOf } from '../../../test/cluster/cluster.ts';
import { MemoryBlobs, type ScriptedFragment, ScriptedHost } from '../../../test/cluster/scripted.ts';
import { planOf } from '../../../test/kit/plans.ts';
import { realPorts } from '../../ports.ts';
import type { Goal, Wish } from '../documents/messages.ts';
import type { FragmentPhase } from '../documents/status.ts';
import { AgentDisk } from '../memory/agent-disk.ts';
import type { Plans } from '../plans/plans.ts';
import { HostedFragment } from './hosted-fragment.ts';

const me = { site: 'plant', agent: 'a' };

function wish(serial: number, goal: Goal): Wish {
  return {
    namespace: 'default',
    app: 'numbers',
    region: 'main',
    fragment: 'above',
    leader: me,
    host: me,
    epoch: 65_536,
    serial,
    distributed: 'd',
    goal,
    checkpointed: true,
    peers: {},
    barrier: 0,
    commit: 0,
  };
}

interface Hosted {
  readonly hosted: HostedFragment;
  readonly host: ScriptedHost;
  readonly until: (phase: FragmentPhase) => Promise<void>;
}

function begin(): Hosted {
  const logical = { ...planOf({ sources: {}, sinks: {} }), namespace: 'default', name: 'numbers' };
  const fragments = [fragmentOf(logical, 'above', { ...me, worker: 0 }, 1)];
  const plans = { distributed: () => Promise.resolve({ logical, fragments }) } as Partial<Plans> as Plans;
  const host = new ScriptedHost();
  const disk = new AgentDisk(new MemoryBlobs());
  const looks = new Set<() => void>();
  const changed = (): void => {
    for (const look of looks) look();
  };
  const context = { ports: realPorts, name: me, tier: 'edge' as const, incarnation: 'x', disk, plans, host };
  const hosted = new HostedFragment(wish(1, 'running'), { ...context, log: () => undefined }, changed);
  const until = (phase: FragmentPhase): Promise<void> =>
    new Promise((resolve) => {
      const look = (): void => {
        if (hosted.phase === phase) resolve();
      };
      looks.add(look);
      look();
    });
  return { hosted, host, until };
}

it.each([
  ['ended', (fragment: ScriptedFragment) => fragment.end()],
  ['failed', (fragment: ScriptedFragment) => fragment.fail()],
] as const)('what has %s by the time that it is heard to go on stays so', async (phase, comeTo) => {
  const { hosted, host, until } = begin();
  hosted.take(wish(2, 'paused'));
  await until('paused');
  const { last } = host;
  last.stop = () => Promise.resolve();
  const resumed = Promise.withResolvers<void>();
  last.resume = () => {
    comeTo(last);
    resumed.resolve();
    return Promise.resolve();
  };
  hosted.take(wish(3, 'drained'));
  await resumed.promise;
  // for whatever comes after it is heard
  await new Promise<void>((resolve) => realPorts.after(0, resolve));
  expect(hosted.report().phase).toBe(phase);
  await hosted.close();
});
