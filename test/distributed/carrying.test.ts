/** Plans are data: what JSON makes of them and back is the same plan. */
import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { type AgentInfo, assign, distribute } from '../../engine/compile/distribute.ts';
import { fuse } from '../../engine/compile/fuse.ts';
import { deployProblems, isKnownVersion } from '../../engine/graph/deployable.ts';
import { buildPlan, parseGraph } from '../../engine/graph/index.ts';
import type { LogicalPlan } from '../../engine/graph/plan.ts';
import { parseValue, stringifyValue } from '../../engine/json.ts';
import { testContext } from '../golden/graph-errors/context.ts';

const directory = `${import.meta.dirname}/../golden/graph-plans`;
const graphs = readdirSync(directory).filter((name) => name.endsWith('.yaml'));

async function planOf(name: string): Promise<LogicalPlan> {
  const parsed = parseGraph(readFileSync(`${directory}/${name}`, 'utf8'), { file: name, environment: {} });
  const { plan } = await buildPlan(parsed, testContext);
  if (plan === undefined) throw new Error(`${name} is no right graph`);
  return plan;
}

/** Agents that every golden graph finds a place on. */
const everywhere = (sites: readonly string[]): readonly AgentInfo[] =>
  sites.flatMap((site) =>
    (['edge', 'cloud'] as const).map((tier) => ({
      site,
      agent: tier,
      tier,
      workers: 4,
      labels: ['rack=7', 'greenhouse'],
      devices: ['gpu'],
    })),
  );

describe('a golden graph', () => {
  it.each(graphs)('comes out of JSON as it went in, whole, fused and distributed: %s', async (name) => {
    const plan = await planOf(name);
    const isForeign = deployProblems(plan).length > 0;
    expect(isForeign).toBe(name === 'foreign-columns.yaml');
    if (isForeign) return;
    expect(parseValue(stringifyValue(plan))).toEqual(plan);
    const fused = fuse(plan);
    expect(parseValue(stringifyValue(fused))).toEqual(fused);
    const sites = Object.values(plan.placement ?? {}).flatMap(({ site }) => site ?? []);
    const agents = everywhere([...sites, 'a', 'b', 'c', 'd', 'e', 'f']);
    const distributed = distribute(plan, assign(plan, agents), { revision: 3 });
    const carried = parseValue(stringifyValue(distributed));
    expect(carried).toEqual(distributed);
    expect([isKnownVersion(plan), isKnownVersion(distributed), isKnownVersion({ planVersion: 99 })]).toEqual([
      true,
      true,
      false,
    ]);
  });
});
