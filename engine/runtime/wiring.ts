/**
 * Puts a physical plan together: one node for each source, cell and sink, every input attached to the stream it reads, and for every
 * source the sinks whose queues it has to heed.
 */
import type { Cell } from '../cell/cell.ts';
import type { PhysicalPlan } from '../compile/cell-plan.ts';
import { internalError } from '../errors.ts';
import type { Sink } from '../graph/connector.ts';
import type { LogicalPlan, SourceNode as SourcePlan, StreamRef } from '../graph/plan.ts';
import { DriftGroup } from '../progress/drift.ts';
import { CellNode } from './cell-node.ts';
import type { Control } from './control.ts';
import { SinkNode, type SinkNodeOptions } from './sink-node.ts';
import type { SourceNode } from './source-node.ts';
import { type Receiver, type Stream, streamName } from './stream.ts';
import { Turns } from './turns.ts';

/** Names of sources, operators and sinks that lie downstream of each node, itself included. */
export type Downstream = ReadonlyMap<string, ReadonlySet<string>>;

/** Readers come after what they read, so one pass from the end suffices. */
export function downstreamOf(plan: LogicalPlan): Downstream {
  const reached = new Map<string, Set<string>>();
  const nodes = [...plan.sources.map(({ name }) => ({ name, inputs: [] })), ...plan.operators, ...plan.sinks];
  for (const { name } of nodes) reached.set(name, new Set([name]));
  for (const { name, inputs } of nodes.toReversed()) {
    for (const input of inputs as readonly StreamRef[]) {
      const upstream = reached.get(input.node);
      for (const below of reached.get(name) ?? []) upstream?.add(below);
    }
  }
  return reached;
}

/** What sources that meet somewhere downstream share. */
export interface Meeting {
  /** Present where at least one of them sets `maxDrift`. */
  readonly drift: DriftGroup | undefined;
  readonly turns: Turns;
}

/** The meeting of each source, by its name; a source that meets no other has one for its own partitions. */
export function meetings(plan: LogicalPlan, downstream: Downstream): ReadonlyMap<string, Meeting> {
  const groups: { readonly below: Set<string>; readonly members: SourcePlan[] }[] = [];
  for (const source of plan.sources) {
    const below = new Set(downstream.get(source.name));
    const members = [source];
    for (const met of groups.filter((group) => [...group.below].some((name) => below.has(name)))) {
      for (const name of met.below) below.add(name);
      members.push(...met.members);
      groups.splice(groups.indexOf(met), 1);
    }
    groups.push({ below, members });
  }
  const result = new Map<string, Meeting>();
  for (const { members } of groups) {
    const drifts = members.some((member) => member.time?.maxDrift !== undefined);
    const meeting = { drift: drifts ? new DriftGroup() : undefined, turns: new Turns() };
    for (const member of members) result.set(member.name, meeting);
  }
  return result;
}

/** What was opened, by name. */
export interface Opened {
  readonly sources: readonly SourceNode[];
  readonly cells: ReadonlyMap<string, Cell>;
  readonly sinks: ReadonlyMap<string, { readonly sink: Sink; readonly options: SinkNodeOptions }>;
}

export interface Wired {
  readonly cells: readonly CellNode[];
  readonly sinks: readonly SinkNode[];
}

export function wire(plan: PhysicalPlan, opened: Opened, control: Control): Wired {
  const streams = new Map<string, Stream>();
  const offer = (stream: Stream): void => {
    streams.set(streamName(stream.ref), stream);
  };
  for (const source of opened.sources) {
    offer(source.main);
    offer(source.errors);
  }
  const attach = (inputs: readonly StreamRef[], reader: { receiver(index: number): Receiver }): void => {
    for (const [index, input] of inputs.entries()) {
      const stream = streams.get(streamName(input));
      if (stream === undefined) throw internalError('runtime.no-stream', `nothing yields ${streamName(input)}`);
      stream.attach(reader.receiver(index));
    }
  };
  const cells = plan.cells.map((cellPlan) => {
    const cell = opened.cells.get(cellPlan.name);
    if (cell === undefined) throw internalError('runtime.no-cell', `cell ${cellPlan.name} was not opened`);
    const node = new CellNode(cellPlan, cell, control);
    attach(cellPlan.inputs, node);
    node.outputs.forEach(offer);
    return node;
  });
  const sinks = plan.logical.sinks.map((sinkPlan) => {
    const entry = opened.sinks.get(sinkPlan.name);
    if (entry === undefined) throw internalError('runtime.no-sink', `sink ${sinkPlan.name} was not opened`);
    const node = new SinkNode(sinkPlan, entry.sink, control, entry.options);
    attach(sinkPlan.inputs, node);
    return node;
  });
  return { cells, sinks };
}
