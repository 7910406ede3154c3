/** A region's leader alone: no network, and of its fragment only what it reports. */
import { describe, expect, it } from 'vitest';
import { MemoryBlobs, MemoryCheckpoints } from '../../../test/cluster/scripted.ts';
import { userError } from '../../errors.ts';
import { realPorts } from '../../ports.ts';
import { emptyAssignment } from '../coordinator/assign.ts';
import type { Wanted } from '../documents/app.ts';
import type { AssignmentDocument } from '../documents/assignment.ts';
import { versioned } from '../documents/document.ts';
import type { FragmentReport, Goal } from '../documents/messages.ts';
import type { RegionRecord } from '../documents/region-record.ts';
import type { RegionPhase } from '../documents/status.ts';
import { AgentDisk } from '../memory/agent-disk.ts';
import type { RegionRecords } from '../memory/region-records.ts';
import type { RegionContext } from './context.ts';
import { RegionLeader } from './leader.ts';

const me = { site: 'plant', agent: 'a' };
const name = { namespace: 'default', app: 'shop', region: 'main' };
const epoch = 65_536;

function assignment(revision: number, wanted: Wanted = 'running'): AssignmentDocument {
  const app = { ...versioned, namespace: 'default', app: 'shop', revision, deployed: 1, wanted, plan: 'p' };
  return {
    ...emptyAssignment({ ...app, parameters: [], changed: 0 }),
    revision,
    deployed: 1,
    wanted,
    regions: { main: { epoch, leader: me, handover: false } },
    fragments: { all: { region: 'main', host: { ...me, worker: 0 } } },
  };
}

const mistaken: FragmentReport = {
  fragment: 'all',
  host: me,
  incarnation: 'x',
  epoch,
  wish: 1,
  serial: 1,
  phase: 'failed',
  committed: 0,
  trouble: { code: 'test.mistake', message: 'this cannot run', domain: 'user' },
};

/** Its leader, and how to wait until that is in a phase. */
interface Led {
  readonly leader: RegionLeader;
  /** How often its checkpoints were deleted. */
  readonly dropped: () => number;
  readonly untilDropped: () => Promise<void>;
  readonly until: (phase: RegionPhase) => Promise<void>;
  /** Until it says that this checkpoint is complete, of its own accord. */
  readonly untilComplete: (checkpoint: number) => Promise<void>;
  /** Of what it has wished of fragments. */
  readonly goals: readonly Goal[];
  /** By which it has wished it. */
  readonly plans: readonly string[];
  readonly untilPlan: (plan: string) => Promise<void>;
}

function lead(load: RegionRecords['load'], first = assignment(1)): Led {
  const records = { load, save: () => Promise.resolve(1) } as Partial<RegionRecords> as RegionRecords;
  let dropped = 0;
  const goals: Goal[] = [];
  const plans: string[] = [];
  const context: RegionContext = {
    ports: realPorts,
    name: me,
    incarnation: 'x',
    disk: new AgentDisk(new MemoryBlobs()),
    records,
    log: () => undefined,
    checkpoints: () => Promise.resolve(new MemoryCheckpoints(name)),
    putBack: () => Promise.resolve(),
    dropState: async () => {
      dropped += 1;
      look();
    },
    send: ({ goal, distributed }) => {
      goals.push(goal);
      plans.push(distributed);
      look();
    },
    isAlive: () => true,
    distributed: () => Promise.reject(new Error('there is no plan')),
  };
  const waiting = new Set<() => void>();
  const look = (): void => {
    for (const one of waiting) one();
  };
  const leader = new RegionLeader(name, first, context, look);
  const untilIt = (has: () => boolean): Promise<void> =>
    new Promise((resolve) => {
      const look = (): void => {
        if (has()) resolve();
      };
      waiting.add(look);
      look();
    });
  return {
    leader,
    goals,
    plans,
    untilPlan: (plan) => untilIt(() => plans.at(-1) === plan),
    dropped: () => dropped,
    untilDropped: () => untilIt(() => dropped > 0),
    until: (phase) => untilIt(() => leader.phase === phase),
    untilComplete: (checkpoint) => untilIt(() => leader.figures().checkpoint === checkpoint),
  };
}

/** A leader whose only fragment has failed by a mistake of the user, and was not heard of since. */
async function failed(): Promise<Led> {
  const led = lead(() => Promise.resolve({ record: undefined, revision: 0 }));
  await led.until('starting');
  led.leader.hear(mistaken);
  await led.until('failed');
  return led;
}

describe('a leader whose region does not run yet', () => {
  it('begins anew by the latest plan, though that changes what others run: the one before may be gone', async () => {
    const { leader, plans, until, untilPlan } = lead(() => Promise.resolve({ record: undefined, revision: 0 }));
    await until('starting');
    leader.follow({ ...assignment(1), distributed: 'later' });
    await until('stopping');
    const { trouble: _, ...stopped } = { ...mistaken, phase: 'stopped' as const };
    leader.hear({ ...stopped, serial: 2 });
    await untilPlan('later');
    expect(new Set(plans)).toEqual(new Set(['', 'later']));
    await leader.close();
  });
});

