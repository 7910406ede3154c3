/** What is wrong, worked out of what documents and agents say. */
import { describe, expect, it } from 'vitest';
import type { AssignmentDocument } from '../../engine/cluster/documents/assignment.ts';
import type { RegionRecord } from '../../engine/cluster/documents/region-record.ts';
import type {
  AgentStatus,
  FragmentFigures,
  RegionFigures,
  SilentAgent,
} from '../../engine/cluster/documents/status.ts';
import { type Health, healthOf, troubleLine } from './health.ts';
import { type AppOverview, missingAgents, type Overview } from './overview.ts';
import { settled } from './settled-regions.ts';
import { overviewText } from './status-text.ts';

const NOW = 1_700_000_000_000;
const name = { namespace: 'default', app: 'shop' };

const silent: SilentAgent = {
  site: 'plant',
  agent: 'plant-1',
  tier: 'edge',
  workers: 2,
  version: '1',
  silent: 12_000,
  left: false,
};

function agent(site: string, coordinator = false): AgentStatus {
  return {
    format: 1,
    oldest: 1,
    site,
    agent: `${site}-1`,
    incarnation: 'i',
    serial: 1,
    started: 0,
    version: '1',
    tier: 'cloud',
    labels: [],
    devices: ['cpu'],
    workers: 1,
    domain: '',
    hub: '',
    jetstream: true,
    nats: '',
    coordinator,
    leaving: false,
    fragments: [],
    regions: [],
  } as unknown as AgentStatus;
}

function region(figures: Partial<RegionFigures> = {}): RegionFigures {
  return {
    ...name,
    region: 'main',
    deployed: 1,
    revision: 1,
    epoch: 1,
    phase: 'running',
    restarts: 0,
    checkpoint: 7,
    ...figures,
  };
}

function fragment(site: string, figures: Partial<FragmentFigures> = {}): AppOverview['fragments'][number] {
  return {
    ...name,
    fragment: site,
    region: 'main',
    worker: 0,
    revision: 1,
    epoch: 1,
    phase: 'running',
    waiting: [],
    channels: [],
    rowsIn: 0,
    rowsOut: 0,
    rowsPerSecond: 0,
    late: 0,
    errors: 0,
    memory: 0,
    site,
    agent: `${site}-1`,
    ...figures,
  };
}

interface Case {
  readonly document?: object;
  readonly assignment?: object;
  readonly wanted?: 'running' | 'paused' | 'stopped';
  readonly regions?: readonly RegionFigures[];
  readonly fragments?: AppOverview['fragments'];
  readonly overview?: Partial<Overview>;
}

/** An app with fragment `hub` at hub/hub-1, which leads its region, and `plant` at plant/plant-1. */
function overviewOf({ wanted = 'running', regions, fragments, overview = {}, ...more }: Case): Overview {
  const host = (site: string) => ({ region: 'main', host: { site, agent: `${site}-1`, worker: 0 } });
  const app = {
    document: { ...name, revision: 1, deployed: 1, wanted, ...more.document },
    assignment: {
      ...name,
      revision: 1,
      deployed: 1,
      wanted,
      distributed: 'digest',
      troubles: [],
      checkpoint: { every: 10_000, keep: 3 },
      regions: { main: { leader: { site: 'hub', agent: 'hub-1' }, epoch: 1 } },
      fragments: { hub: host('hub'), plant: host('plant') },
      ...more.assignment,
    },
    regions: regions ?? [region()],
    fragments: fragments ?? [fragment('hub'), fragment('plant')],
  } as unknown as AppOverview;
  return {
    at: NOW,
    agents: [agent('hub', true), agent('plant')],
    silent: [],
    lease: undefined,
    sites: [],
    apps: [app],
    ...overview,
  };
}

function assignmentOf(app: AppOverview | undefined): AssignmentDocument {
  if (app?.assignment === undefined) throw new Error('no assignment');
  return app.assignment;
}

