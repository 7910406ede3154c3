/** A region's leader that goes to another plan while rows flow: no network, and of fragments only what they are wished and report. */
import { describe, expect, it } from 'vitest';
import { MemoryBlobs, MemoryCheckpoints } from '../../../test/cluster/scripted.ts';
import type { DistributedPlan, FragmentPlan, Host } from '../../compile/fragment-plan.ts';
import type { LogicalPlan } from '../../graph/plan.ts';
import { realPorts } from '../../ports.ts';
import { emptyAssignment } from '../coordinator/assign.ts';
import type { AssignmentDocument } from '../documents/assignment.ts';
import { versioned } from '../documents/document.ts';
import { nextStep } from '../documents/epochs.ts';
import type { FragmentReport, Wish } from '../documents/messages.ts';
import type { RegionRecord } from '../documents/region-record.ts';
import { AgentDisk } from '../memory/agent-disk.ts';
import type { RegionRecords } from '../memory/region-records.ts';
import { RegionLeader } from './leader.ts';

const me = { site: 'plant', agent: 'a' };
const other = { site: 'centre', agent: 'b' };
const name = { namespace: 'default', app: 'shop', region: 'main' };
const FIRST = nextStep([]);
const SECOND = nextStep([FIRST]);

const plan = (fragment: string, host: Host): FragmentPlan => ({
  ...{ namespace: 'default', app: 'shop', revision: 1, name: fragment, host, region: 'main' },
  ...{ sources: [], cells: [], sinks: [], shares: new Map(), inlets: [], outlets: [] },
});

const logical = {} as LogicalPlan;
const plans: Readonly<Record<string, DistributedPlan>> = {
  here: { logical, fragments: [plan('all', { ...me, worker: 0 })] },
  there: { logical, fragments: [plan('all', { ...other, worker: 0 })] },
};

function assignment(revision: number, epoch: number, distributed: string, live = true): AssignmentDocument {
  const app = { ...versioned, namespace: 'default', app: 'shop', revision, deployed: 1, plan: 'p' };
  const host = plans[distributed]?.fragments[0]?.host ?? { ...me, worker: 0 };
  return {
    ...emptyAssignment({ ...app, wanted: 'running', parameters: [], changed: 0 }),
    ...{ revision, deployed: 1, wanted: 'running', distributed },
    regions: { main: { epoch, leader: me, handover: true, ...(live ? { live } : {}) } },
    fragments: { all: { region: 'main', host } },
  };
}

/** A leader, and agents that say what the test has them say. */
class Stage {
  readonly leader: RegionLeader;
  readonly wishes: Wish[] = [];
  record: RegionRecord | undefined;
  readonly #waiting = new Set<() => void>();
  #serial = 0;

  constructor() {
    const save = async (record: RegionRecord): Promise<number> => {
      this.record = record;
      this.#look();
      return 1;
    };
    const checkpoints = new MemoryCheckpoints(name);
    const load = () => Promise.resolve({ record: this.record, revision: 0 });
    this.leader = new RegionLeader(
      name,
      assignment(1, FIRST, 'here'),
      {
        ports: realPorts,
        name: me,
        incarnation: 'x',
        disk: new AgentDisk(new MemoryBlobs()),
        records: { load, save } as Partial<RegionRecords> as RegionRecords,
        log: () => undefined,
        checkpoints: () => Promise.resolve(checkpoints),
        putBack: () => Promise.resolve(),
        dropState: () => Promise.resolve(),
        send: (wish) => {
          this.wishes.push(wish);
          this.#look();
        },
        isAlive: () => true,
        distributed: (digest) => Promise.resolve(plans[digest] ?? { logical, fragments: [] }),
      },
      () => this.#look(),
    );
  }

  /** The first wish from now on, or the last one before, that is like it. */
  async wished(epoch: number, like: (wish: Wish) => boolean): Promise<Wish> {
    let found: Wish | undefined;
    await this.until(() => {
      found = this.wishes.findLast((wish) => wish.epoch === epoch);
      return found !== undefined && like(found);
    });
    return found as Wish;
  }

  until(has: () => boolean): Promise<void> {
    return new Promise((resolve) => {
      const look = (): void => {
        if (has()) resolve();
      };
      this.#waiting.add(look);
      look();
    });
  }

