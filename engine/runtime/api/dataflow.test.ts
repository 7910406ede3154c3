/** The public API: outputs, observers, sources in code, stopping, failing, never hanging. */
import process from 'node:process';
import {
  type Float64,
  type Int64,
  type RecordBatch,
  Table,
  Timestamp,
  TimeUnit,
  type Utf8,
  vectorFromArray,
} from 'apache-arrow';
import { firstValueFrom, lastValueFrom, map, toArray } from 'rxjs';
import { describe, expect, expectTypeOf, it } from 'vitest';
import { defineGraph, type OutputsOf, open, run } from '../../../index.ts';
import { ManualPorts } from '../../../test/kit/manual-ports.ts';
import { Memory } from '../../../test/kit/memory-connector.ts';
import { events } from '../../../test/kit/runs.ts';
import type { Batch } from '../../batch/batch.ts';

const header = { apiVersion: 'cloudskin.dev/v1', kind: 'Dataflow', metadata: { name: 'test' } } as const;

const numbers = defineGraph({
  ...header,
  spec: { sources: { numbers: { code: {}, schema: { n: 'int64', name: 'utf8' } } } },
});

const streaming = defineGraph({
  ...header,
  spec: { sources: { numbers: { scripted: {}, schema: { id: 'int64', at: 'timestamp[us]' } } } },
});

async function rowsOf(batches: AsyncIterable<RecordBatch>): Promise<unknown[]> {
  const rows: unknown[] = [];
  for await (const batch of batches) rows.push(...batch.toArray().map((row) => row.toJSON()));
  return rows;
}

/** A memory source that yields `batches` batches of 100 rows. */
function endless(batches = Number.POSITIVE_INFINITY): { memory: Memory; taken: () => number } {
  let taken = 0;
  const script = function* (): Generator<Batch> {
    while (taken < batches)
      yield events(
        Array.from({ length: 100 }, (_, row) => row),
        100 * taken++,
      );
  };
  const memory = new Memory({ sources: { numbers: { bounded: false, partitions: [script] } } });
  return { memory, taken: () => taken };
}

