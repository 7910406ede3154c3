import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { CloudskinError } from '../../engine/errors.ts';
import { buildPlan, parseGraph } from '../../engine/graph/index.ts';
import type { LogicalPlan } from '../../engine/graph/plan.ts';
import { testContext } from '../../test/golden/graph-errors/context.ts';
import { keepGraph, mustKeepState } from './kept-state.ts';

let directory = '';
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'kept-'));
});
afterEach(() => rm(directory, { recursive: true, force: true }));

async function planOf(
  window: string,
  path = 'readings.csv',
  sink = 'out: { from: minutes, console: {} }',
): Promise<LogicalPlan> {
  const text = `
apiVersion: cloudskin.dev/v1
kind: Dataflow
metadata: { name: g }
spec:
  sources:
    readings: { file: { path: ${path} }, schema: { machine: utf8, at: "timestamp[ms]" }, time: { column: at } }
  operators:
    minutes: { from: readings, window: { tumbling: ${window} }, groupBy: [machine], aggregate: { rows: count(*) } }
  sinks:
    ${sink}
`;
  const { plan, problems } = await buildPlan(parseGraph(text, { file: 'g.yaml', environment: {} }), testContext);
  if (plan === undefined) throw new Error(problems.map(({ message }) => message).join('; '));
  return plan;
}

async function problemsOf(task: () => void | Promise<void>): Promise<readonly unknown[]> {
  try {
    await task();
  } catch (error) {
    if (error instanceof CloudskinError) return error.problems.map(({ message, place }) => [message, place?.line]);
    throw error;
  }
  return [];
}

it('everything that would be dropped is named at its place in the new graph', async () => {
  const [before, after] = [await planOf('1m'), await planOf('2m', 'others.csv')];
  const ask = (): void => {
    mustKeepState(before, after, { complete: 'undeploy first', drop: 'say so' });
  };
  expect(await problemsOf(ask)).toEqual([
    [
      'how far "readings" was read would be dropped: the options of file are others: its positions are of something else',
      7,
    ],
    ['the state of "minutes" would be dropped: its windows are tumbling of 1m, not tumbling of 2m', 9],
  ]);
});

it('what a sink has not shown yet is named with where it goes, and with the way to have it shown', async () => {
  const file = (name: string, path: string): string => `${name}: { from: minutes, file: { path: ${path} } }`;
  const before = await planOf('1m', 'readings.csv', file('out', 'a.csv'));
  const hints = async (sink: string): Promise<unknown> => {
    const after = await planOf('1m', 'readings.csv', sink);
    try {
      return mustKeepState(before, after, { complete: 'undeploy first', drop: 'say so' });
    } catch (error) {
      if (!(error instanceof CloudskinError)) throw error;
      return error.problems.map(({ message, place, hint }) => [message, place?.line, hint]);
    }
  };
  const what = 'what sink "out" (file a.csv) has written but not shown yet would be dropped: ';
  const hint = 'give it back its name and its meaning, or undeploy first, or say so';
  expect(await hints(file('two', 'a.csv'))).toEqual([[`${what}it is not in the graph any more`, undefined, hint]]);
  expect(await hints(file('out', 'b.csv'))).toEqual([[`${what}it writes file b.csv now`, 11, hint]]);
});

it('a directory remembers whose state it has, and refuses a graph that would drop some', async () => {
  await keepGraph({ directory, plan: await planOf('1m'), hasState: false });
  expect(await problemsOf(async () => keepGraph({ directory, plan: await planOf('1m'), hasState: true }))).toEqual([]);
  const changed = await planOf('2m');
  expect(await problemsOf(() => keepGraph({ directory, plan: changed, hasState: true }))).toHaveLength(1);
  expect(await problemsOf(() => keepGraph({ directory, plan: changed, hasState: false }))).toEqual([]);
  expect(await problemsOf(() => keepGraph({ directory, plan: changed, hasState: true }))).toEqual([]);
});
