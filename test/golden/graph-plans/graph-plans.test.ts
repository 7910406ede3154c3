/**
 * Right graphs and what is made of them: `name.txt` tells the logical plan of `name.yaml`. `UPDATE_GOLDEN=1 vitest run
 * test/golden/graph-plans` writes the plans anew, to be read before they are committed.
 */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { formatType, type Schema } from '../../../engine/batch/types.ts';
import { buildPlan, formatDuration, formatProblems, parseGraph } from '../../../engine/graph/index.ts';
import type { LogicalPlan, OperatorNode, SinkNode, SourceNode, Step } from '../../../engine/graph/plan.ts';
import { testContext } from '../graph-errors/context.ts';

const directory = import.meta.dirname;
const cases = readdirSync(directory).filter((name) => name.endsWith('.yaml'));

describe('a right graph', () => {
  it.each(cases)('is planned as written down: %s', async (name) => {
    const parsed = parseGraph(readFileSync(`${directory}/${name}`, 'utf8'), { file: name, environment: {} });
    const { plan, problems } = await buildPlan(parsed, testContext);
    expect(formatProblems(problems, { color: false })).toBe('');
    const text = plan === undefined ? '' : describePlan(plan);
    const golden = `${directory}/${name.replace('.yaml', '.txt')}`;
    if (process.env.UPDATE_GOLDEN === '1') writeFileSync(golden, text);
    expect(text).toBe(readFileSync(golden, 'utf8'));
  });
});

function describePlan(plan: LogicalPlan): string {
  const lines = [`${plan.namespace}/${plan.name}`];
  for (const source of plan.sources) {
    const { time } = source;
    lines.push(`source ${source.name}: ${source.connector}`, `  ${columns(source.schema)}`);
    const durations = [time?.maxDelay, time?.idleAfter, time?.maxDrift].map((each) => (each === undefined ? '-' : formatDuration(each)));
    if (time !== undefined) lines.push(`  time ${source.schema.fields[time.column]?.name} ${durations.join(' ')}`);
    lines.push(`  ${JSON.stringify({ paths: [...source.paths], attach: source.attach, onError: source.onError, orderBy: source.orderBy, speed: source.speed })}`);
  }
  for (const operator of plan.operators) {
    lines.push(`operator ${operator.name} <- ${operator.inputs.map(({ node, port }) => `${node}.${port}`).join(' ')} (${operator.onError})`);
    if (operator.aliases !== undefined) lines.push(`  as ${operator.aliases.join(' ')}`);
    for (const step of operator.steps) lines.push(`  ${describeStep(step)}`);
    for (const [port, schema] of operator.outputs) lines.push(`  -> ${port}: ${columns(schema)}`);
  }
  for (const sink of plan.sinks) {
    lines.push(`sink ${sink.name} <- ${sink.inputs.map(({ node, port }) => `${node}.${port}`).join(' ')}: ${sink.connector}`, `  ${columns(sink.input)}`);
  }
  for (const node of [...plan.sources, ...plan.operators, ...plan.sinks]) {
    const said = saidOf(node);
    if (said !== '{}') lines.push(`${node.name} runs ${said}`);
  }
  const { placement, objectives, checkpoint } = plan;
  lines.push(JSON.stringify({ placement, objectives, checkpoint }, (_, value: unknown) => (typeof value === 'bigint' ? formatDuration(value) : value)));
  return `${lines.join('\n')}\n`;
}

/** What a node says of how it runs, where it says anything. */
function saidOf(node: SourceNode | OperatorNode | SinkNode): string {
  const keys = ['parallelism', 'memory', 'durable', 'queue', 'stays', 'journal', 'site', 'delivery'];
  return JSON.stringify(Object.fromEntries(Object.entries(node).filter(([key]) => keys.includes(key))));
}

function describeStep(step: Step): string {
  switch (step.kind) {
    case 'filter':
      return `filter ${JSON.stringify(step.text)} ${step.predicate.node}`;
    case 'project':
      return `project ${step.columns.map(({ name, text }) => `${name}=${JSON.stringify(text)}`).join(' ')}`;
    case 'join': {
      const sides = step.sides.map(({ alias, keys, time, input }) => `${alias} by ${input.fields[time]?.name} [${keys.map(({ type }) => formatType(type)).join(', ')}]`);
      return `join ${formatDuration(step.window.size)} ${sides.join(', ')} ${JSON.stringify(step.text)}`;
    }
    case 'component':
      return `component ${step.component.split('/').at(-1)} ${JSON.stringify(step.config)}${step.keys === undefined ? '' : ` by ${step.keys.map(({ name }) => name).join(' ')}`}`;
    case 'aggregate': {
      const keys = step.keys.map(({ name, expr }) => `${name} ${formatType(expr.type)}`).join(', ');
      const calls = step.aggregates.map(({ name, fn, arg }) => `${name}=${fn}(${arg === undefined ? '*' : formatType(arg.type)})`);
      const end = step.timeIsEnd === true ? ' (ends of windows)' : '';
      const time = `${step.input.fields[step.time]?.name}${end}`;
      return `aggregate ${formatDuration(step.window.size)} by ${time} [${keys}] ${calls.join(' ')} late ${step.late}`;
    }
  }
}

/** `name type`, `?` where it may be null, `@` at the time column. */
function columns({ fields, time }: Schema): string {
  const text = fields.map(({ name, type, nullable }, at) => `${at === time ? '@' : ''}${name} ${formatType(type)}${nullable ? '?' : ''}`);
  return text.join(', ');
}