describe('output', () => {
  it('yields every row of a source given as rows and as columns', async () => {
    await using flow = await open(numbers, {
      sources: { numbers: [[{ n: 1n, name: 'a' }, { n: 2 }], { n: [3], name: ['c'] }] },
    });
    expect(await rowsOf(flow.output('numbers'))).toEqual([
      { n: 1n, name: 'a' },
      { n: 2n, name: null },
      { n: 3n, name: 'c' },
    ]);
    expect((await flow.done).metrics.rowsIn).toBe(3);
  });

  it('takes tables and record batches, their columns in any order, and refuses other types by name', async () => {
    const type = new Timestamp(TimeUnit.MICROSECOND);
    const graph = { ...header, spec: { sources: { s: { code: {}, schema: { at: 'timestamp[us]', x: 'float64' } } } } };
    const table = new Table({ x: vectorFromArray([1.5, null]), at: vectorFromArray([1, 2], type) });
    await using flow = await open(graph, { sources: { s: [table, ...table.batches] } });
    const rows = await rowsOf(flow.output('s'));
    expect(rows).toHaveLength(4);
    expect(rows[1]).toEqual({ at: 2, x: null });
    const other = new Table({ x: vectorFromArray([1.5]), at: vectorFromArray([1.5]) });
    await using refusing = await open(graph, { sources: { s: [other] } });
    await expect(rowsOf(refusing.output('s'))).rejects.toMatchObject({
      code: 'source.misfit',
      message: 'source s, chunk 1: column "at" is float64, the graph says timestamp[us]',
    });
  });

  it('has the types of a literal graph', () => {
    const graph = defineGraph({
      ...header,
      spec: {
        sources: { readings: { code: {}, schema: { machine: 'utf8', at: 'timestamp[ms]', t: { type: 'float64' } } } },
        operators: {
          valid: { from: 'readings', filter: 't > 0' },
          renamed: { from: 'valid', select: { m: 'machine', f: 't * 2' } },
          minutes: {
            from: 'valid',
            window: { tumbling: '1m' },
            groupBy: ['machine'],
            aggregate: { mean: 'avg(t)', n: 'count(*)' },
          },
        },
      },
    });
    type Outputs = OutputsOf<typeof graph>;
    expectTypeOf<Outputs['readings']['t']>().toEqualTypeOf<Float64>();
    expectTypeOf<Outputs['valid']['machine']>().toEqualTypeOf<Utf8>();
    expectTypeOf<Outputs['renamed']['m']>().toEqualTypeOf<Utf8>();
    expectTypeOf<Outputs['minutes']['n']>().toEqualTypeOf<Int64>();
    expectTypeOf<Outputs['minutes']['mean']>().toEqualTypeOf<Float64>();
    expectTypeOf<Outputs['minutes']['machine']>().toEqualTypeOf<Utf8>();
    expectTypeOf<keyof Outputs>().toExtend<string>();
    expect(graph.metadata.name).toBe('test');
  });

  it('makes the sources wait while it is not read further', async () => {
    const { memory, taken } = endless(100);
    await using flow = await open(streaming, { connectors: [memory.connector], outputBytes: 5_000, queueBytes: 5_000 });
    const output = flow.output('numbers');
    const first = await output.next();
    expect(first.value?.numRows).toBe(100);
    for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve));
    expect(taken()).toBeLessThan(15);
    let rows = 100;
    for await (const batch of output) rows += batch.numRows;
    expect(rows).toBe(10_000);
    expect((await flow.done).metrics.rowsIn).toBe(10_000);
  });

  it('ends the flow when a reader leaves and the dataflow is closed', async () => {
    const { memory } = endless();
    {
      await using flow = await open(streaming, { connectors: [memory.connector], outputBytes: 5_000 });
      for await (const batch of flow.output('numbers')) if (batch.numRows > 0) break;
    }
    expect(memory.journal.at(-1)).toBe('close numbers');
  });

  it('that is never read fails the run instead of hanging it', async () => {
    const ports = new ManualPorts();
    const { memory } = endless();
    const flow = await open(streaming, {
      connectors: [memory.connector],
      outputBytes: 5_000,
      queueBytes: 5_000,
      ports,
    });
    const read = flow.output('numbers');
    flow.output('numbers');
    const reading = rowsOf(read).catch((error: unknown) => error);
    await ports.advance(11_000);
    await ports.advance(3_000);
    expect(await reading).toMatchObject({ code: 'api.output-unread' });
    await expect(flow.done).rejects.toMatchObject({ code: 'api.output-unread', domain: 'user' });
    expect(ports.pending).toBe(0);
  });

  it('may be asked for while another is already being read, up to the next await', async () => {
    await using flow = await open(numbers, { sources: { numbers: [[{ n: 1n }]] } });
    const read = await Promise.all([rowsOf(flow.output('numbers')), rowsOf(flow.output('numbers'))]);
    expect(read.map((rows) => rows.length)).toEqual([1, 1]);
  });

  it('must exist and be asked for before rows flow', async () => {
    await using flow = await open(numbers, { sources: { numbers: [] } });
    const anyName = flow as unknown as { output(name: string): unknown };
    expect(() => anyName.output('number')).toThrow(
      expect.objectContaining({ code: 'api.unknown-output', hint: 'did you mean "numbers"?' }),
    );
    await flow.done;
    expect(() => flow.output('numbers')).toThrow(expect.objectContaining({ code: 'api.output-late' }));
  });

  it('throws what the run fails with', async () => {
    const failing = async function* () {
      yield [{ n: 1n }];
      throw new Error('the sensor is gone');
    };
    const flow = await open(numbers, { sources: { numbers: failing() } });
    await expect(rowsOf(flow.output('numbers'))).rejects.toMatchObject({
      code: 'source.failed',
      message: 'source numbers failed: the sensor is gone',
    });
  });
});