  report(epoch: number, news: Partial<FragmentReport>): void {
    const host = epoch >= SECOND ? other : me;
    const common = { fragment: 'all', host, incarnation: 'y', wish: 1, committed: 0, phase: 'running' as const };
    this.#serial += 1;
    this.leader.hear({ ...common, epoch, serial: this.#serial, ...news });
  }

  /** One fragment runs, and another is prepared to take over from it. */
  async changing(live = true): Promise<void> {
    await this.until(() => this.leader.phase === 'starting');
    this.report(FIRST, {});
    await this.until(() => this.leader.phase === 'running');
    this.leader.follow(assignment(2, SECOND, 'there', live));
  }

  /** The record says that the new one counts. */
  async switching(): Promise<void> {
    await this.changing();
    await this.wished(SECOND, ({ takeover }) => takeover !== undefined);
    this.report(SECOND, { phase: 'ready' });
    await this.wished(SECOND, ({ takeover }) => takeover?.committed === true);
  }

  #look(): void {
    for (const one of [...this.#waiting]) one();
  }
}

const receipt = { fragment: 'all', blobs: [], paused: 0, took: 1, bytes: 1, detail: {} };
const figures = { pause: 3, adopted: 1, carried: 2, bytes: 40, rounds: 1 };

describe('a leader whose region is to run elsewhere', () => {
  it('prepares the new fragment, makes its epoch the one that counts, then has the former one hand over', async () => {
    const stage = new Stage();
    await stage.changing();
    const prepared = await stage.wished(SECOND, ({ takeover }) => takeover !== undefined);
    expect(prepared.takeover).toEqual({ from: FIRST, distributed: 'here' });
    expect(prepared.host).toEqual(other);
    expect(stage.record).toMatchObject({ epoch: FIRST, prepared: SECOND });
    const told = await stage.wished(FIRST, ({ bequest }) => bequest !== undefined);
    expect(told).toMatchObject({ bequest: { epoch: SECOND, distributed: 'there' }, barrier: 0 });

    stage.report(SECOND, { phase: 'ready' });
    await stage.wished(SECOND, ({ takeover }) => takeover?.committed === true);
    expect(stage.record).toMatchObject({ epoch: SECOND, checkpoint: 0 });
    expect(stage.record?.prepared).toBeUndefined();
    expect(stage.wishes.some(({ handover }) => handover === true)).toBe(false);

    stage.report(SECOND, { phase: 'ready', taking: true });
    const { barrier } = await stage.wished(FIRST, ({ handover }) => handover === true);
    stage.report(FIRST, { saved: { checkpoint: barrier, receipt }, handedOver: true });
    await stage.wished(SECOND, ({ commit }) => commit === barrier);
    expect(stage.record).toMatchObject({ epoch: SECOND, checkpoint: barrier });

    stage.report(SECOND, { taking: true, tookOver: figures, committed: barrier });
    await stage.wished(FIRST, ({ goal }) => goal === 'finished');
    stage.report(FIRST, { phase: 'finished', handedOver: true });
    await stage.until(() => stage.leader.figures().move !== undefined);
    expect(stage.leader.figures()).toMatchObject({
      ...{ phase: 'running', epoch: SECOND, restarts: 0, checkpoint: barrier },
      move: { how: 'live', revision: 2, pause: 3, bytes: 40, adopted: 1, carried: 2, lost: 0, duplicated: 0 },
    });
    await stage.leader.close();
  });

  it('leaves it where it is, where the agent that is to take it refuses', async () => {
    const stage = new Stage();
    await stage.changing();
    await stage.wished(SECOND, ({ takeover }) => takeover !== undefined);
    const trouble = { code: 'trust.unsigned', message: 'nobody signed it', domain: 'user' as const };
    stage.report(SECOND, { phase: 'failed', trouble });
    await stage.wished(FIRST, ({ bequest }) => bequest === undefined);
    await stage.wished(SECOND, ({ goal }) => goal === 'stopped');
    expect(stage.leader.figures()).toMatchObject({
      phase: 'running',
      epoch: FIRST,
      trouble: { code: 'trust.unsigned' },
    });
    expect(stage.wishes.some(({ epoch, goal }) => epoch === FIRST && goal === 'stopped')).toBe(false);
    await stage.leader.close();
  });

  it('stops it for its new place, where the agent that is to take it is lost while it is prepared', async () => {
    const stage = new Stage();
    await stage.changing();
    await stage.wished(SECOND, ({ takeover }) => takeover !== undefined);
    stage.report(SECOND, { phase: 'absent' });
    // a last checkpoint comes first
    const { barrier } = await stage.wished(FIRST, (wish) => wish.barrier > 0);
    stage.report(FIRST, { saved: { checkpoint: barrier, receipt } });
    await stage.wished(FIRST, ({ commit }) => commit === barrier);
    stage.report(FIRST, { saved: { checkpoint: barrier, receipt }, committed: barrier });
    await stage.wished(FIRST, ({ goal }) => goal === 'stopped');
    stage.report(FIRST, { phase: 'stopped', committed: barrier });
    const next = await stage.wished(SECOND + 1, ({ takeover }) => takeover === undefined);
    expect(next.checkpoint).toBe(barrier);
    await stage.leader.close();
  });

  it('stops it at once, where an agent cannot hand over', async () => {
    const stage = new Stage();
    await stage.changing(false);
    await stage.wished(FIRST, ({ barrier }) => barrier > 0);
    expect(stage.wishes.some(({ epoch }) => epoch >= SECOND)).toBe(false);
    await stage.leader.close();
  });

  it('starts both anew, one higher, where one fails when the new one counts already', async () => {
    const stage = new Stage();
    await stage.switching();
    const trouble = { code: 'test.failed', message: 'it was made to fail', domain: 'external' as const };
    stage.report(FIRST, { phase: 'failed', trouble });
    await stage.wished(FIRST, ({ goal }) => goal === 'stopped');
    await stage.wished(SECOND, ({ goal }) => goal === 'stopped');
    stage.report(SECOND, { phase: 'stopped' });
    await stage.wished(SECOND + 1, ({ goal, takeover }) => goal === 'running' && takeover === undefined);
    expect(stage.record?.epoch).toBe(SECOND + 1);
    await stage.leader.close();
  });
});