describe('a leader whose region runs', () => {
  it('says at once that a checkpoint is complete, which nobody who takes over must go behind', async () => {
    const { leader, until, untilComplete } = lead(() => Promise.resolve({ record: undefined, revision: 0 }));
    await until('starting');
    const { trouble: _, ...running } = { ...mistaken, phase: 'running' as const };
    leader.hear(running);
    await until('running');
    leader.follow({ ...assignment(1), asked: 2 });
    const receipt = { fragment: 'all', blobs: [], paused: 0, took: 1, bytes: 1, detail: {} };
    const saved = { checkpoint: 1, receipt };
    const said = untilComplete(1);
    for (let serial = 2; leader.figures().checkpoint === 0; serial += 1) {
      leader.hear({ ...running, serial, saved });
      await new Promise<void>((resolve) => realPorts.after(20, resolve));
    }
    await said;
    await leader.close();
  });

  it('lets go where somebody was further, though the record, on a server that has gone back, is its own', async () => {
    const own = { ...versioned, ...name, deployed: 1, holder: me, incarnation: 'x', released: false, finished: false };
    const record = { ...own, epoch, checkpoint: 0, reserved: 16 };
    let loads = 0;
    const { leader, until } = lead(() => {
      loads += 1;
      return Promise.resolve(loads === 1 ? { record: undefined, revision: 0 } : { record, revision: 1 });
    });
    await until('starting');
    leader.hear({ ...mistaken, epoch: epoch + 3 });
    await until('fenced');
    expect(leader.figures().epoch).toBe(0);
    await leader.close();
  });
});

describe('a leader whose region has ended', () => {
  it('does not count how long nothing was saved, while what it sent is waited for', async () => {
    const { leader, until } = lead(() => Promise.resolve({ record: undefined, revision: 0 }));
    await until('starting');
    const { trouble: _, ...ended } = { ...mistaken, phase: 'ended' as const };
    const receipt = { fragment: 'all', blobs: [], paused: 0, took: 1, bytes: 1, detail: {} };
    leader.hear(ended);
    await until('running');
    expect(leader.figures().unsaved).toBeGreaterThanOrEqual(0);
    for (let serial = 2; leader.figures().unsaved !== undefined; serial += 1) {
      leader.hear({ ...ended, serial, saved: { checkpoint: 1, receipt }, committed: leader.figures().checkpoint });
      await new Promise<void>((resolve) => realPorts.after(20, resolve));
    }
    expect(leader.figures()).toMatchObject({ phase: 'running', checkpoint: 1 });
    await leader.close();
  });
});

describe('a leader of what is to flow out', () => {
  const flowing: AssignmentDocument = { ...assignment(2, 'stopped'), drain: true };
  const record: RegionRecord = {
    ...versioned,
    ...name,
    deployed: 1,
    epoch: epoch + 1,
    holder: me,
    incarnation: 'killed',
    released: false,
    finished: false,
    checkpoint: 0,
    reserved: 8,
    from: [{ region: 'old', checkpoint: 2 }],
  };

  it('starts it again where whoever ran it was killed, held until all of it is there', async () => {
    const { leader, until, goals } = lead(() => Promise.resolve({ record, revision: 4 }), flowing);
    await until('starting');
    const { trouble: _, ...report } = { ...mistaken, epoch: epoch + 2 };
    for (const [index, phase] of (['opening', 'paused'] as const).entries()) {
      leader.hear({ ...report, serial: index + 1, phase });
    }
    await until('running');
    leader.hear({ ...report, serial: 3, phase: 'ready' });
    while (goals.at(-1) !== 'drained') await new Promise<void>((resolve) => realPorts.after(10, resolve));
    expect([...new Set(goals)]).toEqual(['paused', 'drained']);
    await leader.close();
  });

  it('leaves it where nothing is there that could', async () => {
    const { from: _, ...empty } = record;
    const { until, leader, goals } = lead(() => Promise.resolve({ record: empty, revision: 4 }), flowing);
    await until('stopped');
    expect(goals).toEqual([]);
    await leader.close();
  });
});

describe('a leader whose region has failed', () => {
  it('says why, of the revision that failed', async () => {
    const { leader } = await failed();
    expect(leader.figures()).toMatchObject({ revision: 1, phase: 'failed', trouble: { code: 'test.mistake' } });
    await leader.close();
  });

  it('never says of a later revision that is to run that it has failed before it was tried, and tries it', async () => {
    const { leader, until } = await failed();
    leader.follow(assignment(2));
    expect(leader.figures()).toMatchObject({ revision: 2, phase: 'acquiring' });
    await until('starting');
    await leader.close();
  });

  it('does not begin again for a later revision that is to stop', async () => {
    const { leader } = await failed();
    leader.follow(assignment(2, 'stopped'));
    expect(leader.phase).toBe('failed');
    await leader.close();
  });

  it('tries a revision that comes while it is trying another, which fails', async () => {
    const refusals: (() => void)[] = [];
    const { leader, until } = lead(() => {
      if (refusals.length > 0) return Promise.resolve({ record: undefined, revision: 0 });
      return new Promise((_, reject) => refusals.push(() => reject(userError('test.mistake', 'this cannot run'))));
    });
    leader.follow(assignment(2));
    refusals[0]?.();
    await until('starting');
    expect(leader.figures().revision).toBe(2);
    await leader.close();
  });
});

describe('a leader whose app is undeployed', () => {
  it('deletes the checkpoints, once, when what ran has stopped', async () => {
    const { leader, until, dropped, untilDropped } = lead(() => Promise.resolve({ record: undefined, revision: 0 }));
    await until('starting');
    leader.follow(assignment(2, 'undeployed'));
    await until('stopping');
    expect(dropped()).toBe(0);
    const { trouble: _, ...stopped } = { ...mistaken, phase: 'stopped' as const };
    leader.hear({ ...stopped, serial: 2 });
    await untilDropped();
    leader.follow(assignment(2, 'undeployed'));
    await leader.close();
    expect(dropped()).toBe(1);
    expect(leader.phase).toBe('stopped');
  });
});
