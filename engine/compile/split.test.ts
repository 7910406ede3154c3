import { describe, expect, it } from 'vitest';
import type { Schema } from '../batch/types.ts';
import { ERRORS_SCHEMA, type LogicalPlan, type OperatorNode, type Step } from '../graph/plan.ts';
import { fuse } from './fuse.ts';
import { splitComponents } from './split.ts';

const place = { file: 'graph.yaml', line: 1, column: 1 };
const schema: Schema = { fields: [{ name: 'x', type: { kind: 'float64' }, nullable: true }] };
const scored: Schema = { fields: [...schema.fields, { name: 'score', type: { kind: 'float64' }, nullable: true }] };
const column = {
  node: 'column',
  index: 0,
  name: 'x',
  type: { kind: 'bool' },
  nullable: true,
  span: { start: 0, end: 1 },
} as const;
const filter: Step = { kind: 'filter', text: 'x', predicate: column, place };
const component: Step = {
  kind: 'component',
  component: 'anomaly',
  config: {},
  outputs: new Map([
    ['', scored],
    ['evicted', schema],
  ]),
  place,
};
const project: Step = { kind: 'project', columns: [{ name: 'x', text: 'x', expr: column, place }], output: schema };

function planOf(steps: readonly Step[], outputs: OperatorNode['outputs']): LogicalPlan {
  const operator: OperatorNode = {
    name: 'score',
    inputs: [{ node: 'readings', port: '' }],
    input: schema,
    steps,
    outputs,
    onError: 'divert',
    place,
  };
  const sink = (name: string, port: string, input: Schema) => ({
    name,
    inputs: [{ node: 'score', port }],
    input,
    connector: 'console',
    options: {},
    place,
  });
  return {
    name: 'split',
    namespace: 'default',
    file: 'graph.yaml',
    sources: [],
    operators: [operator],
    sinks: [sink('out', '', schema), sink('errors', 'errors', ERRORS_SCHEMA), sink('evicted', 'evicted', schema)],
    warnings: [],
  };
}

const outputs = new Map([
  ['', schema],
  ['errors', ERRORS_SCHEMA],
  ['evicted', schema],
]);

describe('an operator with a component and more', () => {
  it('becomes a filter, the component alone and what follows it, the last of the name', () => {
    const { operators } = splitComponents(planOf([filter, component, project], outputs));
    expect(operators.map((one) => [one.name, one.inputs[0]?.node, one.steps.map((step) => step.kind)])).toEqual([
      ['score/filter', 'readings', ['filter']],
      ['score/component', 'score/filter', ['component']],
      ['score', 'score/component', ['project']],
    ]);
    expect(operators.map((one) => one.input)).toEqual([schema, schema, scored]);
  });

  it('unites the errors of its parts and finds further outputs at the component', () => {
    const { sinks } = splitComponents(planOf([filter, component, project], outputs));
    expect(sinks.map((sink) => sink.inputs.map((ref) => `${ref.node}.${ref.port}`))).toEqual([
      ['score.'],
      ['score/filter.errors', 'score/component.errors', 'score.errors'],
      ['score/component.evicted'],
    ]);
  });

  it('keeps its name where nothing follows the component, and its plan where nothing is to split', () => {
    const filtered = splitComponents(planOf([filter, component], outputs));
    expect(filtered.operators.map((one) => one.name)).toEqual(['score/filter', 'score']);
    const alone = planOf([component], outputs);
    expect(splitComponents(alone)).toBe(alone);
  });

  it('is three cells, each output read where it is made', () => {
    const { cells } = fuse(planOf([filter, component, project], outputs));
    expect(cells.map((cell) => [cell.name, cell.kind])).toEqual([
      ['score/filter', 'compiled'],
      ['score/component', 'component'],
      ['score', 'compiled'],
    ]);
    expect(cells[1]?.outputs.map((port) => port.port)).toEqual(['', 'evicted', 'errors']);
  });
});
