/**
 * Puts a fragment together: every input attached to the stream it reads, and for every source and inlet the sinks and channels
 * whose queues it has to heed.
 */
import type { FragmentPlan } from '../../compile/fragment-plan.ts';
import { internalError } from '../../errors.ts';
import type { SourceNode as SourcePlan, StreamRef } from '../../graph/plan.ts';
import { DriftGroup } from '../../progress/drift.ts';
import type { InletNode } from '../exchange/inlet-node.ts';
import type { OutletNode } from '../exchange/outlet-node.ts';
import type { CellNode } from '../node/cell-node.ts';
import type { SinkNode } from '../node/sink-node.ts';
import type { SourceNode } from '../source/source-node.ts';
import { Turns } from '../source/turns.ts';
import { type Receiver, type Stream, streamName } from '../stream.ts';

/** What a fragment consists of, in the order of its plan. */
export interface Parts {
  readonly sources: readonly SourceNode[];
  readonly inlets: readonly InletNode[];
  readonly cells: readonly CellNode[];
  readonly sinks: readonly SinkNode[];
  readonly outlets: readonly OutletNode[];
}

export const NO_PARTS: Parts = { sources: [], inlets: [], cells: [], sinks: [], outlets: [] };

/** What each source and inlet feeds, itself included, by `sourceKey` and `inletKey`: keys of cells, sinks and outlets. */
export type Downstream = ReadonlyMap<string, ReadonlySet<string>>;

/** A kind and a name, because a source and a sink may share one. */
export const sourceKey = (name: string): string => `source ${name}`;
export const inletKey = (stream: StreamRef): string => `inlet ${streamName(stream)}`;
export const cellKey = (name: string): string => `cell ${name}`;
export const sinkKey = (name: string): string => `sink ${name}`;
export const outletKey = (stream: StreamRef): string => `outlet ${streamName(stream)}`;

interface Reader {
  readonly key: string;
  readonly reads: readonly StreamRef[];
  readonly yields: readonly StreamRef[];
}

/** Readers come after what they read, so one pass from the end suffices. */
export function downstreamOf(plan: FragmentPlan): Downstream {
  const readers = readersOf(plan);
  const makers = new Map<string, Set<string>>();
  const reached = new Map<string, Set<string>>();
  for (const { key, yields } of readers) {
    const own = new Set([key]);
    reached.set(key, own);
    for (const stream of yields) makers.set(streamName(stream), own);
  }
  for (const { key, reads } of readers.toReversed()) {
    for (const stream of reads) {
      const upstream = makers.get(streamName(stream));
      for (const below of reached.get(key) ?? []) upstream?.add(below);
    }
  }
  return reached;
}

function readersOf(plan: FragmentPlan): Reader[] {
  return [
    ...plan.sources.map(({ name }) => {
      const yields = [
        { node: name, port: '' },
        { node: name, port: 'errors' },
      ];
      return { key: sourceKey(name), reads: [], yields };
    }),
    ...plan.inlets.map(({ stream }) => ({ key: inletKey(stream), reads: [], yields: [stream] })),
    ...plan.cells.map(({ name, inputs, outputs }) => {
      const yields = outputs.map(({ operator, port }) => ({ node: operator, port }));
      return { key: cellKey(name), reads: inputs, yields };
    }),
    ...plan.sinks.map(({ name, inputs }) => ({ key: sinkKey(name), reads: inputs, yields: [] })),
    ...plan.outlets.map(({ stream }) => ({ key: outletKey(stream), reads: [stream], yields: [] })),
  ];
}

/** What sources that meet somewhere downstream share. */
export interface Meeting {
  /** Present where at least one of them sets `maxDrift`. */
  readonly drift: DriftGroup | undefined;
  readonly turns: Turns;
}

/** The meeting of each source, by its name; a source that meets no other has one for its own partitions. */
export function meetings(sources: readonly SourcePlan[], downstream: Downstream): ReadonlyMap<string, Meeting> {
  const groups: { readonly below: Set<string>; readonly members: SourcePlan[] }[] = [];
  for (const source of sources) {
    const below = new Set(downstream.get(sourceKey(source.name)));
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

/** Attaches every reader to the streams it reads. */
export function wire(plan: FragmentPlan, parts: Parts): void {
  const streams = new Map<string, Stream>();
  const offer = (stream: Stream): void => {
    streams.set(streamName(stream.ref), stream);
  };
  const attach = (input: StreamRef, receiver: Receiver): void => {
    const stream = streams.get(streamName(input));
    if (stream === undefined) throw internalError('runtime.no-stream', `nothing yields ${streamName(input)}`);
    stream.attach(receiver);
  };
  for (const source of parts.sources) {
    offer(source.main);
    offer(source.errors);
  }
  for (const inlet of parts.inlets) offer(inlet.stream);
  for (const cell of parts.cells) cell.outputs.forEach(offer);
  for (const node of [...parts.cells, ...parts.sinks]) {
    for (const [index, input] of node.plan.inputs.entries()) attach(input, node.receiver(index));
  }
  for (const [index, { stream }] of plan.outlets.entries()) {
    const outlet = parts.outlets[index];
    if (outlet !== undefined) attach(stream, outlet.receiver);
  }
}
