/**
 * The column `site` of a source that runs once a site: a step of its own behind the source, so that connectors need not know of it.
 *
 *     readings   ->   readings, readings/site: project(every column, site = 'plant-7')
 *
 * It fuses with whatever compiled reads the source.
 */
import type { Schema } from '../batch/types.ts';
import { carriedColumn, widened } from '../graph/build/columns.ts';
import type { LogicalPlan, OperatorNode, ProjectStep, SourceNode, StreamRef } from '../graph/plan.ts';

/** What the column says where there are no sites. */
const HERE = 'local';
const PART = '/site';

/** The plan with such steps in it; the same object where no source has the column. */
export function addSiteColumns(plan: LogicalPlan): LogicalPlan {
  const sited = new Set(plan.sources.filter(({ site }) => site === true).map(({ name }) => name));
  if (sited.size === 0) return plan;
  const rewire = <Node extends { readonly inputs: readonly StreamRef[] }>(node: Node): Node => ({
    ...node,
    inputs: node.inputs.map((ref) =>
      sited.has(ref.node) && ref.port === '' ? { node: ref.node + PART, port: '' } : ref,
    ),
  });
  return {
    ...plan,
    sources: plan.sources.map(withoutSite),
    operators: [...plan.sources.filter(({ name }) => sited.has(name)).map(siteStep), ...plan.operators.map(rewire)],
    sinks: plan.sinks.map(rewire),
  };
}

/** The operator as it runs on `site`: only that of a site column differs from place to place. */
export function atSite(operator: OperatorNode, site: string): OperatorNode {
  if (!operator.name.endsWith(PART)) return operator;
  const steps = operator.steps.map((step) => (step.kind === 'project' ? withValue(step, site) : step));
  return { ...operator, steps };
}

function withoutSite(source: SourceNode): SourceNode {
  if (source.site !== true) return source;
  const { site: _, ...rest } = source;
  return { ...rest, schema: bare(source.schema) };
}

function bare(schema: Schema): Schema {
  return { ...schema, fields: schema.fields.slice(0, -1) };
}

function siteStep({ name, schema, place }: SourceNode): OperatorNode {
  const input = bare(schema);
  const carried = input.fields.map((field, index) => carriedColumn(field, index, place));
  const output = widened(schema);
  const last = schema.fields.at(-1)?.name ?? 'site';
  const span = { start: 0, end: 0 };
  const literal = { node: 'literal', value: HERE, type: { kind: 'utf8' }, nullable: false, span } as const;
  const step: ProjectStep = {
    kind: 'project',
    columns: [...carried, { name: last, text: `'${HERE}'`, expr: literal, place }],
    output,
  };
  return {
    name: name + PART,
    inputs: [{ node: name, port: '' }],
    input,
    steps: [step],
    outputs: new Map([['', output]]),
    onError: 'fail',
    place,
  };
}

function withValue(step: ProjectStep, site: string): ProjectStep {
  const columns = step.columns.map((column, index) => {
    if (index < step.columns.length - 1 || column.expr.node !== 'literal') return column;
    return { ...column, text: `'${site}'`, expr: { ...column.expr, value: site } };
  });
  return { ...step, columns };
}
