/** Permissions derived of plans: what a site needs is in them, what is others' is not. */
import { describe, expect, it } from 'vitest';
import { ROWS, STEPS } from '../../../test/kit/distributed-plans.ts';
import { planOf } from '../../../test/kit/plans.ts';
import { distribute } from '../../compile/distribute.ts';
import type { DistributedPlan, Host } from '../../compile/fragment-plan.ts';
import { channelSubject } from '../../transport/nats.ts';
import {
  appKey,
  assignmentKey,
  eventsSubject,
  regionKey,
  reportSubject,
  stateBucket,
  wishSubject,
} from '../documents/names.ts';
import {
  adminPermissions,
  agentPermissions,
  anyApp,
  linkPermissions,
  merged,
  movableShare,
  type Permissions,
  permissionsOf,
  type SitePlace,
} from './permissions.ts';
import { callerPermissions, taskServing } from './task-permissions.ts';

const PLANT: SitePlace = { site: 'plant', tier: 'edge', domain: 'plant', hub: 'hub' };
const YARD: SitePlace = { site: 'yard', tier: 'edge', domain: 'yard', hub: 'hub' };
const CLOUD: SitePlace = { site: 'center', tier: 'cloud', domain: 'hub', hub: 'hub' };

/** s and filter in the plant, out in the cloud; of an app in a namespace. */
function plan(
  namespace: string,
  app: string,
  sites: readonly string[] = ['plant', 'plant', 'center'],
): DistributedPlan {
  const plain = planOf({
    sources: { s: { schema: ROWS } },
    operators: { filter: { from: ['s'], steps: STEPS.filter, output: ROWS } },
    sinks: { out: ['filter'] },
  });
  const host = (site = ''): readonly Host[] => [{ site, agent: `${site}-1`, worker: 0 }];
  const nodes = new Map(['s', 'filter', 'out'].map((name, index) => [name, host(sites[index])]));
  return distribute({ ...plain, namespace, name: app }, { nodes }, { revision: 1 });
}

const domainOf = (site: string): string => (site === 'center' ? 'hub' : site);

function matches(pattern: string, subject: string): boolean {
  const wanted = pattern.split('.');
  const given = subject.split('.');
  for (const [index, token] of wanted.entries()) {
    if (token === '>') return given.length > index;
    if (given[index] === undefined || (token !== '*' && token !== given[index])) return false;
  }
  return wanted.length === given.length;
}

function may({ publish, denied = [] }: Permissions, subject: string): boolean {
  const among = (patterns: readonly string[]): boolean => patterns.some((pattern) => matches(pattern, subject));
  return among(publish) && !among(denied);
}

function mayHear({ subscribe }: Permissions, subject: string): boolean {
  return subscribe.some((pattern) => matches(pattern, subject));
}

const NOTHING: Permissions = { publish: [], subscribe: [] };
const channel = (id: string): string => `cs.default.shop.ch.${id}.data`;
const SHOP = { namespace: 'default', app: 'shop' };
const CHANNEL = 'filter_FROM_s_TO_out';
const way = (which: 'data' | 'ack', app = SHOP): string => `cs.${app.namespace}.${app.app}.ch.${CHANNEL}.${which}`;

