import { expect, test } from 'vitest';
import type { RegionRecord } from '../../engine/cluster/documents/region-record.ts';
import type { AgentStatus } from '../../engine/cluster/documents/status.ts';
import { stateOf } from './overview.ts';
import { appsInReach } from './partial-overview.ts';

const shop = { namespace: 'default', app: 'shop', revision: 3, deployed: 2, epoch: 9 };

function agent(name: string, parts: object): AgentStatus {
  return { site: 'plant', agent: name, fragments: [], regions: [], ...parts } as unknown as AgentStatus;
}

function record(region: string, parts: object = {}): RegionRecord {
  const holder = { site: 'hub', agent: 'hub-1' };
  return {
    ...shop,
    region,
    holder,
    finished: false,
    released: false,
    checkpoint: 7,
    ...parts,
  } as unknown as RegionRecord;
}

test('apps are put together of what agents and records say', () => {
  const fragment = (epoch: number) => ({ ...shop, epoch, fragment: 'a', region: 'main', worker: 0, phase: 'running' });
  const agents = [
    agent('p1', { fragments: [fragment(8)] }),
    agent('p2', { fragments: [fragment(9)], regions: [{ ...shop, region: 'main', phase: 'running' }] }),
  ];
  const [app, ...others] = appsInReach(agents, [record('main'), record('after_x', { finished: true })]);
  expect(others).toEqual([]);
  expect(app?.document).toMatchObject({ app: 'shop', revision: 3, deployed: 2, wanted: 'running' });
  expect(app?.fragments.map(({ agent: name }) => name)).toEqual(['p2']);
  expect(app?.assignment?.regions.main?.leader).toMatchObject({ site: 'plant', agent: 'p2' });
  expect(app?.regions.map(({ region, phase }) => `${region} ${phase}`)).toEqual(['main running', 'after_x finished']);
  expect(app === undefined ? '' : stateOf(app)).toBe('running');
});

test('a record alone tells of an app that should run, and of none that has ended', () => {
  const [app] = appsInReach([], [record('main')]);
  expect(app === undefined ? '' : stateOf(app)).toBe('unreachable');
  expect(appsInReach([], [record('main', { finished: true }), record('main', { released: true })])).toEqual([]);
});
