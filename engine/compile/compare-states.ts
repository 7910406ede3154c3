/**
 * What a changed graph keeps of the state of the one before: by name, and only where it still means the same. `deploy` and `run --state` ask before they
 * replace a graph; what would be dropped needs the user's word.
 */
import { isDeepStrictEqual } from 'node:util';
import { formatType, type Schema } from '../batch/types.ts';
import type { ComponentStep, LogicalPlan, OperatorNode, SinkNode, SourceNode } from '../graph/plan.ts';
import { stateMismatch, stateSchema } from './state/aggregate-state.ts';
import { joinMismatch, joinSchema } from './state/join-state.ts';

export interface StateChange {
  readonly kind: 'source' | 'operator' | 'sink';
  readonly node: string;
  /** `new`: there was none. */
  readonly change: 'kept' | 'new' | 'dropped';
  /** Of a sink: its connector, and where it writes. */
  readonly target?: string;
  /** Of what is dropped: why, as the end of `the state of "x" is dropped: …`. */
  readonly reason?: string;
}

export interface StateComparison {
  /** Every source and stateful operator of either graph: those of the new one in its order, then those that are gone. Of sinks those that are dropped. */
  readonly changes: readonly StateChange[];
  readonly dropped: readonly StateChange[];
}

/** Positions of sources, state of operators, and what sinks hold back until a checkpoint is complete. Both plans as graphs have them, before anything is split. */
export function compareStates(before: LogicalPlan, after: LogicalPlan): StateComparison {
  const sources = compareAll('source', stateful(before.sources), stateful(after.sources), sourceDifference);
  const operators = compareAll('operator', keeping(before), keeping(after), operatorDifference);
  const changes = [...sources, ...operators, ...droppedSinks(holding(before.sinks), after.sinks)];
  return { changes, dropped: changes.filter(({ change }) => change === 'dropped') };
}

/** Sources that remember where they were. */
function stateful(sources: readonly SourceNode[]): readonly SourceNode[] {
  return sources.filter(({ replayable, journal }) => replayable === true || journal === true);
}

/** Sinks whose output is seen only once its checkpoint is complete, and that find it again by their name. */
function holding(sinks: readonly SinkNode[]): readonly SinkNode[] {
  return sinks.filter(({ holds }) => holds !== undefined);
}

function keeping({ operators }: LogicalPlan): readonly OperatorNode[] {
  return operators.filter((operator) => stateOf(operator) !== undefined);
}

function stateOf({
  steps,
}: OperatorNode): Extract<OperatorNode['steps'][number], { kind: 'aggregate' | 'join' | 'component' }> | undefined {
  for (const step of steps) {
    if (step.kind === 'aggregate' || step.kind === 'join' || step.kind === 'component') return step;
  }
  return undefined;
}

function compareAll<Node extends { readonly name: string }>(
  kind: StateChange['kind'],
  before: readonly Node[],
  after: readonly Node[],
  difference: (before: Node, after: Node) => string | undefined,
): StateChange[] {
  const known = new Map(before.map((node) => [node.name, node]));
  const names = new Set(after.map(({ name }) => name));
  const kept = after.map((node): StateChange => {
    const former = known.get(node.name);
    if (former === undefined) return { kind, node: node.name, change: 'new' };
    const reason = difference(former, node);
    return reason === undefined
      ? { kind, node: node.name, change: 'kept' }
      : { kind, node: node.name, change: 'dropped', reason };
  });
  const gone = before.filter(({ name }) => !names.has(name));
  return [
    ...kept,
    ...gone.map(
      ({ name }): StateChange => ({ kind, node: name, change: 'dropped', reason: 'it is not in the graph any more' }),
    ),
  ];
}

function sourceDifference(before: SourceNode, after: SourceNode): string | undefined {
  if (before.connector !== after.connector)
    return `it reads by ${after.connector} and no longer by ${before.connector}`;
  if (!isDeepStrictEqual(before.options, after.options))
    return `the options of ${after.connector} are others: its positions are of something else`;
  if ((before.site === true) !== (after.site === true)) return 'it runs once a site now, or no longer does';
  return undefined;
}

/** One of the same name, target and header goes on with what was held, and needs no word. */
function droppedSinks(before: readonly SinkNode[], after: readonly SinkNode[]): readonly StateChange[] {
  const targets = new Map(before.map((sink) => [sink.name, targetOf(sink)]));
  const dropped = compareAll('sink', before, after, sinkDifference).filter(({ change }) => change === 'dropped');
  return dropped.map((change): StateChange => ({ ...change, target: targets.get(change.node) ?? '' }));
}

function sinkDifference(before: SinkNode, after: SinkNode): string | undefined {
  if (targetOf(before) !== targetOf(after)) return `it writes ${targetOf(after)} now`;
  const [was, is] = [before.header, after.header];
  if (was === undefined || is === undefined || was === is) return undefined;
  return `its columns were ${was} and are ${is} now, and one file has one header`;
}

function targetOf({ connector, holds }: SinkNode): string {
  return holds === undefined ? connector : `${connector} ${holds}`;
}

function operatorDifference(before: OperatorNode, after: OperatorNode): string | undefined {
  const [was, is] = [stateOf(before), stateOf(after)];
  if (was === undefined || is === undefined) return undefined;
  if (was.kind === 'aggregate' && is.kind === 'aggregate') return stateMismatch(is, stateSchema(was));
  if (was.kind === 'join' && is.kind === 'join') return joinMismatch(is, joinSchema(was));
  if (was.kind === 'component' && is.kind === 'component') return componentDifference([before, was], [after, is]);
  return `it is ${article(is.kind)} and was ${article(was.kind)}`;
}

export type Component = readonly [operator: OperatorNode, step: ComponentStep];

function componentDifference([before, was]: Component, [after, is]: Component): string | undefined {
  if (was.component !== is.component) return `its component is another: ${is.component}`;
  return setupDifference([before, was], [after, is]);
}

/** What a component's image has of the graph, besides the code: its configuration and the columns that it reads. */
export function setupDifference([before, was]: Component, [after, is]: Component): string | undefined {
  if (!isDeepStrictEqual(was.config, is.config)) return 'its component is configured otherwise';
  const inputs = ({ input, inputSchemas = [input] }: OperatorNode): string => inputSchemas.map(schemaText).join('; ');
  return inputs(before) === inputs(after) ? undefined : 'its input has other columns';
}

function schemaText({ fields }: Schema): string {
  return fields.map(({ name, type }) => `${name} ${formatType(type)}`).join(', ');
}

function article(kind: string): string {
  return kind === 'aggregate' ? 'an aggregate' : `a ${kind}`;
}