describe('the share of a site', () => {
  const plant = merged([
    agentPermissions(PLANT, 'agent-plant'),
    permissionsOf(plan('default', 'shop'), PLANT, domainOf),
  ]);
  const yard = merged([agentPermissions(YARD, 'agent-yard'), permissionsOf(plan('default', 'shop'), YARD, domainOf)]);
  const cloud = merged([
    agentPermissions(CLOUD, 'agent-center'),
    permissionsOf(plan('default', 'shop'), CLOUD, domainOf),
  ]);

  it('has each way of a channel at the end where it begins', () => {
    expect([may(plant, way('data')), mayHear(plant, way('ack'))]).toEqual([true, true]);
    expect([may(cloud, way('ack')), mayHear(cloud, way('data'))]).toEqual([true, true]);
    expect([may(plant, way('ack')), mayHear(plant, way('data'))]).toEqual([false, false]);
    expect([may(cloud, way('data')), mayHear(cloud, way('ack'))]).toEqual([false, false]);
    for (const which of ['data', 'ack'] as const) {
      expect([may(yard, way(which)), mayHear(yard, way(which))]).toEqual([false, false]);
    }
  });

  it('takes what is handed over at its own site, and sends it to those that the app is at, and nobody else does', () => {
    const ho = (site: string, which: 'data' | 'ack'): string =>
      channelSubject({ ...SHOP, channel: 'filter_HANDS_3_TO_filter', site }, which);
    expect([may(plant, ho('center', 'data')), mayHear(plant, ho('center', 'ack'))]).toEqual([true, true]);
    expect([may(plant, ho('plant', 'ack')), mayHear(plant, ho('plant', 'data'))]).toEqual([true, true]);
    expect([may(plant, ho('center', 'ack')), mayHear(plant, ho('center', 'data'))]).toEqual([false, false]);
    for (const site of ['plant', 'yard', 'center']) {
      for (const which of ['data', 'ack'] as const) {
        expect([may(yard, ho(site, which)), mayHear(yard, ho(site, which))]).toEqual([false, false]);
        expect(may(plant, ho('yard', which)) || mayHear(plant, ho('yard', which))).toBe(false);
        expect(may(plant, ho(site, which).replace('.shop.', '.other.'))).toBe(false);
      }
    }
  });

  it('commands fragments only from where their region may be led, and is commanded only of its own', () => {
    const [first] = plan('default', 'shop').fragments;
    const region = first?.region ?? '';
    expect([may(plant, wishSubject(SHOP, 'out')), mayHear(plant, reportSubject(SHOP, region))]).toEqual([true, true]);
    expect([may(cloud, wishSubject(SHOP, 's')), mayHear(cloud, reportSubject(SHOP, region))]).toEqual([false, false]);
    expect([mayHear(cloud, wishSubject(SHOP, 'out')), mayHear(cloud, wishSubject(SHOP, 's'))]).toEqual([true, false]);
    expect(may(plant, `$JS.hub.API.$KV.cs-regions.${regionKey(SHOP, region)}`)).toBe(true);
    expect(may(yard, `$JS.hub.API.$KV.cs-regions.${regionKey(SHOP, region)}`)).toBe(false);
  });

  it('tells the moves of its own app from where its region may be led, which the command line hears', () => {
    const events = eventsSubject(SHOP);
    const [plant, center] = [PLANT, CLOUD].map((place) => permissionsOf(plan('default', 'shop'), place, domainOf));
    expect(may(plant ?? NOTHING, events)).toBe(true);
    expect(may(center ?? NOTHING, events)).toBe(false);
    expect(may(plant ?? NOTHING, eventsSubject({ ...SHOP, app: 'other' }))).toBe(false);
    expect(mayHear(plant ?? NOTHING, events)).toBe(false);
    const admin = adminPermissions('admin');
    expect(may(admin, events) && mayHear(admin, events)).toBe(true);
    // a link lets an exact subject through only
    expect(may(linkPermissions(plant ?? NOTHING, PLANT, [], []), events)).toBe(true);
  });

  it('of an edge reads its assignment and writes no document; that of the cloud writes all', () => {
    const read = `$JS.hub.API.CONSUMER.CREATE.KV_cs-control.x.$KV.cs-control.${assignmentKey(SHOP)}`;
    expect([may(plant, read), may(yard, read)]).toEqual([true, false]);
    expect(may(plant, '$JS.hub.API.CONSUMER.CREATE.KV_cs-control.x.$KV.cs-control.>')).toBe(false);
    for (const key of [assignmentKey(SHOP), appKey(SHOP), 'coordinator', 'sites.plant']) {
      expect(may(cloud, `$KV.cs-control.${key}`)).toBe(true);
      for (const prefix of ['', '$JS.hub.API.', '$JS.API.']) {
        expect(may(plant, `${prefix}$KV.cs-control.${key}`)).toBe(false);
        expect(may(merged([plant, anyApp(PLANT)]), `$JS.hub.API.$KV.cs-control.${key}`)).toBe(false);
      }
    }
    for (const call of ['CREATE', 'UPDATE', 'DELETE', 'PURGE']) {
      expect(may(plant, `$JS.hub.API.STREAM.${call}.KV_cs-control`)).toBe(false);
      expect(may(merged([plant, anyApp(PLANT)]), `$JS.hub.API.STREAM.${call}.OBJ_cs-artifacts`)).toBe(false);
    }
  });

  it('of an edge makes the bucket of its regions, and does not change it, as it holds those of all apps there', () => {
    const both = merged([plant, agentPermissions(PLANT, 'plant')]);
    const mayDo = (call: string): boolean => may(both, `$JS.API.STREAM.${call}.KV_cs-regions`);
    expect(['CREATE', 'UPDATE', 'DELETE', 'PURGE'].map(mayDo)).toEqual([true, false, false, false]);
  });

  it('keeps what it runs alone on its own side, and can make it there', () => {
    const alone = permissionsOf(plan('default', 'shop', ['plant', 'plant', 'plant']), PLANT, domainOf);
    const bucket = stateBucket(SHOP);
    expect(may(alone, `$JS.API.STREAM.CREATE.OBJ_${bucket}`)).toBe(true);
    expect(may(alone, `$OBJ.${bucket}.C.x`)).toBe(true);
    expect(may(plant, `$JS.hub.API.$OBJ.${bucket}.C.x`)).toBe(true);
    expect(may(plant, `$JS.hub.API.STREAM.CREATE.OBJ_${bucket}`)).toBe(false);
  });
});

