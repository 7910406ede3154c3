/**
 * CloudSkin's public API: open a graph, read its outputs, run it to the end.
 *
 *     import { open, run } from 'cloudskin';
 *
 *     const summary = await run('graph.yaml');                      // sources to sinks
 *
 *     await using flow = await open('graph.yaml');                  // outputs as record batches
 *     for await (const batch of flow.output('minutes')) show(batch.toArray());
 *
 * Every error is a `CloudskinError` with a stable code. apache-arrow and RxJS are loaded when an output is read or observed.
 */
import { connectors } from './connectors/registry.ts';
import type { Continuum, ContinuumOptions } from './engine/cluster/continuum.ts';
import type { Dataflow } from './engine/runtime/api/dataflow.ts';
import type { OutputsOf } from './engine/runtime/api/graph-types.ts';
import { type GraphInput, type OpenOptions, openGraph } from './engine/runtime/api/open.ts';
import type { Summary } from './engine/runtime/run/deployment.ts';
import { openTaskOf, type Task, type TaskOptions } from './engine/task/task.ts';

export type { Batch } from './engine/batch/batch.ts';
export type { DataType, Field, Schema, Value } from './engine/batch/types.ts';
export type { Moved } from './engine/cluster/await-move.ts';
export type { AppReference, Continuum, ContinuumOptions } from './engine/cluster/continuum.ts';
export type { ForeseenMove, MoveRequest } from './engine/cluster/coordinator/try-moving.ts';
export type { MoveEvent, MovePhase } from './engine/cluster/documents/move-event.ts';
export type { MoveReceipt } from './engine/cluster/documents/status.ts';
export type { CellPlan, OutputPort, PhysicalPlan } from './engine/compile/cell-plan.ts';
export { CloudskinError, type Domain, type ErrorOptions, type Place, type Problem } from './engine/errors.ts';
export type {
  BadRow,
  Connector,
  ConnectorContext,
  Sink,
  SinkContext,
  SinkReport,
  SinkSpec,
  Source,
  SourceContext,
  SourcePartition,
  SourceSpec,
} from './engine/graph/connector.ts';
export type { LogicalPlan, StreamRef } from './engine/graph/plan.ts';
export type { MetricsSnapshot, NodeKind, NodeMetrics, RunState } from './engine/metrics/snapshot.ts';
export { METRICS, type MetricDefinition, type MetricSubject } from './engine/metrics/table.ts';
export type { Ports, Timer } from './engine/ports.ts';
export type { Chunk, CodeValue } from './engine/runtime/api/chunk.ts';
export type { SourceInput } from './engine/runtime/api/code-source.ts';
export type { Dataflow } from './engine/runtime/api/dataflow.ts';
export {
  defineGraph,
  type GraphObject,
  type Outputs,
  type OutputsOf,
  type TypeOf,
} from './engine/runtime/api/graph-types.ts';
export type { ObserveOptions, Overflow } from './engine/runtime/api/observer.ts';
export type { GraphInput, OpenOptions } from './engine/runtime/api/open.ts';
export type { SinkSummary, Summary } from './engine/runtime/run/deployment.ts';
export type { TaskLimits } from './engine/task/open.ts';
export type { CallOptions, Task, TaskOptions, TaskResult } from './engine/task/task.ts';
export type { TaskStats, Times } from './engine/task/task-pool.ts';

/**
 * Opens a graph: reads and checks it, all problems at once (`CloudskinError` with `problems`). Rows begin to flow when the first
 * output is read or observed, or when `done`, `start` or `stop` is used. Close it with `await using`, or `stop`.
 *
 * @param graph path of a graph file, a file URL, or the object that the file would hold (`defineGraph` gives it types)
 */
export function open<const G extends GraphInput>(graph: G, options: OpenOptions = {}): Promise<Dataflow<OutputsOf<G>>> {
  return openGraph(graph, options, connectors, 'all');
}

/**
 * Opens operators of a graph as a task that is called with rows and answers with rows, each call on fresh cells: the operators between
 * one source, whose schema the rows of a call have, and the operator whose rows are the result. No source or sink is opened. Close it with
 * `await using`, or `close`. Throws the graph's problems, `task.no-operator`, `task.ambiguous`, `task.inputs`.
 *
 *     await using task = await openTask('graph.yaml', { operator: 'score' });
 *     const result = await task.call([{ machine: 'press', temperature: 71.5 }], { deadline: 50 });
 *     show(result.rows());
 */
export function openTask(graph: GraphInput, options: TaskOptions = {}): Promise<Task> {
  return openTaskOf(graph, options, connectors);
}

/**
 * Connects to a continuum whose apps run on agents: foresees moves of cells, makes them, and tells their phases as they come. Close it with `await using`, or `close`.
 */
export async function connect(options: ContinuumOptions): Promise<Continuum> {
  // a graph in one process needs nothing of it
  const { connect: open } = await import('./engine/cluster/continuum.ts');
  return await open(options);
}

/**
 * Runs a graph from its sources to its sinks. Resolves when all sources have ended and all sinks are closed; rejects with the first
 * error, and then nothing half-written is left.
 */
export async function run(graph: GraphInput, options: OpenOptions = {}): Promise<Summary> {
  await using dataflow = await openGraph(graph, options, connectors, undefined);
  return await dataflow.done;
}
