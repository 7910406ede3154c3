/** A fragment on an agent while its region goes to another plan: who runs beside whom, and who ends before whom. */
import { describe, expect, it } from 'vitest';
import { fragmentOf } from '../../../test/cluster/cluster.ts';
import { MemoryBlobs, ScriptedHost } from '../../../test/cluster/scripted.ts';
import { planOf } from '../../../test/kit/plans.ts';
import { realPorts } from '../../ports.ts';
import type { Wish } from '../documents/messages.ts';
import { AgentDisk } from '../memory/agent-disk.ts';
import type { Plans } from '../plans/plans.ts';
import { Generations } from './generations.ts';
import type { HostedFragment } from './hosted-fragment.ts';

const me = { site: 'plant', agent: 'a' };
const app = { namespace: 'default', app: 'numbers' };
const FIRST = 65_536;
const SECOND = 2 * FIRST;

let serial = 0;

function wish(epoch: number, more: Partial<Wish> = {}): Wish {
  serial += 1;
  return {
    ...{ ...app, region: 'main', fragment: 'above', leader: me, host: me, epoch, serial, distributed: 'd' },
    ...{ goal: 'running', checkpointed: true, peers: {}, barrier: 0, commit: 0 },
    ...more,
  };
}

const takeover = { from: FIRST, distributed: 'd' };

class Stage {
  readonly host: ScriptedHost = new ScriptedHost();
  readonly disk: AgentDisk = new AgentDisk(new MemoryBlobs());
  readonly all: Generations;

  constructor() {
    const logical = { ...planOf({ sources: {}, sinks: {} }), namespace: 'default', name: 'numbers' };
    const fragments = [fragmentOf(logical, 'above', { ...me, worker: 0 }, 1)];
    const plans = { distributed: () => Promise.resolve({ logical, fragments }) } as Partial<Plans> as Plans;
    const { host, disk } = this;
    const context = { ports: realPorts, name: me, tier: 'edge' as const, incarnation: 'x', disk, plans, host };
    this.all = new Generations(wish(FIRST), { ...context, log: () => undefined }, () => undefined);
  }

  async until(has: () => boolean): Promise<void> {
    while (!has()) await realPorts.turn();
  }

  /** One runs, and another waits to take over from it. */
  async two(): Promise<HostedFragment> {
    await this.until(() => this.all.current.phase === 'running');
    const successor = this.all.take(wish(SECOND, { takeover }));
    await this.until(() => successor.runs && successor.phase !== 'opening');
    return successor;
  }
}

describe('a fragment that is to be taken over from', () => {
  it('runs on beside the one that does, which keeps its epoch on the disk only once that counts', async () => {
    const stage = new Stage();
    const successor = await stage.two();
    expect(stage.host.started.map(({ start }) => [start.epoch, start.takeover?.from])).toEqual([
      [FIRST, undefined],
      [SECOND, FIRST],
    ]);
    expect(stage.all.shown).not.toBe(successor);
    expect(stage.disk.epochOf(app, 'main')).toBe(FIRST);
    stage.all.take(wish(SECOND, { takeover: { ...takeover, committed: true } }));
    await stage.until(() => successor.report().taking === true);
    expect(stage.disk.epochOf(app, 'main')).toBe(SECOND);
    expect(stage.all.current.report()).toMatchObject({ epoch: FIRST, phase: 'running' });
    await stage.all.close();
  });

  it('goes on where nobody takes over after all', async () => {
    const stage = new Stage();
    const successor = await stage.two();
    stage.all.take(wish(SECOND, { takeover, goal: 'stopped' }));
    await stage.until(() => successor.idle);
    stage.all.take(wish(FIRST));
    expect(stage.all.all).toHaveLength(1);
    expect(stage.host.started[0]?.calls).not.toContain('stop discard');
    expect(stage.host.started[1]?.calls).toContain('stop discard');
    await stage.all.close();
  });

  it('makes room when it is over, and the other one is then taken over from', async () => {
    const stage = new Stage();
    const successor = await stage.two();
    const [former, next] = stage.host.started;
    next?.events.tookOver?.({ pause: 1, adopted: 1, carried: 0, bytes: 0, rounds: 0 });
    expect(stage.all.shown).toBe(successor);
    former?.events.handedOver?.(1);
    stage.all.take(wish(FIRST, { goal: 'finished' }));
    await stage.until(() => stage.all.current.phase === 'finished');
    const third = stage.all.take(wish(2 * SECOND, { takeover: { ...takeover, from: SECOND } }));
    expect(stage.all.all).toEqual([successor, third]);
    await stage.all.close();
  });

  it('ends like the other one before anything starts that takes over from neither', async () => {
    const stage = new Stage();
    await stage.two();
    const ends = Promise.withResolvers<void>();
    const successor = stage.host.started[1];
    if (successor === undefined) throw new Error('there are two');
    const stop = successor.stop.bind(successor);
    successor.stop = async (how) => {
      await ends.promise;
      await stop(how);
    };
    const again = stage.all.take(wish(SECOND + 1, { checkpoint: 3 }));
    // whoever would not wait starts on the way to the next turn
    await realPorts.turn();
    expect(stage.host.started).toHaveLength(2);
    ends.resolve();
    await stage.until(() => again.runs && again.epoch === SECOND + 1);
    expect(stage.host.started.map(({ start }) => start.epoch)).toEqual([FIRST, SECOND, SECOND + 1]);
    expect(stage.host.started[0]?.calls).toContain('stop discard');
    await stage.all.close();
  });

  it('ends when that is wished, though the ways to its own heirs are not open yet', async () => {
    const stage = new Stage();
    await stage.until(() => stage.all.current.phase === 'running');
    const [fragment] = stage.host.started;
    if (fragment === undefined) throw new Error('it was started');
    const told = Promise.withResolvers<void>();
    fragment.bequeath = () => {
      told.resolve();
      return new Promise(() => undefined);
    };
    stage.all.take(wish(FIRST, { bequest: { epoch: SECOND, distributed: 'd' } }));
    await told.promise;
    stage.all.take(wish(FIRST, { goal: 'stopped' }));
    await stage.until(() => stage.all.idle);
    expect(fragment.calls).toContain('stop discard');
    await stage.all.close();
  });
});
