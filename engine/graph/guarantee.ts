/**
 * What becomes of rows when something fails and a deployed graph goes on from its last checkpoint: for each sink the weakest of
 * what its sources, the checkpoints and the sink itself promise.
 */
import { defined } from '../defined.ts';
import type { LogicalPlan, SinkNode, SourceNode } from './plan.ts';

/** `effectively-once`: rows may be written again, over themselves. `at-most-once`: rows may be lost, as they cannot be read again. */
export type Guarantee = 'exactly-once' | 'effectively-once' | 'at-least-once' | 'at-most-once';

export interface Limit {
  /** The node that the limit comes from, or `checkpoint`. */
  readonly node: string;
  readonly guarantee: Guarantee;
  /** As a sentence without a full stop. */
  readonly why: string;
  /** What would lift it. */
  readonly mend?: string;
}

export interface PathGuarantee {
  readonly sink: string;
  readonly sources: readonly string[];
  readonly guarantee: Guarantee;
  /** What stands in the way of exactly once; a sink that is idempotent does not. */
  readonly limits: readonly Limit[];
  /** What a promise of a source rests on, as the end of `as long as …`. */
  readonly conditions: readonly string[];
}

type Flow = Pick<LogicalPlan, 'sources' | 'operators' | 'sinks' | 'checkpoint'>;

const ORDER: readonly Guarantee[] = ['exactly-once', 'effectively-once', 'at-least-once', 'at-most-once'];

export function guaranteeOf(flow: Flow, sink: SinkNode): PathGuarantee {
  const sources = sourcesOf(flow, sink);
  const limits = [
    ...sources.flatMap(sourceLimit),
    ...checkpointLimit(flow),
    ...dropLimits(flow, sink),
    ...sinkLimit(sink),
  ];
  const promised: Guarantee = sink.promises === 'idempotent' ? 'effectively-once' : 'exactly-once';
  const guarantee = [promised, ...limits.map((limit) => limit.guarantee)].reduce((worst, each) =>
    ORDER.indexOf(each) > ORDER.indexOf(worst) ? each : worst,
  );
  const conditions = sources.flatMap(conditionOf);
  return { sink: sink.name, sources: sources.map(({ name }) => name), guarantee, limits, conditions };
}

/** Nodes upstream of a sink, by name. */
function upstreamOf({ operators }: Flow, sink: SinkNode): ReadonlySet<string> {
  const found = new Set(sink.inputs.map(({ node }) => node));
  for (const operator of operators.toReversed()) {
    if (found.has(operator.name)) for (const { node } of operator.inputs) found.add(node);
  }
  return found;
}

/** The sources that a sink reads from, near or far. */
export function sourcesOf(flow: Flow, sink: SinkNode): readonly SourceNode[] {
  const upstream = upstreamOf(flow, sink);
  return flow.sources.filter(({ name }) => upstream.has(name));
}

function conditionOf({ name, journaled }: SourceNode): string[] {
  return journaled?.guarantee === 'exactly-once' ? [said(journaled.why, name)] : [];
}

/** The words of a connector, with the source's name. */
function said(text: string, name: string): string {
  return text.replaceAll('{source}', `"${name}"`);
}

function sourceLimit({ name, connector, replayable, journal, journaled }: SourceNode): Limit[] {
  if (journal === true && journaled !== undefined) {
    const { guarantee, why, mend } = journaled;
    if (guarantee === 'exactly-once') return [];
    return [
      {
        node: name,
        guarantee,
        why: said(why, name),
        ...defined({ mend: mend === undefined ? undefined : said(mend, name) }),
      },
    ];
  }
  if (replayable === true || journal === true) return [];
  return [
    {
      node: name,
      guarantee: 'at-most-once',
      why: `source "${name}" (${connector}) cannot be read again, and keeps no journal`,
      mend: `add journal: true to "${name}"`,
    },
  ];
}

function checkpointLimit({ checkpoint }: Flow): Limit[] {
  if (checkpoint?.mode !== 'at-least-once') return [];
  const why = 'checkpoints are taken with mode: at-least-once';
  return [{ node: 'checkpoint', guarantee: 'at-least-once', why, mend: 'remove the mode of checkpoint' }];
}

/** Durable streams that may drop rows when they are full. */
function dropLimits(flow: Flow, sink: SinkNode): Limit[] {
  const upstream = upstreamOf(flow, sink);
  return [...flow.sources, ...flow.operators].flatMap(({ name, durable }): Limit[] => {
    if (!upstream.has(name) || durable?.onFull !== 'dropOldest') return [];
    const why = `the durable stream "${name}" drops its oldest rows when it is full`;
    return [{ node: name, guarantee: 'at-most-once', why, mend: `let "${name}" have onFull: block` }];
  });
}

function sinkLimit({ name, connector, promises, delivery }: SinkNode): Limit[] {
  if (delivery === 'at-least-once') {
    return [{ node: name, guarantee: 'at-least-once', why: `sink "${name}" is asked for at-least-once` }];
  }
  if (promises !== undefined && promises !== 'at-least-once') return [];
  const why = `sink "${name}" (${connector}) writes at once and cannot take back what it wrote`;
  return [{ node: name, guarantee: 'at-least-once', why, mend: 'write to a file, jetstream or postgres' }];
}
