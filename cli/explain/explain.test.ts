import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { connectors } from '../../connectors/registry.ts';
import { fuse } from '../../engine/compile/fuse.ts';
import { guaranteeOf, type PathGuarantee } from '../../engine/graph/guarantee.ts';
import { buildPlan, parseGraph } from '../../engine/graph/index.ts';
import type { LogicalPlan } from '../../engine/graph/plan.ts';
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

/** Of a file written from a journaled source. */
async function guaranteedOf(source: string): Promise<PathGuarantee> {
  const plan = await journaledPlan(source);
  const [sink] = plan.sinks;
  if (sink === undefined) throw new Error('the graph has a sink');
  return guaranteeOf(plan, sink);
}

async function journaledPlan(source: string): Promise<LogicalPlan> {
  const text = `
apiVersion: cloudskin.dev/v1
kind: Dataflow
metadata: { name: readings }
spec:
  sources:
    readings: { ${source}, schema: { id: int64 }, journal: true }
  sinks:
    out: { from: readings, file: { path: out.ndjson } }
`;
  const parsed = parseGraph(text, { file: 'readings.yaml', environment: {} });
  const { plan } = await buildPlan(parsed, {
    ...testContext,
    connectors,
  });
  if (plan === undefined) throw new Error('the graph is right');
  return plan;
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

  const mqtt = (options: string): string => `mqtt: { url: "mqtt://127.0.0.1", topic: t, ${options} }`;

  it.each([
    [mqtt('qos: 0'), 'at-most-once', 'is not in its journal'],
    [mqtt('qos: 2, clean: true'), 'at-most-once', 'the broker keeps nothing for it'],
    [mqtt('qos: 1'), 'at-least-once', 'where its confirmation (PUBACK) is lost'],
    ['http: { listen: ":0" }', 'at-least-once', 'repeated without an Idempotency-Key'],
    ['http: { url: "http://127.0.0.1" }', 'at-least-once', 'taken anew at every start'],
    ['nats: { subject: t }', 'at-most-once', 'core NATS keeps nothing'],
  ])('tells what a journal cannot give: %s', async (source, guarantee, why) => {
    const { limits, ...path } = await guaranteedOf(source);
    expect(path).toMatchObject({ guarantee, conditions: [] });
    expect(limits.map((limit) => limit.why).join()).toContain(why);
    expect(limits.map((limit) => limit.why).join()).toContain('"readings"');
  });

  it.each([
    [mqtt('qos: 2'), 'the broker keeps the session of "readings"'],
    ['http: { listen: ":0", requireKey: true }', 'under its Idempotency-Key'],
  ])('promises that rows are taken once, and tells what that rests on: %s', async (source, condition) => {
    const { limits, guarantee, conditions } = await guaranteedOf(source);
    expect({ limits, guarantee }).toEqual({ limits: [], guarantee: 'exactly-once' });
    expect(conditions.join()).toContain(condition);
    const plan = await journaledPlan(source);
    const text = explanationText(describePlan(fuse(plan)), false);
    expect(text).toContain('readings -> out: exactly-once');
    expect(text).toMatch(new RegExp(`as long as .*${condition}`));
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
