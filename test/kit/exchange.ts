/**
 * A graph dealt to two workers that exchange rows both ways: each reads its share of the source's partitions, filters, and deals by key; each
 * aggregates its half of the keys and writes.
 *
 *     first-0 ──> second-0        first-0 ──> second-1
 *     first-1 ──> second-0        first-1 ──> second-1
 */
import type { Schema } from '../../engine/batch/types.ts';
import { cutStep } from '../../engine/compile/cut-step.ts';
import type { Channel, DistributedPlan, FragmentPlan, Share } from '../../engine/compile/fragment-plan.ts';
import { fuse } from '../../engine/compile/fuse.ts';
import type { LogicalPlan } from '../../engine/graph/plan.ts';

const WORKERS = [0, 1];
const SPLIT = 64;

function channel(from: number, to: number, maxBytes: number): Channel {
  return {
    id: `first-${from}-second-${to}`,
    from: `first-${from}`,
    to: `second-${to}`,
    transport: 'local',
    why: 'a test',
    maxBytes,
  };
}

/** The operators named in `first` run before the exchange, which deals the last of them by the column `key`. */
export function exchanging(
  logical: LogicalPlan,
  {
    first,
    key,
    maxBytes = 1 << 20,
  }: { readonly first: readonly string[]; readonly key: number; readonly maxBytes?: number },
): DistributedPlan {
  const stream = { node: first.at(-1) ?? '', port: '' };
  const schema = logical.operators.find(({ name }) => name === stream.node)?.outputs.get('') as Schema;
  const field = schema.fields[key];
  if (field === undefined) throw new Error(`${stream.node} has no column ${key}`);
  const keys = [{ ...field, node: 'column' as const, index: key, span: { start: 0, end: 1 } }];
  const groups = [[0, SPLIT - 1] as const, [SPLIT, 127] as const];
  const before = { ...logical, operators: logical.operators.filter(({ name }) => first.includes(name)), sinks: [] };
  const after = { ...logical, operators: logical.operators.filter(({ name }) => !first.includes(name)) };
  const cutSteps = new Map(logical.sources.map((source) => [source.name, cutStep(logical, source)]));
  const shares = (worker: number): Map<string, Share> => {
    const [firstGroup = 0, lastGroup = 127] = groups[worker] ?? [];
    const share = { partition: worker, partitions: 2, firstGroup, lastGroup };
    return new Map([...logical.sources, ...logical.operators, ...logical.sinks].map(({ name }) => [name, share]));
  };
  const common = (name: string, worker: number) => ({
    namespace: 'default',
    app: logical.name,
    revision: 1,
    region: 'all',
    cutSteps,
    name: `${name}-${worker}`,
    host: { site: 'local', agent: 'local', worker },
    shares: shares(worker),
  });
  const reading = WORKERS.map((worker): FragmentPlan => {
    const channels = WORKERS.map((to) => channel(worker, to, maxBytes));
    const outlets = [{ stream, schema, channels, exchange: { kind: 'hash' as const, keys, groups } }];
    return {
      ...common('first', worker),
      sources: logical.sources,
      cells: fuse(before).cells,
      sinks: [],
      inlets: [],
      outlets,
    };
  });
  const writing = WORKERS.map((worker): FragmentPlan => {
    const inlets = [{ stream, schema, channels: WORKERS.map((from) => channel(from, worker, maxBytes)) }];
    return {
      ...common('second', worker),
      sources: [],
      cells: fuse(after).cells,
      sinks: logical.sinks,
      inlets,
      outlets: [],
    };
  });
  return { logical, fragments: [...reading, ...writing] };
}