function healthOfCase(one: Case): Health {
  return healthOf(overviewOf(one));
}

function told(one: Case): readonly [string | undefined, ...string[]] {
  const [app] = healthOfCase(one).apps;
  return [app?.state, ...(app?.troubles ?? []).map((trouble) => `${trouble.code} ${troubleLine(trouble)}`)];
}

describe('the health of an app', () => {
  it('is its state, with nothing to say, where all is well', () => {
    expect(told({})).toEqual(['running']);
    expect(told({ wanted: 'paused' })).toEqual(['paused']);
    expect(healthOfCase({}).troubles).toEqual([]);
  });

  it('is degraded where its logs wait for room on the disk of their agent, and only its', () => {
    const log = (app: string) => ({ kind: 'channel', namespace: 'default', app, name: 'minutes', bytes: 2_100_000 });
    const disk = { directory: '/data', free: 812_000, size: 3e6, reserve: 1_350_000, short: true, since: NOW - 40_000 };
    const agents = (app: string) => [
      agent('hub', true),
      { ...agent('plant'), disk: { ...disk, logs: [log(app), { ...log(app), kind: 'journal' }] } } as AgentStatus,
    ];
    const what = 'durable stream minutes (2.1 MB), the journal of minutes (2.1 MB)';
    const line = `agent.disk-short disk of agent plant/plant-1: 812 kB are free for /data, and 1.4 MB are kept for checkpoints: no more room for ${what}, for 40 s`;
    expect(told({ overview: { agents: agents('shop') } })).toEqual(['degraded', line]);
    expect(told({ overview: { agents: agents('other') } })).toEqual(['running']);
    const { troubles } = healthOfCase({ overview: { agents: agents('other') } });
    expect(troubles.map(({ code }) => code)).toEqual(['agent.disk-short']);
  });

  it('is degraded where an agent that runs some of it is silent, which names what is unreachable and for how long', () => {
    const overview = { agents: [agent('hub', true)], silent: [silent] };
    expect(told({ fragments: [fragment('hub')], overview })).toEqual([
      'degraded',
      'cluster.agent-silent agent plant/plant-1: is silent; unreachable on site plant: plant, for 12 s',
    ]);
  });

  it('names a leader that is gone, besides what it ran', () => {
    const lost = { ...silent, site: 'hub', agent: 'hub-1' };
    const overview = { agents: [agent('plant', true)], silent: [lost] };
    const [state, ...lines] = told({ regions: [], fragments: [fragment('plant')], overview });
    expect(state).toBe('unreachable');
    expect(lines).toEqual([
      'cluster.agent-silent agent hub/hub-1: is silent; unreachable on site hub: hub, for 12 s',
      'cluster.no-leader region main: nobody leads it: hub/hub-1 is to, and says nothing of it, for 12 s',
    ]);
  });

  it('names a fragment that its agent does not run', () => {
    expect(told({ fragments: [fragment('hub')] })).toEqual([
      'degraded',
      'cluster.unreachable fragment plant at plant/plant-1: its agent does not run it',
    ]);
  });

  it('says nothing of what is not there because it has finished or was stopped', () => {
    const gone = { fragments: [], overview: { agents: [agent('hub', true)], silent: [silent] } };
    expect(told({ ...gone, regions: [region({ phase: 'finished' })] })).toEqual(['finished']);
    expect(told({ ...gone, wanted: 'stopped', regions: [region({ phase: 'stopped' })] })).toEqual(['stopped']);
  });

  it('is finished by its records where no agent is left to say so', () => {
    const overview = { agents: [agent('port', true)], silent: [silent] };
    const gone: Case = { regions: [], fragments: [], overview };
    expect(told(gone)[0]).toBe('unreachable');
    const [before] = overviewOf(gone).apps;
    const record = { ...name, region: 'main', deployed: 1, epoch: 9, finished: true, released: false, checkpoint: 7 };
    const from = (change: object) => settled({ ...record, ...change } as RegionRecord, assignmentOf(before));
    expect(told({ ...gone, regions: from({}) })).toEqual(['finished']);
    expect(from({ deployed: 0 }), 'of an earlier deployment').toEqual([]);
    expect(from({ finished: false, released: true }), 'let go, to be run by another').toEqual([]);
    const stopped = settled({ ...record, finished: false, released: true } as unknown as RegionRecord, {
      ...assignmentOf(before),
      wanted: 'stopped',
    });
    expect(told({ ...gone, wanted: 'stopped', regions: stopped })).toEqual(['stopped']);
  });

  it('tells of a checkpoint that is three intervals overdue, and what it waits for', () => {
    expect(told({ regions: [region({ unsaved: 29_000, hindrance: 'it waits for plant' })] })).toEqual(['running']);
    expect(told({ regions: [region({ unsaved: 31_000, hindrance: 'it waits for plant' })] })).toEqual([
      'degraded',
      'checkpoint.overdue region main: no checkpoint was completed, though one is due every 10 s: it waits for plant, for 31 s',
    ]);
  });

  it('says which revision runs where the latest cannot be placed, and is not placed where none runs', () => {
    const troubles = [
      { code: 'placement.nowhere', message: 'revision 1 stays, revision 2 cannot be placed: no agent' },
    ];
    const document = { revision: 2, deployed: 2 };
    const stuck: Case = { document, assignment: { revision: 2, troubles } };
    expect(told(stuck)).toEqual([
      'degraded',
      'placement.nowhere placement: revision 1 stays, revision 2 cannot be placed: no agent',
    ]);
    const text = overviewText(overviewOf(stuck), healthOfCase(stuck), { color: false });
    expect(text).toMatch(/shop +degraded +1, 2 not placed /);
    const none = { ...stuck, assignment: { revision: 2, deployed: 0, distributed: '', troubles } };
    expect(told(none)[0]).toBe('not placed');
  });

  it('names what waits in a durable stream for a region that does not run, once what is above has ended', () => {
    const host = (site: string, region: string) => ({ region, host: { site, agent: `${site}-1`, worker: 0 } });
    const assignment = {
      regions: { main: { leader: agent('plant') }, after_twice: { leader: agent('hub') } },
      fragments: { plant: host('plant', 'main'), hub: host('hub', 'after_twice') },
    };
    const channel = { channel: 'twice_FROM_plant_TO_hub', connected: false, rows: 10, bytes: 10, queued: 2_048 };
    const above = (phase: 'ended' | 'finished') => fragment('plant', { phase, channels: [channel] });
    const below = region({ region: 'after_twice', phase: 'backoff' });
    const main = region({ completed: NOW - 9_000 });
    const line = 'region main has ended, and 2 KiB wait for region after_twice, which is restarting, for 9 s';
    for (const phase of ['ended', 'finished'] as const) {
      const [, ...lines] = told({ assignment, fragments: [above(phase), fragment('hub')], regions: [main, below] });
      expect(lines).toEqual([`stream.undrained stream twice: ${line}`]);
    }
    const read = [main, { ...below, phase: 'running' as const }];
    expect(told({ assignment, fragments: [above('ended'), fragment('hub')], regions: read })).toEqual(['running']);
  });

  it('tells what a connector goes on trying', () => {
    const retry = { node: 'sink out', server: 'postgres db:5432', reason: 'connection refused', lasts: 9_000 };
    const fragments = [fragment('hub', { retries: [{ ...retry, attempts: 4 }] }), fragment('plant')];
    expect(told({ fragments })).toEqual([
      'degraded',
      'connector.retrying sink out of fragment hub at hub/hub-1: postgres db:5432: connection refused; tried again 4 times, for 9 s',
    ]);
    const once = [fragment('hub', { retries: [{ ...retry, lasts: 400, attempts: 1 }] }), fragment('plant')];
    expect(told({ fragments: once })).toEqual(['running']);
  });

  it('tells once what a region and its fragment both tell', () => {
    const trouble = { code: 'sink.failed', message: 'disk full' };
    const regions = [region({ phase: 'backoff', trouble: { ...trouble, message: 'hub: disk full' } })];
    expect(told({ regions, fragments: [fragment('hub', { trouble }), fragment('plant')] })).toEqual([
      'restarting',
      'sink.failed region main: hub: disk full',
    ]);
  });

  it('tells since when nobody coordinates, unless the last one may be slow to answer only', () => {
    const agents = [agent('hub'), agent('plant')];
    const lease = (age: number) => ({
      format: 1,
      oldest: 1,
      holder: { site: 'hub', agent: 'hub-1' },
      incarnation: 'i',
      renewed: NOW - age,
    });
    expect(told({ overview: { agents, lease: lease(4_000) } })).toEqual(['running']);
    const [state, line] = told({ overview: { agents, lease: lease(40_000) } });
    expect(state).toBe('degraded');
    expect(line).toMatch(/^cluster\.no-coordinator coordinator: .*, for 40 s$/);
    expect(told({ overview: { agents } })[1]).toMatch(/^cluster\.no-coordinator/);
  });
});