describe('observe', () => {
  it('shows the rows and completes', async () => {
    const flow = await open(numbers, { sources: { numbers: [[{ n: 1n }], [{ n: 2n }, { n: 3n }]] } });
    const batches = await lastValueFrom(flow.observe('numbers').pipe(toArray()));
    expect(batches.map((batch) => batch.numRows)).toEqual([1, 2]);
    await flow.done;
  });

  it('is an error when more comes at once than its buffer holds, and only to the observer', async () => {
    const { memory } = endless(3);
    const flow = await open(streaming, { connectors: [memory.connector] });
    const observed = lastValueFrom(flow.observe('numbers', { buffer: 100 }));
    await expect(observed).rejects.toMatchObject({ code: 'api.observe-overflow' });
    expect((await flow.done).metrics.rowsIn).toBe(300);
  });

  it('drops and counts by the policy it was given', async () => {
    const { memory } = endless(3);
    const flow = await open(streaming, { connectors: [memory.connector] });
    const options = { buffer: 100, overflow: 'drop-newest' } as const;
    const seen = await lastValueFrom(flow.observe('numbers', options).pipe(toArray()));
    const { metrics } = await flow.done;
    expect(seen).toEqual([]);
    expect(metrics.nodes.reduce((sum, node) => sum + node.dropped, 0)).toBe(300);
  });

  it('of metrics tells the figures and ends with the run', async () => {
    const { memory } = endless(3);
    const flow = await open(streaming, { connectors: [memory.connector] });
    expect((await firstValueFrom(flow.metrics$)).state).toBe('opening');
    await flow.done;
    expect((await lastValueFrom(flow.metrics$)).rowsIn).toBe(300);
  });
});

describe('a source in code', () => {
  it('takes the place of the connector that the graph names', async () => {
    const { memory } = endless();
    const flow = await open(streaming, {
      connectors: [memory.connector],
      sources: { numbers: [[{ id: 7n, at: new Date(1) }]] },
    });
    expect(await rowsOf(flow.output('numbers'))).toEqual([{ id: 7n, at: 1 }]);
  });

  it('follows onError for rows that do not fit', async () => {
    const bad = [{ n: 1n }, { n: 'two' }, { m: 3n }, { n: 4n }];
    const graph = (onError: string) => ({
      ...header,
      spec: { sources: { s: { code: {}, schema: { n: 'int64' }, onError } } },
    });
    await using skipping = await open(graph('skip'), { sources: { s: [bad] } });
    expect(await rowsOf(skipping.output('s'))).toHaveLength(2);
    expect(skipping.metrics().bad).toBe(2);
    await using failing = await open(graph('fail'), { sources: { s: [bad] } });
    await expect(rowsOf(failing.output('s'))).rejects.toMatchObject({ code: 'source.bad-row' });
    await using diverting = await open(graph('divert'), { sources: { s: [bad] } });
    const errors = rowsOf(diverting.output('s.errors'));
    await diverting.done;
    expect(await errors).toMatchObject([{ position: 'chunk 1, row 2' }, { position: 'chunk 1, row 3' }]);
  });

  it('that is missing or unknown is said by name', async () => {
    await expect(open(numbers, { sources: { numbrs: [] } })).rejects.toMatchObject({
      code: 'api.unknown-source',
      hint: 'did you mean "numbers"?',
    });
    const flow = await open(numbers);
    await expect(flow.done).rejects.toMatchObject({ code: 'source.not-given' });
  });
});

