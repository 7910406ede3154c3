import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { connectors } from '../../connectors/registry.ts';
import { fuse } from '../../engine/compile/fuse.ts';
import { guaranteeOf, type PathGuarantee } from '../../engine/graph/guarantee.ts';
import { buildPlan, parseGraph } from '../../engine/graph/index.ts';
import { testContext } from '../../test/golden/graph-errors/context.ts';
import { describePlan, type Explanation } from './describe.ts';
import { distributedOn } from './distributed.ts';
import { mermaidPlaces } from './mermaid-places.ts';
import { collectSites } from './sites.ts';
import { explanationText } from './text.ts';

const golden = new URL('../../test/golden/graph-plans/across-sites.yaml', import.meta.url);

async function explained(...sites: readonly string[]): Promise<Explanation> {
  const parsed = parseGraph(readFileSync(golden, 'utf8'), { file: 'across-sites.yaml', environment: {} });
  const { plan } = await buildPlan(parsed, testContext);
  if (plan === undefined) throw new Error('the golden graph is right');
  const agents = sites.reduce<ReturnType<typeof collectSites>>((sofar, text) => collectSites(text, sofar), []);
  return describePlan(fuse(plan), distributedOn(plan, agents));
}

/** Of a file written from a broker's messages, which are journaled. */
async function guaranteedOf(options: string): Promise<PathGuarantee> {
  const text = `
apiVersion: cloudskin.dev/v1
kind: Dataflow
metadata: { name: readings }
spec:
  sources:
    readings: { mqtt: { url: "mqtt://127.0.0.1", topic: t, ${options} }, schema: { id: int64 }, journal: true }
  sinks:
    out: { from: readings, file: { path: out.ndjson } }
`;
  const parsed = parseGraph(text, { file: 'readings.yaml', environment: {} });
  const { plan } = await buildPlan(parsed, {
    ...testContext,
    connectors,
  });
  const [sink] = plan?.sinks ?? [];
  if (plan === undefined || sink === undefined) throw new Error('the graph is right');
  return guaranteeOf(plan, sink);
}

const SITES = [
  'plant:edge,farm:edge',
  'hub:cloud:workers=3',
  'r1:cloud:gpu:rack=7,r2:cloud:gpu:rack=7,r3:cloud:gpu:rack=7,r4:cloud:gpu:rack=7',
];

describe('explain', () => {
  it('tells what each path guarantees, what limits it, and what would lift the limit', async () => {
    const { guarantees } = await explained();
    expect(guarantees.map(({ sink, sources, guarantee }) => [sink, sources, guarantee])).toEqual([
      ['hot', ['readings'], 'at-most-once'],
      ['old', ['history'], 'at-least-once'],
    ]);
    const text = explanationText(await explained(), false);
    expect(text).toContain(
      'the durable stream "minutes" drops its oldest rows when it is full; let "minutes" have onFull: block',
    );
    expect(text).toContain('checkpoints are taken with mode: at-least-once; remove the mode of checkpoint');
  });

  it('does not promise of a broker that sends again that each message is taken once, journal or not', async () => {
    expect((await guaranteedOf('qos: 1')).guarantee).toBe('at-least-once');
    expect((await guaranteedOf('qos: 0')).guarantee).toBe('exactly-once');
  });

  it('tells what bounds the state of each operator', async () => {
    const { state } = await explained();
    expect(state.map(({ operator, parallelism, bound }) => [operator, parallelism, bound])).toEqual([
      ['minutes', '1', '16MiB a partition, then the earliest windows are put out and counted'],
      ['own', '2', "the memory of the component's cell"],
      ['hours', '4', 'the memory of its cell; set `memory` to bound it'],
    ]);
  });

  it('tells what is bound to a tier, with the proof', async () => {
    const { stays } = await explained();
    expect(stays).toEqual([
      { node: 'readings', tier: 'edge', why: '"readings" stays in tier edge' },
      { node: 'minutes', tier: 'edge', why: '"readings" stays in tier edge: readings -> minutes' },
    ]);
  });

  it('tells of places only where sites are named', async () => {
    expect((await explained()).places).toBeUndefined();
    expect(explanationText(await explained(), false)).not.toContain('regions');
  });

  it('tells which fragments run where, and what is between them', async () => {
    const { places } = await explained(...SITES);
    expect(places?.fragments.filter(({ site }) => site === 'plant')).toMatchObject([
      {
        name: 'readings_plant',
        partition: 'site plant',
        sources: ['readings'],
        cells: ['readings/site+minutes'],
        region: 'main_plant',
      },
    ]);
    expect(places?.channels.find(({ from }) => from === 'readings_farm')).toMatchObject({
      stream: 'minutes',
      to: 'hours__partial_farm',
      transport: 'durable',
      bound: '1GiB, then the oldest rows are dropped',
    });
    expect(places?.channels.find(({ to }) => to === 'hours_0')).toMatchObject({ exchange: 'hash by machine' });
    expect(places?.regions.map(({ sites }) => sites)).toContainEqual(['plant']);
    const text = explanationText(await explained(...SITES), false);
    expect(text).toContain('hours_1 on agent, worker');
  });

  it('draws fragments within their sites', async () => {
    const { places } = await explained(...SITES);
    if (places === undefined) throw new Error('sites were named');
    const chart = mermaidPlaces(places);
    expect(chart).toMatch(/^flowchart LR\n {2}subgraph site0 \["site farm"\]\n {4}f_readings_farm\[/);
    expect(chart).toContain('f_readings_farm ==>|"minutes: durable"| f_hours__partial_farm');
  });
});

describe('--sites', () => {
  it('reads tiers, devices, labels and workers', () => {
    expect(collectSites('a:edge, b:cloud:gpu:rack=7:quiet:workers=9', [])).toEqual([
      { site: 'a', agent: 'agent', tier: 'edge', labels: [], devices: [], workers: 2 },
      { site: 'b', agent: 'agent', tier: 'cloud', labels: ['rack=7', 'quiet'], devices: ['gpu'], workers: 9 },
    ]);
  });

  it.each([
    ['a', 'nothing is no tier'],
    ['A:edge', 'A is no name of a site'],
    ['a:fog', 'fog is no tier'],
    ['a:edge:workers=0', 'workers=0'],
    ['a:edge:', 'nothing is no label'],
    ['a:edge,a:cloud', 'site a comes twice'],
    ['', 'nothing is no name of a site'],
  ])('refuses %s', (text, message) => {
    expect(() => collectSites(text, [])).toThrow(message);
  });
});