describe('a site whose agents are of two tiers', () => {
  it('is a trouble of the cluster', () => {
    const edge = { ...agent('hub'), agent: 'x', tier: 'edge' as const };
    const { troubles } = healthOfCase({ overview: { agents: [agent('hub', true), edge, agent('plant')] } });
    expect(troubles.map(({ code, where }) => `${code} ${where}`)).toEqual(['agent.other-tier site hub']);
  });
});

describe('agents that are missing', () => {
  it('are those that should run something, also where nobody is left that heard them', () => {
    const [app] = overviewOf({}).apps;
    const info = (site: string) => ({ site, agent: `${site}-1`, tier: 'edge', workers: 2, labels: [], devices: [] });
    const agents = ['hub', 'plant', 'port'].map(info);
    const lease = { holder: { site: 'hub', agent: 'hub-1' }, incarnation: 'i', renewed: NOW - 9_000 };
    const missing = missingAgents({
      ...overviewOf({ overview: { agents: [agent('port')] } }),
      lease: { format: 1, oldest: 1, ...lease },
      apps: [{ ...app, assignment: { ...app?.assignment, agents } } as unknown as AppOverview],
    });
    expect(missing.map((one) => [one.site, one.silent])).toEqual([
      ['hub', 9_000],
      ['plant', undefined],
    ]);
  });
});

describe('status of a cluster', () => {
  it('keeps a silent agent in the table, and says each trouble once', () => {
    const overview = overviewOf({
      fragments: [fragment('hub')],
      overview: { agents: [agent('hub')], silent: [silent] },
    });
    const lines = overviewText(overview, healthOf(overview), { color: false }).split('\n');
    expect(lines.filter((line) => /^plant .* silent 12 s$/.test(line))).toHaveLength(1);
    expect(lines.filter((line) => /^shop +degraded /.test(line))).toHaveLength(1);
    expect(lines.filter((line) => line.startsWith('cluster.no-coordinator'))).toHaveLength(1);
    expect(lines.filter((line) => line.startsWith('shop: cluster.agent-silent'))).toHaveLength(1);
    expect(lines.filter((line) => line.startsWith('cluster.agent-silent'))).toHaveLength(0);
  });

  it('fits into forty columns, and leaves nothing out', () => {
    const overview = overviewOf({});
    const text = overviewText(overview, healthOf(overview), { color: false, width: 40 });
    for (const line of text.split('\n')) expect(line.length).toBeLessThanOrEqual(40);
    expect(text).toContain('hub\n  tier cloud  agent hub-1  workers 1');
    expect(text).toContain('version 1  coordinator');
  });
});
