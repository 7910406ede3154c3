/** Random graphs, places for them, and what must hold of whatever fragments they become. */
import fc from 'fast-check';
import { expect } from 'vitest';
import type { Schema } from '../../engine/batch/types.ts';
import type { DistributedPlan, FragmentPlan, Host } from '../../engine/compile/fragment-plan.ts';
import type { ColumnExpr } from '../../engine/expression/ir.ts';
import type { AggregateStep, LogicalPlan, OperatorNode, Step, StreamRef } from '../../engine/graph/plan.ts';
import { PLACE, planOf } from './plans.ts';

export const ROWS: Schema = {
  fields: [
    { name: 'key', type: { kind: 'utf8' }, nullable: false },
    { name: 'at', type: { kind: 'timestamp', unit: 'us' }, nullable: false },
    { name: 'value', type: { kind: 'int64' }, nullable: false },
  ],
  time: 1,
};

const column = (index: number): ColumnExpr => {
  const { name = '', type = { kind: 'null' } } = ROWS.fields[index] ?? {};
  return { node: 'column', index, name, type, nullable: false, span: { start: 0, end: 1 } };
};

const filter: Step = {
  kind: 'filter',
  text: 'true',
  predicate: { node: 'literal', value: true, type: { kind: 'bool' }, nullable: false, span: { start: 0, end: 4 } },
  place: PLACE,
};

/** A keyed sum whose output has the columns of its input again, so that anything may read it. */
const sum: AggregateStep = {
  kind: 'aggregate',
  window: { kind: 'tumbling', size: 1_000_000n },
  time: 1,
  keys: [{ name: 'key', text: 'key', expr: column(0) }],
  aggregates: [{ name: 'value', fn: 'sum', text: 'sum(value)', arg: column(2) }],
  late: 'drop',
  input: ROWS,
  output: {
    fields: [
      { name: 'window_start', type: { kind: 'timestamp', unit: 'us' }, nullable: false },
      { name: 'window_end', type: { kind: 'timestamp', unit: 'us' }, nullable: false },
      { name: 'key', type: { kind: 'utf8' }, nullable: false },
      { name: 'value', type: { kind: 'int64' }, nullable: false },
    ],
    time: 1,
  },
  place: PLACE,
};

const back: Step = {
  kind: 'project',
  columns: [2, 1, 3].map((index) => {
    const field = sum.output.fields[index];
    const { name = '', type = { kind: 'null' } } = field ?? {};
    const expr = { node: 'column', index, name, type, nullable: false, span: { start: 0, end: 1 } } as const;
    return { name: name === 'window_end' ? 'at' : name, text: name, expr, place: PLACE };
  }),
  output: ROWS,
};

const component: Step = {
  kind: 'component',
  component: 'twice',
  config: {},
  outputs: new Map([['', ROWS]]),
  place: PLACE,
};

interface Drawn {
  readonly kind: 'filter' | 'sum' | 'component' | 'filtered-sum';
  readonly reads: readonly number[];
}

export const STEPS: Readonly<Record<Drawn['kind'], readonly Step[]>> = {
  filter: [filter],
  sum: [sum, back],
  'filtered-sum': [filter, sum, back],
  component: [filter, component],
};

/** Operators read what comes before them; every operator that nobody reads has a sink. */
function graphOf(sources: number, drawn: readonly Drawn[]): LogicalPlan {
  const sourceNames = Array.from({ length: sources }, (_, index) => `s${index}`);
  const names = [...sourceNames, ...drawn.map((_, index) => `o${index}`)];
  const read = new Set<string>();
  const operators = Object.fromEntries(
    drawn.map(({ kind, reads }, index) => {
      const from = [...new Set(reads.map((at) => names[at % (sources + index)] ?? ''))];
      for (const name of from) read.add(name);
      return [`o${index}`, { from, steps: STEPS[kind], output: ROWS }];
    }),
  );
  const unread = names.filter((name) => !read.has(name));
  const sinks = Object.fromEntries([...unread.map((name, index) => [`k${index}`, [name]]), ['all', names.slice(0, 2)]]);
  return planOf({ sources: Object.fromEntries(sourceNames.map((name) => [name, { schema: ROWS }])), operators, sinks });
}

const host = fc.record({ site: fc.constantFrom('edge', 'cloud'), agent: fc.constantFrom('a', 'b'), worker: fc.nat(1) });

/** Components and sinks are in one place; all else in up to three, each in another. */
export const placedGraphs: fc.Arbitrary<{
  readonly plan: LogicalPlan;
  readonly nodes: ReadonlyMap<string, readonly Host[]>;
}> = fc
  .record({
    sources: fc.integer({ min: 1, max: 3 }),
    drawn: fc.array(
      fc.record({
        kind: fc.constantFrom<Drawn['kind']>('filter', 'sum', 'filtered-sum', 'component'),
        reads: fc.array(fc.nat(9), { minLength: 1, maxLength: 2 }),
      }),
      { minLength: 1, maxLength: 6 },
    ),
    hosts: fc.array(fc.uniqueArray(host, { minLength: 1, maxLength: 3, selector: (each) => JSON.stringify(each) }), {
      minLength: 1,
      maxLength: 3,
    }),
    choices: fc.array(fc.nat(9), { minLength: 20, maxLength: 20 }),
  })
  .map(({ sources, drawn, hosts, choices }) => {
    const plan = graphOf(sources, drawn);
    const single = new Set([
      ...plan.sinks.map(({ name }) => name),
      ...plan.operators.filter(({ steps }) => steps.some(({ kind }) => kind === 'component')).map(({ name }) => name),
    ]);
    const nodes = new Map(
      [...plan.sources, ...plan.operators, ...plan.sinks].map(({ name }, index) => {
        const own = hosts[(choices[index] ?? 0) % hosts.length] ?? [];
        return [name, single.has(name) ? own.slice(0, 1) : own];
      }),
    );
    return { plan, nodes };
  });

