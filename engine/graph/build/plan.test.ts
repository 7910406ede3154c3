import { describe, expect, it } from 'vitest';
import { testContext } from '../../../test/golden/graph-errors/context.ts';
import type { Schema } from '../../batch/types.ts';
import { externalError, internalError } from '../../errors.ts';
import { parseGraph, parseGraphObject } from '../parse.ts';
import type { PlanContext } from './context.ts';
import { buildPlan } from './plan.ts';

function graph(operators: object, sinks: object = { out: { from: 'readings', console: {} } }): object {
  const schema = { machine: 'utf8', at: 'timestamp[ms]', temperature: 'float64' };
  const readings = { file: { path: 'readings.csv' }, schema, time: { column: 'at' } };
  return {
    apiVersion: 'cloudskin.dev/v1',
    kind: 'Dataflow',
    metadata: { name: 'case' },
    spec: { sources: { readings }, operators, sinks },
  };
}

async function codesOf(object: object, context: PlanContext = testContext): Promise<string[]> {
  const { problems } = await buildPlan(parseGraphObject(object), context);
  return problems.map(({ code, place }) => `${code} ${place?.path}`);
}

describe('a plan', () => {
  it('of an object has paths where files have lines', async () => {
    expect(await codesOf(graph({ b: { from: 'readings', filter: 'temprature > 0', onErorr: 'x' } }))).toEqual([
      'graph.unknown-key spec.operators.b.onErorr',
      'expression.unknown-column spec.operators.b.filter',
      'graph.unused-output spec.operators.b',
    ]);
  });

  it('needs no sink where the caller reads, and counts what it reads as used', async () => {
    const operators = { b: { from: 'readings', filter: 'temperature > 0', onError: 'divert' } };
    expect(await codesOf(graph(operators, {}), { ...testContext, reads: ['b', 'b.errors'] })).toEqual([]);
    expect(await codesOf(graph(operators, {}), { ...testContext, reads: ['b'] })).toEqual([
      'graph.unused-output spec.operators.b',
    ]);
  });

  it('tells a component its inputs by alias, in the graph’s order, after the filter of its own', async () => {
    const seen: [string, unknown, string[]][] = [];
    const describeComponent: PlanContext['describeComponent'] = (component, config, inputs) => {
      seen.push([component, config, [...inputs.keys()]]);
      const out: Schema = { fields: [{ name: 'x', type: { kind: 'int32' }, nullable: false }] };
      return Promise.resolve(new Map([['', out]]));
    };
    const operators = {
      several: { from: { z: 'readings', a: 'readings' }, component: 'join', config: { k: 1 } },
      one: { from: 'readings', component: './dir/one.wasm' },
    };
    const text = JSON.stringify(graph(operators, { out: { from: ['several', 'one'], console: {} } }));
    const parsed = parseGraph(text, { file: '/graphs/graph.json' });
    const { plan, problems } = await buildPlan(parsed, { ...testContext, describeComponent });
    expect(problems).toEqual([]);
    expect(seen).toEqual([
      ['join', { k: 1 }, ['z', 'a']],
      ['/graphs/dir/one.wasm', {}, ['']],
    ]);
    expect(plan?.operators[0]?.aliases).toEqual(['z', 'a']);
    expect(plan?.file).toBe('/graphs/graph.json');
  });

  it('reports what the world refuses at its place, and lets defects through', async () => {
    const operators = { c: { from: 'readings', component: 'x' } };
    const failing = (error: Error): PlanContext => ({ ...testContext, describeComponent: () => Promise.reject(error) });
    const object = graph(operators, { out: { from: 'c', console: {} } });
    expect(await codesOf(object, failing(externalError('component.unreadable', 'no')))).toEqual([
      'component.unreadable spec.operators.c.component',
    ]);
    await expect(codesOf(object, failing(internalError('internal.x', 'defect')))).rejects.toThrow('defect');
    await expect(codesOf(object, failing(new TypeError('bug')))).rejects.toThrow('bug');
  });

  it('is the same whatever the order of operators in the file', async () => {
    const a = { from: 'readings', filter: 'temperature > 0' };
    const b = { from: 'a', filter: 'temperature > 1' };
    const out = { out: { from: 'b', console: {} } };
    const one = await buildPlan(parseGraphObject(graph({ a, b }, out)), testContext);
    const two = await buildPlan(parseGraphObject(graph({ b, a }, out)), testContext);
    expect(one.plan?.operators.map(({ name }) => name)).toEqual(['a', 'b']);
    expect(two.plan).toEqual(one.plan);
  });

  it('has a few hundred problems at most', async () => {
    const wrong = Object.fromEntries(Array.from({ length: 1_000 }, (_, at) => [`o${at}`, { from: `gone${at}` }]));
    expect((await codesOf(graph(wrong))).length).toBe(200);
  });
});
