/**
 * Every graph beside this file is wrong in some way, and its report (`name.txt`) is compared letter by letter. A new case is a
 * new file. `UPDATE_GOLDEN=1 vitest run test/golden/graph-errors` writes the reports anew, to be read before they are committed.
 * A first line `# --param NAME=VALUE` gives a parameter.
 */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { buildPlan, formatProblems, parseGraph } from '../../../engine/graph/index.ts';
import { testContext } from './context.ts';

const directory = import.meta.dirname;
const cases = readdirSync(directory).filter((name) => /\.(yaml|json)$/.test(name));
const update = process.env.UPDATE_GOLDEN === '1';

describe('a wrong graph', () => {
  it('is shown in at least 70 cases', () => {
    expect(cases.length).toBeGreaterThanOrEqual(70);
  });

  it.each(cases)('is reported as written down: %s', async (name) => {
    const text = readFileSync(`${directory}/${name}`, 'utf8');
    const [, parameter, value = ''] = /^# --param (\w+)=(.*)$/m.exec(text) ?? [];
    const parsed = parseGraph(text, {
      file: name,
      environment: {},
      ...(parameter === undefined ? {} : { parameters: { [parameter]: value } }),
    });
    const { plan, problems } = await buildPlan(parsed, testContext);
    const report = formatProblems(problems, { color: false });
    const golden = `${directory}/${name.replace(/\.\w+$/, '')}.txt`;
    if (update) writeFileSync(golden, report);
    expect(report).not.toBe('');
    expect(plan === undefined).toBe(problems.some(({ severity }) => severity === 'error'));
    expect(report).toBe(readFileSync(golden, 'utf8'));
  });

  it('has no report without its graph', () => {
    const reports = readdirSync(directory).filter((name) => name.endsWith('.txt'));
    expect(reports.map((name) => name.replace('.txt', ''))).toEqual(cases.map((name) => name.replace(/\.\w+$/, '')));
  });
});
