import { describe, expect, test } from 'vitest';
import type { Schema } from '../batch/types.ts';
import type { Place } from '../errors.ts';
import type { Expr } from '../expression/ir.ts';
import type { LogicalPlan, OperatorNode, SinkNode, Step, StreamRef } from '../graph/plan.ts';
import { fuse } from './fuse.ts';

const place: Place = { file: '<test>', line: 1, column: 1 };
const schema: Schema = { fields: [{ name: 'a', type: { kind: 'int32' }, nullable: false }] };
const yes: Expr = { node: 'literal', value: true, type: { kind: 'bool' }, nullable: false, span: { start: 0, end: 4 } };
const filter: Step = { kind: 'filter', text: 'true', predicate: yes, place };
const component: Step = { kind: 'component', component: 'anomaly', config: {}, outputs: new Map(), place };
const aggregate: Step = {
  kind: 'aggregate',
  window: { kind: 'tumbling', size: 1_000_000n },
  time: 0,
  keys: [],
  aggregates: [],
  late: 'divert',
  input: schema,
  output: schema,
  place,
};

function refs(names: string[]): StreamRef[] {
  return names.map((name) => ({ node: name.split('.')[0] ?? '', port: name.split('.')[1] ?? '' }));
}

function operator(name: string, from: string[], step: Step = filter): OperatorNode {
  const outputs = new Map([['', schema]]);
  if (step.kind === 'aggregate') outputs.set('late', schema);
  return { name, inputs: refs(from), input: schema, steps: [step], outputs, onError: 'fail', place };
}

function plan(operators: OperatorNode[], sinks: Record<string, string[]>): LogicalPlan {
  const sinkNodes: SinkNode[] = Object.entries(sinks).map(([name, from]) => {
    return { name, inputs: refs(from), input: schema, connector: 'console', options: {}, place };
  });
  return { name: 'g', namespace: '', file: '<test>', sources: [], operators, sinks: sinkNodes, warnings: [] };
}

function names(logical: LogicalPlan): string[] {
  return fuse(logical).cells.map((cell) => cell.name);
}

describe('fuse', () => {
  test('makes one cell of neighbours that read only each other', () => {
    const logical = plan([operator('a', ['s']), operator('b', ['a']), operator('c', ['b'], aggregate)], { out: ['c'] });
    expect(names(logical)).toEqual(['a+b+c']);
  });

  test('splits where two operators, or an operator and a sink, read one output', () => {
    const two = plan([operator('a', ['s']), operator('b', ['a']), operator('c', ['a'])], { out: ['b'], more: ['c'] });
    expect(names(two)).toEqual(['a', 'b', 'c']);
    const sink = plan([operator('a', ['s']), operator('b', ['a'])], { out: ['b'], raw: ['a'] });
    expect(names(sink)).toEqual(['a', 'b']);
  });

  test('keeps at most one stateful step in a cell', () => {
    const logical = plan([operator('a', ['s'], aggregate), operator('b', ['a']), operator('c', ['b'], aggregate)], {
      out: ['c'],
    });
    expect(names(logical)).toEqual(['a+b', 'c']);
  });

  test('gives a component a cell of its own', () => {
    const logical = plan([operator('a', ['s']), operator('b', ['a'], component), operator('c', ['b'])], { out: ['c'] });
    expect(fuse(logical).cells.map((cell) => [cell.name, cell.kind])).toEqual([
      ['a', 'compiled'],
      ['b', 'component'],
      ['c', 'compiled'],
    ]);
  });

  test('lets a chain begin with a union but not continue with one', () => {
    const logical = plan([operator('a', ['s', 't']), operator('b', ['a']), operator('c', ['b', 'u'])], { out: ['c'] });
    const [first, second] = fuse(logical).cells;
    expect([first?.name, second?.name]).toEqual(['a+b', 'c']);
    expect(first?.inputs).toEqual(refs(['s', 't']));
  });

  test('starts a new cell behind a side output', () => {
    const logical = plan([operator('a', ['s'], aggregate), operator('b', ['a.late'])], { out: ['a'], late: ['b'] });
    expect(names(logical)).toEqual(['a', 'b']);
  });

  test('lists the main output of the last operator first and side outputs only where they are read', () => {
    const operators = [operator('a', ['s'], aggregate), operator('b', ['a'])];
    const read = fuse(plan(operators, { out: ['b'], late: ['a.late'] })).cells[0];
    expect(read?.outputs.map((port) => `${port.operator}.${port.port}`)).toEqual(['b.', 'a.late']);
    const unread = fuse(plan(operators, { out: ['b'] })).cells[0];
    expect(unread?.outputs.map((port) => `${port.operator}.${port.port}`)).toEqual(['b.']);
  });
});