describe('a dataflow', () => {
  it('that never began leaves nothing behind', async () => {
    const { memory } = endless();
    {
      await using flow = await open(streaming, { connectors: [memory.connector] });
      expect(flow.plan.cells).toEqual([]);
      flow.output('numbers');
    }
    expect(memory.journal).toEqual([]);
  });

  it('that is stopped or aborted before it began opens nothing', async () => {
    const { memory } = endless();
    const stopped = await open(streaming, { connectors: [memory.connector] });
    expect((await stopped.stop()).stopped).toBe(true);
    const aborted = await open(streaming, { connectors: [memory.connector] });
    const { done } = aborted;
    aborted.abort('changed my mind');
    await expect(done).rejects.toMatchObject({ code: 'run.aborted', cause: 'changed my mind' });
    expect(memory.journal).toEqual([]);
  });

  it('stops when asked: the rest is delivered, then done resolves', async () => {
    const { memory } = endless();
    const flow = await open(streaming, { connectors: [memory.connector], outputBytes: 5_000, queueBytes: 5_000 });
    let rows = 0;
    for await (const batch of flow.output('numbers')) {
      rows += batch.numRows;
      if (rows === 1_000) void flow.stop();
    }
    const summary = await flow.done;
    expect(summary.stopped).toBe(true);
    expect(rows).toBe(summary.metrics.rowsIn);
  });

  it('loses nothing when it is asked to stop twice', async () => {
    const { memory } = endless();
    const flow = await open(streaming, { connectors: [memory.connector], outputBytes: 5_000, queueBytes: 5_000 });
    let rows = 0;
    let stopped: Promise<unknown[]> | undefined;
    for await (const batch of flow.output('numbers')) {
      rows += batch.numRows;
      if (rows >= 1_000) stopped ??= Promise.all([flow.stop(), flow.stop()]);
    }
    const { metrics } = await flow.done;
    expect(rows).toBe(metrics.rowsIn);
    expect(await stopped).toMatchObject([{ stopped: true }, { stopped: true }]);
  });

  it('goes on when a subscriber throws, who is told nothing more', async () => {
    const { memory } = endless(3);
    const warned = new Promise<Error>((resolve) => process.once('warning', resolve));
    const flow = await open(streaming, { connectors: [memory.connector] });
    const numbers = flow.observe('numbers');
    const seen = { throwing: 0, piped: 0, other: 0 };
    const boom = (who: 'throwing' | 'piped') => (): void => {
      seen[who] += 1;
      throw new Error(`boom of ${who}`);
    };
    numbers.subscribe(boom('throwing'));
    numbers.pipe(map((batch) => batch.numRows)).subscribe({ next: boom('piped') });
    numbers.subscribe((batch) => {
      seen.other += batch.numRows;
    });
    await flow.done;
    expect(seen).toEqual({ throwing: 1, piped: 1, other: 300 });
    expect(await warned).toMatchObject({
      code: 'api.subscriber-failed',
      message: 'a subscriber of numbers threw and is told nothing more: boom of throwing',
    });
  });

  it('is given up by an abort signal', async () => {
    const { memory } = endless();
    const controller = new AbortController();
    const flow = await open(streaming, { connectors: [memory.connector], signal: controller.signal });
    const reading = rowsOf(flow.output('numbers')).catch((error: unknown) => error);
    controller.abort();
    expect(await reading).toMatchObject({ code: 'run.aborted' });
  });

  it('runs from sources to sinks with run', async () => {
    const { memory } = endless(3);
    const graph = { ...streaming, spec: { ...streaming.spec, sinks: { out: { from: 'numbers', scripted: {} } } } };
    const summary = await run(graph, { connectors: [memory.connector] });
    expect(summary.sinks).toEqual([{ name: 'out', rows: 300, wrote: ['memory:out'] }]);
  });

  it('reports every problem of its graph at once', async () => {
    const graph = { ...header, spec: { sources: { s: { code: {}, schema: { n: 'int65' } }, t: { cod: {} } } } };
    await expect(open(graph)).rejects.toMatchObject({ domain: 'user', problems: { length: 2 } });
    await expect(open('no-such-graph.yaml')).rejects.toMatchObject({ code: 'graph.not-found' });
  });
});