interface End {
  readonly fragment: FragmentPlan;
  readonly partition: number;
}

/** Where each partition of each node, part or whole, is. */
function endsOf({ fragments }: DistributedPlan): ReadonlyMap<string, readonly End[]> {
  const ends = new Map<string, End[]>();
  for (const fragment of fragments) {
    for (const [name, { partition }] of fragment.shares) {
      ends.set(name, [...(ends.get(name) ?? []), { fragment, partition }]);
    }
  }
  return ends;
}

const same = (a: StreamRef, b: StreamRef): boolean => a.node === b.node && a.port === b.port;

interface Reader {
  readonly name: string;
  readonly inputs: readonly StreamRef[];
}

function readersOf({ cells, sinks }: FragmentPlan): readonly Reader[] {
  const operators: readonly OperatorNode[] = cells.flatMap((cell) => cell.operators);
  return [...operators, ...sinks];
}

/** Every reader partition gets each of its inputs, by a call or by an inlet, and each row of an outlet goes to one partition of each reader. */
export function expectConnected(plan: DistributedPlan): void {
  const ends = endsOf(plan);
  for (const fragment of plan.fragments) {
    for (const { name, inputs } of readersOf(fragment)) {
      for (const input of inputs) {
        const isCalled = fragment.shares.has(input.node) && !input.port.includes('@');
        const inlet = fragment.inlets.find(({ stream }) => same(stream, input));
        expect([fragment.name, name, input, isCalled !== (inlet !== undefined)]).toEqual([
          fragment.name,
          name,
          input,
          true,
        ]);
        if (isCalled) expect(fragment.shares.get(input.node)?.partition).toBe(fragment.shares.get(name)?.partition);
        else
          for (const { from } of inlet?.channels ?? [])
            expect(ends.get(input.node)?.some((end) => end.fragment.name === from)).toBe(true);
      }
    }
    for (const { stream, channels, exchange } of fragment.outlets) {
      expect(fragment.shares.has(stream.node)).toBe(true);
      for (const { id, to } of channels) {
        const target = plan.fragments.find(({ name }) => name === to);
        expect(target?.inlets.some((inlet) => inlet.channels.some((channel) => channel.id === id))).toBe(true);
      }
      if (exchange.kind !== 'hash') continue;
      expect(
        exchange.groups.flatMap(([first, last]) => Array.from({ length: last - first + 1 }, (_, at) => first + at)),
      ).toEqual(Array.from({ length: 128 }, (_, group) => group));
      expect(new Set(channels.map(({ to }) => to)).size).toBe(exchange.groups.length);
    }
  }
  expectAllRead(plan, ends);
}

/** A stream that a node of the graph reads comes from every partition of what yields it, and from nothing else. */
function expectAllRead({ fragments }: DistributedPlan, ends: ReadonlyMap<string, readonly End[]>): void {
  const received = new Map<string, string[]>();
  for (const fragment of fragments) {
    for (const { name, inputs } of readersOf(fragment)) {
      for (const [index, input] of inputs.entries()) {
        const inlet = fragment.inlets.find(({ stream }) => same(stream, input));
        const key = `${name} ${index} ${input.node}`;
        const own = inlet?.channels.map(({ from }) => from) ?? [fragment.name];
        received.set(key, [...(received.get(key) ?? []), ...own]);
      }
    }
  }
  for (const [key, froms] of received) {
    const node = key.split(' ')[2] ?? '';
    expect([key, [...new Set(froms)].sort()]).toEqual([
      key,
      (ends.get(node) ?? []).map(({ fragment }) => fragment.name).sort(),
    ]);
  }
}

/** Channels lead to later fragments only, and names are each one thing's. */
export function expectAcyclic({ fragments }: DistributedPlan): void {
  const order = fragments.map(({ name }) => name);
  expect(new Set(order).size).toBe(order.length);
  const out = fragments.flatMap(({ outlets }) => outlets.flatMap(({ channels }) => channels));
  const ids = new Set(out.map(({ id }) => id));
  for (const { id, from, to } of out) {
    expect(id).toMatch(/^[A-Za-z0-9_-]+$/);
    expect(order.indexOf(from)).toBeLessThan(order.indexOf(to));
  }
  expect(new Set(out.map((channel) => JSON.stringify(channel))).size).toBe(ids.size);
}

/** Durable channels part regions, all others join them. */
export function expectRegions({ fragments }: DistributedPlan): void {
  const regionOf = new Map(fragments.map(({ name, region }) => [name, region]));
  for (const { outlets } of fragments) {
    for (const { transport, from, to } of outlets.flatMap(({ channels }) => channels)) {
      expect(regionOf.get(from) === regionOf.get(to)).toBe(transport !== 'durable');
    }
  }
}

/** Every partition of every node of the graph is somewhere, once, where it was put. */
export function expectPlaced(plan: DistributedPlan, nodes: ReadonlyMap<string, readonly Host[]>): void {
  const ends = endsOf(plan);
  for (const [name, hosts] of nodes) {
    const own = [...(ends.get(name) ?? [])].sort((a, b) => a.partition - b.partition);
    expect([name, own.map(({ fragment }) => fragment.host)]).toEqual([name, hosts]);
  }
}
