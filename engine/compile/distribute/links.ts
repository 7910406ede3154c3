/** How every stream of the expanded graph gets from the partitions that yield it to those that read it. */
import type { Schema } from '../../batch/types.ts';
import { internalError, userError } from '../../errors.ts';
import type { ColumnExpr } from '../../expression/ir.ts';
import { type Durable, ERRORS_SCHEMA, type LogicalPlan, type StreamRef } from '../../graph/plan.ts';
import type { Host } from '../fragment-plan.ts';
import { streamKey } from '../fuse.ts';
import type { Expanded } from './expand.ts';
import { wholeName } from './names.ts';

/**
 * `direct`: a call, partition by partition, in one thread. `pairs`: a channel from each partition to its like. `gather`: from all to the
 * one there is. `hash` and `round-robin`: from each to all.
 */
export type LinkKind = 'direct' | 'pairs' | 'gather' | 'hash' | 'round-robin';

export interface Link {
  readonly stream: StreamRef;
  readonly schema: Schema;
  readonly from: string;
  /** Which of the inputs of `to` it is. */
  readonly input: number;
  readonly to: string;
  readonly kind: LinkKind;
  readonly keys: readonly ColumnExpr[];
  readonly durable: Durable | undefined;
  readonly queue: number | undefined;
}

export interface Linked {
  readonly links: readonly Link[];
  /** By node: one more wherever rows go over a channel on the way to it. */
  readonly stages: ReadonlyMap<string, number>;
}

/** In an order in which every link comes after those that lead to it. A `direct` link becomes `pairs` where its ends have different stages. */
export function linksOf(logical: LogicalPlan, expanded: Expanded): Linked {
  const { plan } = expanded;
  const policies = new Map([...logical.sources, ...logical.operators].map((node) => [node.name, node]));
  const schemas = schemasOf(plan);
  const stages = new Map<string, number>(plan.sources.map(({ name }) => [name, 0]));
  const links: Link[] = [];
  for (const { name, inputs } of [...plan.operators, ...plan.sinks]) {
    const own = inputs.map((stream, input): Link => {
      const from = stream.node;
      const { durable, queue } = wholeName(from) === wholeName(name) ? {} : (policies.get(wholeName(from)) ?? {});
      const kind = kindOf(from, name, durable, expanded);
      const schema = schemas.get(streamKey(stream));
      if (schema === undefined) throw internalError('placement.no-stream', `nothing yields ${streamKey(stream)}`);
      const keys = expanded.inputKeys.get(name)?.[input] ?? expanded.keys.get(name) ?? [];
      return { stream, schema, from, input, to: name, kind, keys, durable, queue };
    });
    const stage = Math.max(0, ...own.map(({ from, kind }) => (stages.get(from) ?? 0) + (kind === 'direct' ? 0 : 1)));
    stages.set(name, stage);
    links.push(
      ...own.map((link) =>
        link.kind === 'direct' && stages.get(link.from) !== stage ? { ...link, kind: 'pairs' as const } : link,
      ),
    );
  }
  return { links, stages };
}

function kindOf(
  from: string,
  to: string,
  durable: Durable | undefined,
  { hosts, keys, inputKeys }: Expanded,
): LinkKind {
  const before = hosts.get(from) ?? [];
  const after = hosts.get(to) ?? [];
  if (after.length === 1 && before.length > 1) return 'gather';
  if (after.length > 1 && (keys.has(to) || inputKeys.has(to))) return 'hash';
  if (before.length === after.length) {
    return durable === undefined && before.every((host, index) => sameHost(host, after[index])) ? 'direct' : 'pairs';
  }
  if (after.length > 1 && before.length === 1) return 'round-robin';
  if (before.length > 1 && after.length > 1) return 'round-robin';
  throw userError('placement.unplaced', `nothing says where "${wholeName(to)}" runs`);
}

export function sameHost(one: Host, other: Host | undefined): boolean {
  return one.site === other?.site && one.agent === other.agent && one.worker === other.worker;
}

export function sameHosts(some: readonly Host[], others: readonly Host[]): boolean {
  return some.length === others.length && some.every((host, index) => sameHost(host, others[index]));
}

function schemasOf(plan: LogicalPlan): ReadonlyMap<string, Schema> {
  const schemas = new Map<string, Schema>();
  for (const { name, schema } of plan.sources) schemas.set(streamKey({ node: name, port: '' }), schema);
  for (const { name } of plan.sources) schemas.set(streamKey({ node: name, port: 'errors' }), ERRORS_SCHEMA);
  for (const { name, outputs } of plan.operators) {
    for (const [port, schema] of outputs) schemas.set(streamKey({ node: name, port }), schema);
  }
  return schemas;
}
