/** What a move would come to, of plans alone. */
import { describe, expect, it } from 'vitest';
import { ROWS, STEPS } from '../../../test/kit/distributed-plans.ts';
import { planOf } from '../../../test/kit/plans.ts';
import { assign, distribute } from '../../compile/distribute.ts';
import type { LogicalPlan } from '../../graph/plan.ts';
import type { AppDocument } from '../documents/app.ts';
import type { AssignmentDocument } from '../documents/assignment.ts';
import { versioned } from '../documents/document.ts';
import type { AgentStatus } from '../documents/status.ts';
import { appOf, emptyAssignment } from './assign.ts';
import { entriesOf, type MoveRequest, outstanding, tryMoving, withMove } from './try-moving.ts';

const status = (site: string, tier: 'edge' | 'cloud', more: Partial<AgentStatus> = {}): AgentStatus =>
  ({
    ...{ site, agent: 'a', tier, labels: [], devices: [], workers: 2, leaving: false, handsOver: true },
    ...{ fragments: [], regions: [], ...more },
  }) as unknown as AgentStatus;

const AGENTS = [status('plant', 'edge'), status('yard', 'edge'), status('hub', 'cloud')];

const app: AppDocument = {
  ...{ ...versioned, namespace: 'default', app: 'shop', revision: 4, deployed: 4, wanted: 'running', plan: 'p' },
  ...{ parameters: [], changed: 0 },
};

/** s -> filter -> sum -> out: all but `out` in the plant. `durable`: what `filter` yields. */
function placed(durable = false) {
  const plain = planOf({
    sources: { s: { schema: ROWS } },
    operators: {
      filter: { from: ['s'], steps: STEPS.filter, output: ROWS },
      sum: { from: ['filter'], steps: STEPS.sum, output: ROWS },
    },
    sinks: { out: ['sum'] },
  });
  const bound = { maxBytes: 1e6, onFull: 'block' } as const;
  const plan: LogicalPlan = {
    ...plain,
    placement: { s: { site: 'plant' }, out: { tier: 'cloud' } },
    operators: plain.operators.map((one) => (durable && one.name === 'filter' ? { ...one, durable: bound } : one)),
  };
  const { nodes } = assign(plan, AGENTS);
  const former = distribute(plan, { nodes }, { revision: 4 });
  const regions = [...new Set(former.fragments.map(({ region }) => region))];
  const before: AssignmentDocument = {
    ...emptyAssignment(app),
    ...{ revision: 4, deployed: 4, wanted: 'running', plan: 'p', distributed: 'd', nodes: Object.fromEntries(nodes) },
    regions: Object.fromEntries(
      regions.map((name) => [name, { epoch: 1, leader: { site: 'plant', agent: 'a' }, handover: false }]),
    ),
  };
  return { trial: { plan, before, former, sites: [] }, former };
}

describe('a move that is foreseen', () => {
  const { trial, former } = placed();
  const foresee = (request: MoveRequest, agents = AGENTS) => tryMoving(trial, request, agents);

  it('names what goes where, in which region, and goes on live where agents hand over', () => {
    const found = foresee({ entries: ['sum'], site: 'hub' });
    expect(found).toMatchObject({ how: 'live', regions: ['main'], entries: [{ entry: 'sum', to: [{ site: 'hub' }] }] });
  });

  it('says why rows cannot flow on', () => {
    const old = AGENTS.map((one) => ({ ...one, handsOver: undefined }) as unknown as AgentStatus);
    expect(foresee({ entries: ['sum'], site: 'hub' }, old)).toMatchObject({
      how: 'restart',
      why: expect.stringContaining('hands nothing over'),
    });
    const elsewhere = foresee({ entries: ['sum'], site: 'yard' });
    expect(elsewhere).toMatchObject({ how: 'restart', why: 'its record and checkpoints go to another server' });
  });

  it('is refused beyond the key groups, and where a durable stream is in the way', () => {
    expect(() => foresee({ entries: ['sum'], partitions: 129 })).toThrow('from 1 to 128');
    expect(() => foresee({ entries: ['sum'], partitions: 0 })).toThrow('from 1 to 128');
    const durable = placed(true);
    const refusal = expect.objectContaining({ code: 'deploy.stream-changed' });
    expect(() => tryMoving(durable.trial, { entries: ['sum'], partitions: 2 }, AGENTS)).toThrow(refusal);
    const sender = (): unknown => tryMoving(durable.trial, { entries: ['filter'], site: 'hub' }, AGENTS);
    expect(sender).toThrow('"filter" cannot go elsewhere: the durable stream of its rows is kept there');
    expect(tryMoving(durable.trial, { entries: ['sum'], site: 'hub' }, AGENTS).entries).toMatchObject([
      { entry: 'sum' },
    ]);
    const end = (): unknown => foresee({ entries: ['s'], site: 'hub' });
    expect(end).toThrow('sources and sinks stay where they are unless they say location: any');
  });

  it('knows operators, whole cells, and the nearest right name', () => {
    expect(entriesOf('sum', former)).toEqual(['sum']);
    expect(entriesOf('filter+sum', former)).toEqual(['filter', 'sum']);
    expect(() => entriesOf('summ', former)).toThrow(expect.objectContaining({ hint: 'did you mean "sum"?' }));
  });

  it('leaves out what is so already', () => {
    const request = { entries: ['filter', 'sum'], site: 'plant' };
    expect(outstanding(request, trial.before.nodes).entries).toEqual([]);
    expect(outstanding({ ...request, partitions: 2 }, trial.before.nodes).entries).toEqual(['filter', 'sum']);
  });
});

describe('a move that is asked for', () => {
  it('is one revision later, beside what was moved before, and no deployment', () => {
    const once = withMove(app, { entries: ['sum'], site: 'hub', pauseBudget: 20 }, 7);
    expect(once).toMatchObject({ revision: 5, deployed: 4, pauseBudget: 20, changed: 7 });
    const twice = withMove(once, { entries: ['filter'], partitions: 2 }, 8);
    expect(twice.overrides).toEqual({ sum: { site: 'hub', asked: 5 }, filter: { partitions: 2, asked: 6 } });
    expect(twice.pauseBudget).toBeUndefined();
  });

  it('is given back to a server that has lost it', () => {
    const overrides = { sum: { site: 'hub', asked: 5 } };
    const assignment = { ...emptyAssignment(app), revision: 5, overrides, pauseBudget: 20 };
    expect(appOf(assignment, app, 1)).toMatchObject({ revision: 5, overrides, pauseBudget: 20 });
  });
});
