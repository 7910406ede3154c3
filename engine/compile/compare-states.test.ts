import { describe, expect, it } from 'vitest';
import { testContext } from '../../test/golden/graph-errors/context.ts';
import { buildPlan, parseGraph } from '../graph/index.ts';
import type { LogicalPlan } from '../graph/plan.ts';
import { compareStates } from './compare-states.ts';

const GRAPH = `
apiVersion: cloudskin.dev/v1
kind: Dataflow
metadata: { name: g }
spec:
  sources:
    readings: { file: { path: readings.csv }, schema: { machine: utf8, at: "timestamp[ms]", value: int32 }, time: { column: at } }
    told: { nats: { subject: told }, schema: { machine: utf8 } }
  operators:
    hot: { from: readings, filter: value > 3 }
    minutes: { from: hot, window: { tumbling: 1m }, groupBy: [machine], aggregate: { total: sum(value) } }
    own: { from: readings, component: ./double.wasm, config: { a: 1 } }
  sinks:
    out: { from: minutes, console: {} }
    more: { from: own, console: {} }
    last: { from: told, console: {} }
`;

async function planOf(...changes: readonly (readonly [from: string, to: string])[]): Promise<LogicalPlan> {
  let text = GRAPH;
  for (const [from, to] of changes) {
    expect(text).toContain(from);
    text = text.replace(from, to);
  }
  const { plan, problems } = await buildPlan(parseGraph(text, { file: 'g.yaml', environment: {} }), testContext);
  if (plan === undefined) throw new Error(problems.map(({ message }) => message).join('; '));
  return plan;
}

async function droppedBy(...changes: readonly (readonly [from: string, to: string])[]): Promise<readonly string[]> {
  const { dropped } = compareStates(await planOf(), await planOf(...changes));
  return dropped.map(({ node, reason }) => `${node}: ${reason}`);
}

