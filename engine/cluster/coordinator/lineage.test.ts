import { describe, expect, it } from 'vitest';
import { planOf } from '../../../test/kit/plans.ts';
import type { Channel, DistributedPlan, FragmentPlan } from '../../compile/fragment-plan.ts';
import type { AssignmentDocument, RegionAssignment } from '../documents/assignment.ts';
import { versioned } from '../documents/document.ts';
import { type Ancestry, checkStreams, lineageOf } from './lineage.ts';

const ROWS = { fields: [{ name: 'id', type: { kind: 'int64' } as const, nullable: false }] };
const logical = planOf({ sources: { a: { schema: ROWS }, b: { schema: ROWS } }, sinks: { out: ['a'], aside: ['b'] } });
const leader = { site: 'plant', agent: 'p' };

interface Draft {
  readonly region: string;
  readonly sources?: readonly string[];
  readonly sinks?: readonly string[];
  readonly site?: string;
  readonly durableTo?: string;
}

function fragment(name: string, { region, sources = [], sinks = [], site, durableTo }: Draft): FragmentPlan {
  const shares = [...sources, ...sinks].map((node) => {
    const share = { partition: 0, partitions: 1, firstGroup: 0, lastGroup: 127 };
    return [node, site === undefined ? share : { ...share, site }] as const;
  });
  const channel = (to: string): Channel => {
    return { id: `${name}_TO_${to}`, from: name, to, transport: 'durable', why: '', maxBytes: 1 };
  };
  const outlet = { stream: { node: sources[0] ?? '', port: '' }, schema: ROWS, exchange: { kind: 'all' } as const };
  return {
    namespace: 'default',
    app: 'shop',
    revision: 1,
    name,
    host: { ...leader, worker: 0 },
    region,
    cells: [],
    sources: logical.sources.filter((one) => sources.includes(one.name)),
    sinks: logical.sinks.filter((one) => sinks.includes(one.name)),
    shares: new Map(shares),
    inlets: [],
    outlets: durableTo === undefined ? [] : [{ ...outlet, channels: [channel(durableTo)] }],
  };
}

function ancestry(
  fragments: readonly FragmentPlan[],
  regions: Readonly<Record<string, Partial<RegionAssignment>>>,
  more: Partial<Ancestry> = {},
): Ancestry {
  const assigned = Object.entries(regions).map(([name, one]) => [name, { epoch: 1, leader, handover: true, ...one }]);
  const before: AssignmentDocument = {
    ...versioned,
    namespace: 'default',
    app: 'shop',
    revision: 1,
    deployed: 1,
    wanted: 'running',
    term: 1,
    plan: 'p',
    distributed: 'd',
    checkpoint: { every: 1, keep: 3 },
    fragments: {},
    agents: [],
    nodes: {},
    troubles: [],
    regions: Object.fromEntries(assigned) as AssignmentDocument['regions'],
  };
  const former: DistributedPlan = { logical, fragments };
  const known = { hasStarted: () => true, isForgotten: () => false };
  return { before, former, fresh: false, epoch: 9, ...known, ...more };
}

describe('the lineage of a region', () => {
  const main = fragment('a', { region: 'main', sources: ['a'], sinks: ['out'] });

  it('is its own record where that stays where it is', () => {
    expect(lineageOf('main', undefined, [main], ancestry([main], { main: {} }))).toEqual({});
  });

  it('is its former place where it moves, and the one before where it was never started there', () => {
    const moved = ancestry([main], { main: { domain: 'plant' } });
    const from = [{ region: 'main', domain: 'plant', since: 0, lost: false, from: [] }];
    expect(lineageOf('main', 'hub', [main], moved)).toEqual({ since: 9, from });
    const again = { main: { domain: 'hub', since: 9, from } };
    const back = { region: 'main', domain: 'hub', since: 9, lost: false };
    const started = ancestry([main], again);
    expect(lineageOf('main', 'plant', [main], started)).toEqual({ since: 9, from: [{ ...back, from: [] }] });
    const never = ancestry([main], again, { hasStarted: () => false });
    expect(lineageOf('main', 'plant', [main], never)).toEqual({ since: 9, from: [{ ...back, from }] });
  });

  it('goes by nodes: not the region of its name, but those that had what it has', () => {
    const others = [
      fragment('b', { region: 'main', sources: ['b'], sinks: ['aside'] }),
      fragment('a', { region: 'from_a', sources: ['a'], sinks: ['out'] }),
    ];
    const { from } = lineageOf('main', undefined, [main], ancestry(others, { main: {}, from_a: { since: 4 } }));
    expect(from).toEqual([{ region: 'from_a', since: 4, lost: false, from: [] }]);
  });

  it('is of its own site where a node runs once a site', () => {
    const at = (site: string): FragmentPlan => fragment(`a_${site}`, { region: `main_${site}`, sources: ['a'], site });
    const known = ancestry([at('x'), at('y')], { main_x: {}, main_y: {} });
    expect(lineageOf('main_x', undefined, [at('x')], known)).toEqual({});
    expect(lineageOf('main_z', undefined, [at('z')], known)).toEqual({ since: 9, from: [] });
  });

  it('is none where the state is to be dropped, and says which site was given up', () => {
    expect(lineageOf('main', undefined, [main], ancestry([main], { main: {} }, { fresh: true }))).toEqual({
      since: 9,
      from: [],
    });
    const lost = ancestry([main], { main: { domain: 'plant' } }, { isForgotten: (site) => site === 'plant' });
    expect(lineageOf('main', 'hub', [main], lost).from?.[0]?.lost).toBe(true);
  });

  const parted = [
    fragment('a', { region: 'main', sources: ['a'], durableTo: 'out' }),
    fragment('out', { region: 'after_a', sinks: ['out'] }),
  ];

  it('is refused where a durable stream parted what is to be one', () => {
    expect(() => lineageOf('main', undefined, [main], ancestry(parted, { main: {}, after_a: {} }))).toThrow(
      expect.objectContaining({ code: 'deploy.regions-joined' }),
    );
  });

  it('leaves no rows in a durable stream that nobody reads any more, though its reader is there', () => {
    const former: DistributedPlan = { logical, fragments: parted };
    expect(() => checkStreams(former, former)).not.toThrow();
    expect(() => checkStreams(former, { logical, fragments: [main] })).toThrow(
      expect.objectContaining({ code: 'deploy.stream-changed' }),
    );
    const gone = [fragment('a', { region: 'main', sources: ['a'], sinks: ['aside'] })];
    expect(() => checkStreams(former, { logical, fragments: gone })).not.toThrow();
  });
});