describe('two namespaces', () => {
  it('see nothing of each other, though all names are the same, or run together', () => {
    const one = permissionsOf(plan('a', 'b-c'), PLANT, domainOf);
    for (const [namespace, app] of [
      ['other', 'b-c'],
      ['a', 'c'],
      ['a-b', 'c'],
    ] as const) {
      const other = permissionsOf(plan(namespace, app), PLANT, domainOf);
      const own = (subject: string): boolean => /cs\.|regions\.|assignments\.|cs-state/.test(subject);
      const theirs = [...other.publish, ...other.subscribe].filter((s) => own(s) && !/STREAM\.INFO\.KV_/.test(s));
      expect(theirs.filter((subject) => /\*/.test(subject) === false).length).toBeGreaterThan(5);
      const seen = theirs.filter((subject) => may(one, subject) || mayHear(one, subject));
      expect(seen.filter((subject) => !/KV_cs-(control|regions)\.\*$/.test(subject))).toEqual([]);
    }
  });
});

describe('a site to which cells may be moved', () => {
  const yard = movableShare(plan('default', 'shop'), YARD, domainOf, ['plant', 'yard', 'center']);

  it('has all channels and regions of the app, whatever they are called then, and can lead it', () => {
    for (const subject of [channel('sum_FROM_x_TO_y'), wishSubject(SHOP, 'sum'), reportSubject(SHOP, 'main')]) {
      expect([may(yard, subject), mayHear(yard, subject)]).toEqual([true, true]);
    }
    expect(may(yard, `$JS.hub.API.$KV.cs-regions.${regionKey(SHOP, 'main')}`)).toBe(true);
  });

  it('has nothing of others, and writes no document', () => {
    const other = { ...SHOP, app: 'other' };
    expect([may(yard, wishSubject(other, 'sum')), mayHear(yard, reportSubject(other, 'main'))]).toEqual([false, false]);
    for (const key of [assignmentKey(SHOP), appKey(SHOP), 'coordinator']) {
      expect(may(yard, `$JS.hub.API.$KV.cs-control.${key}`)).toBe(false);
    }
  });
});

describe('others', () => {
  it('the command line writes documents, and neither opens channels nor commands fragments', () => {
    const admin = adminPermissions('admin');
    expect([may(admin, '$JS.hub.API.STREAM.INFO.KV_cs-control'), may(admin, 'cs-ctl.ask')]).toEqual([true, true]);
    expect([may(admin, way('data')), may(admin, wishSubject(SHOP, 's')), mayHear(admin, way('data'))]).toEqual([
      false,
      false,
      false,
    ]);
  });

  it('a link of a leaf node lets through what its site may, but for the streams beside it', () => {
    const site = merged([
      agentPermissions(PLANT, 'agent-plant'),
      permissionsOf(plan('default', 'shop'), PLANT, domainOf),
    ]);
    const link = linkPermissions(site, PLANT, ['_INBOX.agent-plant.>'], ['mine.>']);
    expect([may(link, way('data')), mayHear(link, way('ack')), may(link, 'mine.x')]).toEqual([true, true, true]);
    expect([may(link, '$JS.API.STREAM.INFO.KV_cs-regions'), may(link, way('ack')), mayHear(link, 'cs.x')]).toEqual([
      false,
      false,
      false,
    ]);
  });
});

describe('tasks', () => {
  const scoring = { namespace: 'default', task: 'scoring' };
  const subject = 'cs.default.task.scoring';
  const plant = merged([agentPermissions(PLANT, 'agent-plant'), taskServing(scoring, PLANT)]);

  it('are heard by those who serve them, and called by their callers and the command line', () => {
    expect([mayHear(plant, subject), may(plant, subject)]).toEqual([true, false]);
    const caller = callerPermissions(scoring, 'caller');
    expect([may(caller, subject), mayHear(caller, subject)]).toEqual([true, false]);
    expect(may(adminPermissions('admin'), subject)).toBe(true);
    for (const other of ['cs.default.task.other', 'cs.other.task.scoring', '$KV.cs-control.tasks.default.scoring']) {
      expect([may(plant, other), mayHear(plant, other), may(caller, other)]).toEqual([false, false, false]);
    }
  });

  it('are documents that an edge reads and nobody there writes, with that of its own site', () => {
    const read = (key: string): boolean =>
      may(plant, `$JS.hub.API.DIRECT.GET.KV_cs-control.$KV.cs-control.${key}`) &&
      may(plant, `$JS.hub.API.CONSUMER.CREATE.KV_cs-control.c1.$KV.cs-control.${key}`);
    expect(['tasks.default.scoring', 'sites.plant'].map(read)).toEqual([true, true]);
    expect(['tasks.default.other', 'sites.yard', 'apps.default.shop'].map(read)).toEqual([false, false, false]);
    expect(may(plant, '$JS.hub.API.$KV.cs-control.tasks.default.scoring')).toBe(false);
  });
});
