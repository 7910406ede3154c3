/** Whole graphs through the public API: outputs inside fused chains, side outputs, files, parameters. */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { defineGraph, open, run } from '../../../index.ts';

const graph = defineGraph({
  apiVersion: 'cloudskin.dev/v1',
  kind: 'Dataflow',
  metadata: { name: 'machines' },
  spec: {
    sources: {
      readings: {
        code: {},
        schema: { machine: 'utf8', at: 'timestamp[ms]', t: 'int64' },
        time: { column: 'at', maxDelay: '5s' },
      },
    },
    operators: {
      valid: { from: 'readings', filter: 't >= 0' },
      ratio: { from: 'valid', with: { share: '100 / t' }, onError: 'divert' },
      minutes: {
        from: 'ratio',
        window: { tumbling: '1m' },
        groupBy: ['machine'],
        aggregate: { readings: 'count(*)', mean: 'avg(t)', most: 'max(share)' },
        late: 'divert',
      },
    },
  },
});

const second = (seconds: number): Date => new Date(1_700_000_040_000 + seconds * 1000);

const rows = [
  { machine: 'press', at: second(0), t: 10 },
  { machine: 'saw', at: second(10), t: 0 },
  { machine: 'press', at: second(59), t: 20 },
  { machine: 'press', at: second(70), t: -1 },
  { machine: 'press', at: second(71), t: 50 },
  { machine: 'saw', at: second(30), t: 1 },
];

async function all<T>(batches: AsyncIterable<{ toArray(): { toJSON(): T }[] }>): Promise<T[]> {
  const found: T[] = [];
  for await (const batch of batches) found.push(...batch.toArray().map((row) => row.toJSON()));
  return found;
}

describe('outputs of a chain', () => {
  for (const execution of ['compiled', 'kernels'] as const) {
    it(`can be read at every operator and side output (${execution})`, async () => {
      await using flow = await open(graph, { sources: { readings: [rows] }, execution });
      expect(flow.plan.cells.map(({ name }) => name)).toEqual(['valid+ratio+minutes']);
      const [valid, errors, minutes, late] = await Promise.all([
        all(flow.output('valid')),
        all(flow.output('ratio.errors')),
        all(flow.output('minutes')),
        all(flow.output('minutes.late')),
      ]);
      expect(flow.plan.cells.map(({ name }) => name)).toEqual(['valid', 'ratio+minutes']);
      expect(valid).toHaveLength(5);
      expect(errors).toMatchObject([{ operator: 'ratio', code: 'expression.division-by-zero' }]);
      const start = second(0).getTime();
      expect(minutes).toEqual([
        { window_start: start, window_end: start + 60_000, machine: 'press', readings: 2n, mean: 15, most: 10n },
        {
          window_start: start + 60_000,
          window_end: start + 120_000,
          machine: 'press',
          readings: 1n,
          mean: 50,
          most: 2n,
        },
      ]);
      expect(late).toMatchObject([{ machine: 'saw', t: 1n, share: 100n }]);
      const { metrics } = await flow.done;
      expect(metrics).toMatchObject({ rowsIn: 6, late: 1, errors: 1 });
    });
  }

  it('are not computed when nobody reads them', async () => {
    await using flow = await open(graph, { sources: { readings: [rows] } });
    const late = await all(flow.output('minutes.late'));
    expect(late).toHaveLength(1);
    expect(flow.plan.cells.map(({ name }) => name)).toEqual(['valid+ratio+minutes']);
  });
});

describe('a graph file', () => {
  let directory = '';
  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'cloudskin-api-'));
    await writeFile(join(directory, 'in.csv'), 'id,word\n1,a\n2,b\n3,c\n');
    await writeFile(
      join(directory, 'graph.yaml'),
      `apiVersion: cloudskin.dev/v1
kind: Dataflow
metadata: { name: file }
spec:
  sources: { lines: { file: { path: "\${INPUT:-in.csv}" }, schema: { id: int64, word: utf8 } } }
  operators: { some: { from: lines, filter: "id > \${LEAST}" } }
  sinks: { out: { from: some, file: { path: out.csv } } }
`,
    );
  });
  afterAll(async () => {
    await rm(directory, { recursive: true });
  });

  it('is run with parameters; paths count from the file', async () => {
    const summary = await run(join(directory, 'graph.yaml'), { parameters: { LEAST: '1' } });
    expect(summary.sinks).toMatchObject([{ name: 'out', rows: 2 }]);
    expect(await readFile(join(directory, 'out.csv'), 'utf8')).toBe('id,word\n2,b\n3,c\n');
  });

  it('can be given by URL, its file source replaced by rows in code', async () => {
    const url = pathToFileURL(join(directory, 'graph.yaml'));
    const options = { parameters: { LEAST: '5' }, sources: { lines: [{ id: [5, 6], word: ['e', 'f'] }] } };
    await using flow = await open(url, options);
    expect(await all(flow.output('some'))).toEqual([{ id: 6n, word: 'f' }]);
  });

  it('whose input is missing says so by name, and leaves no output', async () => {
    const failing = run(join(directory, 'graph.yaml'), { parameters: { LEAST: '1', INPUT: 'none.csv' } });
    await expect(failing).rejects.toMatchObject({ message: expect.stringContaining('none.csv') });
  });
});