describe('a changed graph', () => {
  it('keeps the state of what is the same, whatever else is changed around it', async () => {
    const after = await planOf(
      ['value > 3', 'value > 4'],
      ['total: sum(value) }', 'total: sum(value) }, parallelism: 4'],
      ['console: {}', 'file: { path: o.csv }'],
    );
    expect(compareStates(await planOf(), after)).toEqual({
      changes: [
        { kind: 'source', node: 'readings', change: 'kept' },
        { kind: 'operator', node: 'own', change: 'kept' },
        { kind: 'operator', node: 'minutes', change: 'kept' },
      ],
      dropped: [],
    });
  });

  it('drops the state of an aggregate that means something else', async () => {
    expect(await droppedBy(['tumbling: 1m', 'tumbling: 2m'])).toEqual([
      'minutes: its windows are tumbling of 1m, not tumbling of 2m',
    ]);
    expect(await droppedBy(['sum(value)', 'sum(value + 1)'])).toEqual([
      'minutes: its aggregate total is computed otherwise',
    ]);
    expect(await droppedBy(['groupBy: [machine]', 'groupBy: { machine: upper(machine) }'])).toEqual([
      'minutes: its key machine is computed otherwise',
    ]);
  });

  it('drops the state of a component that is another, or is configured or fed otherwise', async () => {
    expect(await droppedBy(['config: { a: 1 }', 'config: { a: 2 }'])).toEqual([
      'own: its component is configured otherwise',
    ]);
    const [other] = await droppedBy(['./double.wasm', './two.wasm']);
    expect(other).toMatch(/^own: its component is another: .*two\.wasm$/);
    expect(await droppedBy(['value: int32', 'value: int32, more: utf8'])).toEqual(['own: its input has other columns']);
  });

  it('keeps what is checkpointed in another region now: state goes with its node', async () => {
    expect(await droppedBy(['hot: { from: readings,', 'hot: { from: readings, durable: true,'])).toEqual([]);
  });

  it('drops the position of a source that reads something else', async () => {
    expect(await droppedBy(['path: readings.csv', 'path: others.csv'])).toEqual([
      'readings: the options of file are others: its positions are of something else',
    ]);
  });

  describe('drops what a sink holds back', () => {
    const CONSOLE = 'out: { from: minutes, console: {} }';
    const dropped = async (was: string, is: string) => {
      const { changes } = compareStates(await planOf([CONSOLE, was]), await planOf([CONSOLE, is]));
      return changes.flatMap(({ kind, node, target, reason }) => (kind === 'sink' ? [[node, target, reason]] : []));
    };
    const file = 'out: { from: minutes, file: { path: o.csv } }';

    it('where it is renamed, gone or of another connector', async () => {
      const gone = ['out', 'file o.csv', 'it is not in the graph any more'];
      expect(await dropped(file, 'two: { from: minutes, file: { path: o.csv } }')).toEqual([gone]);
      expect(await dropped(file, 'two: { from: minutes, console: {} }')).toEqual([gone]);
      expect(await dropped(file, CONSOLE)).toEqual([['out', 'file o.csv', 'it writes console now']]);
      expect(await dropped('out: { from: minutes, jetstream: { subject: a } }', file)).toEqual([
        ['out', 'jetstream a', 'it writes file o.csv now'],
      ]);
    });

    it('where it goes elsewhere, or is one file no longer', async () => {
      const options = (text: string): string => `out: { from: minutes, file: { path: o.csv, ${text} } }`;
      expect(await dropped(file, 'out: { from: minutes, file: { path: p.csv } }')).toEqual([
        ['out', 'file o.csv', 'it writes file p.csv now'],
      ]);
      expect(await dropped(file, options('roll: { size: 1MB }'))).toEqual([
        ['out', 'file o.csv', 'it writes file o.csv, in numbered files now'],
      ]);
      expect(await dropped(file, options('format: ndjson'))).toEqual([
        ['out', 'file o.csv', 'it writes file o.csv as ndjson (none) now'],
      ]);
      const table = (name: string): string =>
        `out: { from: minutes, postgres: { url: "postgres://h/d", table: ${name} } }`;
      expect(await dropped(table('t'), table('u'))).toEqual([['out', 'postgres t', 'it writes postgres u now']]);
    });

    it('where it is one file no longer because a source of it does not end any more', async () => {
      const before = await planOf([CONSOLE, file]);
      const after = await planOf([CONSOLE, file], ['path: readings.csv', 'path: readings.csv, follow: true']);
      expect(compareStates(before, after).dropped.map(({ node }) => node)).toEqual(['readings', 'out']);
    });

    it('where one file of it has a header, and its columns are others', async () => {
      const minutes = 'total: sum(value)';
      const changed = async (was: string, more = 'm: max(value)') => {
        const before = await planOf([CONSOLE, was]);
        const after = await planOf([CONSOLE, was], [minutes, `${minutes}, ${more}`]);
        return compareStates(before, after).dropped.flatMap(({ kind, reason }) => (kind === 'sink' ? [reason] : []));
      };
      const header = 'window_start, window_end, machine, total';
      expect(await changed(file)).toEqual([
        `its columns were ${header} and are ${header}, m now, and one file has one header`,
      ]);
      expect((await changed(file.replace('o.csv', 'o.parquet'))).join()).toContain('machine utf8, total');
      expect(await changed(file.replace('o.csv', 'o.ndjson'))).toEqual([]);
      expect(await changed(file.replace('path: o.csv', 'path: o.csv, roll: { size: 1MB }'))).toEqual([]);
    });

    it('and nothing where only its ways are others, or it held nothing back', async () => {
      const roll = (more: string): string => `out: { from: minutes, file: { path: o.csv, ${more} } }`;
      expect(await dropped(file, roll('overwrite: false, mkdir: false, format: csv'))).toEqual([]);
      expect(await dropped(roll('roll: { size: 1MB }'), roll('roll: { size: 2MB, every: 1h }'))).toEqual([]);
      expect(await dropped(CONSOLE, file)).toEqual([]);
      expect(await dropped(CONSOLE, 'two: { from: minutes, console: {} }')).toEqual([]);
    });
  });

  it('names what is gone, and what is new', async () => {
    const { changes } = compareStates(
      await planOf(),
      await planOf(['minutes:', 'hours:'], ['from: minutes', 'from: hours']),
    );
    expect(changes.map(({ node, change }) => [node, change])).toEqual([
      ['readings', 'kept'],
      ['own', 'kept'],
      ['hours', 'new'],
      ['minutes', 'dropped'],
    ]);
  });
});
