/**
 * What `explain` tells, as plain data: sources, cells with what they do, sinks, and for every stream the transport and why it was chosen.
 * `--json` prints it as it is; the text and the diagram are made of it.
 */

import { formatType, type Schema } from '../../engine/batch/types.ts';
import type { CellPlan, PhysicalPlan } from '../../engine/compile/cell-plan.ts';
import type { DistributedPlan } from '../../engine/compile/fragment-plan.ts';
import type { PathGuarantee } from '../../engine/graph/guarantee.ts';
import type { SourceNode, Step, StreamRef } from '../../engine/graph/plan.ts';
import { formatDuration } from '../../engine/graph/units.ts';
import {
  describeGuarantees,
  describeState,
  describeStays,
  type StateDescription,
  type StayDescription,
} from './describe-bounds.ts';
import { describePlaces, type Places } from './describe-places.ts';
import { streamName } from './stream-name.ts';

export interface StreamDescription {
  readonly from: string;
  readonly to: string;
  /** `fused` inside a cell, `local` between nodes of one process. */
  readonly transport: 'fused' | 'local';
  readonly why: string;
}

export interface StepDescription {
  readonly operator: string;
  readonly kind: Step['kind'];
  readonly text: string;
}

export interface CellDescription {
  readonly name: string;
  readonly kind: CellPlan['kind'];
  readonly steps: readonly StepDescription[];
  readonly stateful: boolean;
  readonly outputs: readonly { readonly name: string; readonly schema: string }[];
}

export interface Explanation {
  readonly name: string;
  readonly sources: readonly {
    readonly name: string;
    readonly connector: string;
    readonly schema: string;
    readonly time: string;
  }[];
  readonly cells: readonly CellDescription[];
  readonly sinks: readonly { readonly name: string; readonly connector: string; readonly from: readonly string[] }[];
  readonly streams: readonly StreamDescription[];
  /** By sink. */
  readonly guarantees: readonly PathGuarantee[];
  readonly state: readonly StateDescription[];
  /** Nodes that have to be in one tier, by `stays`. */
  readonly stays: readonly StayDescription[];
  /** Where the graph runs, if sites are given. */
  readonly places?: Places;
}

/** `distributed`: the graph on given sites. */
export function describePlan(plan: PhysicalPlan, distributed?: DistributedPlan): Explanation {
  const { logical, cells } = plan;
  return {
    name: logical.name,
    sources: logical.sources.map((source) => ({
      name: source.name,
      connector: source.connector,
      schema: schemaText(source.schema),
      time: timeText(source),
    })),
    cells: cells.map(describeCell),
    sinks: logical.sinks.map((sink) => ({
      name: sink.name,
      connector: sink.connector,
      from: sink.inputs.map(streamName),
    })),
    streams: [...cells.flatMap(fusedStreams), ...localStreams(plan)],
    guarantees: describeGuarantees(plan.graph),
    state: describeState(plan.graph),
    stays: describeStays(plan.graph),
    ...(distributed === undefined ? {} : { places: describePlaces(distributed) }),
  };
}

export function schemaText(schema: Schema): string {
  const mark = (index: number): string => (schema.time === index ? ' (time)' : '');
  return schema.fields.map((field, index) => `${field.name}: ${formatType(field.type)}${mark(index)}`).join(', ');
}

function timeText({ schema, time, orderBy, speed }: SourceNode): string {
  const order = orderBy === undefined ? '' : `, replayed in order of ${orderBy}`;
  const pace = speed === undefined ? '' : ` at ${speed}x`;
  if (time === undefined) return `ingestion time${order}${pace}`;
  const idle = time.idleAfter === undefined ? '' : `, idle after ${formatDuration(time.idleAfter)}`;
  const drift = time.maxDrift === undefined ? '' : `, at most ${formatDuration(time.maxDrift)} ahead`;
  const column = schema.fields[time.column]?.name;
  return `${column}, up to ${formatDuration(time.maxDelay)} out of order${idle}${drift}${order}${pace}`;
}

function describeCell(cell: CellPlan): CellDescription {
  const steps = cell.operators.flatMap((operator) =>
    operator.steps.map((step) => ({ operator: operator.name, kind: step.kind, text: stepText(step) })),
  );
  return {
    name: cell.name,
    kind: cell.kind,
    steps,
    stateful: steps.some((step) => step.kind === 'aggregate' || step.kind === 'join' || step.kind === 'component'),
    outputs: cell.outputs.map((port) => ({
      name: streamName({ node: port.operator, port: port.port }),
      schema: schemaText(port.schema),
    })),
  };
}

function stepText(step: Step): string {
  switch (step.kind) {
    case 'filter':
      return step.text;
    case 'project':
      return step.columns
        .map((column) => (column.text === column.name ? column.name : `${column.name} = ${column.text}`))
        .join(', ');
    case 'aggregate': {
      const keys = step.keys.length === 0 ? '' : ` by ${step.keys.map((key) => key.text).join(', ')}`;
      const results = step.aggregates.map((aggregate) => `${aggregate.name} = ${aggregate.text}`).join(', ');
      return `tumbling ${formatDuration(step.window.size)}${keys}: ${results}; late: ${step.late}`;
    }
    case 'join':
      return `tumbling ${formatDuration(step.window.size)} where ${step.text}; late: drop`;
    case 'component':
      return `${step.component} ${JSON.stringify(step.config)}`;
  }
}

function fusedStreams(cell: CellPlan): StreamDescription[] {
  return cell.operators.slice(1).map((operator, index) => ({
    from: cell.operators[index]?.name ?? '',
    to: operator.name,
    transport: 'fused',
    why: 'only reader, same site, declared operators: one Wasm module',
  }));
}

function localStreams({ graph, logical, cells }: PhysicalPlan): StreamDescription[] {
  const { sinks } = logical;
  const durable = new Set(
    [...graph.sources, ...graph.operators].flatMap((node) => (node.durable === undefined ? [] : [node.name])),
  );
  const toCells = cells.flatMap((cell) =>
    cell.inputs.map((input) => local(input, cell.operators[0]?.name ?? cell.name, durable)),
  );
  const toSinks = sinks.flatMap((sink) => sink.inputs.map((input) => local(input, sink.name, durable)));
  return [...toCells, ...toSinks];
}

function local(from: StreamRef, to: string, durable: ReadonlySet<string>): StreamDescription {
  const kept = durable.has(from.node) ? '; deployed, it is durable: kept by JetStream' : '';
  return { from: streamName(from), to, transport: 'local', why: `same process: a view is handed over${kept}` };
}
