/** Whole graphs with real cells: what comes out does not depend on how the input was cut into batches, to the last bit. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Memory, type Row } from '../../test/kit/memory-connector.ts';
import type { Batch } from '../batch/batch.ts';
import { BatchBuilder } from '../batch/builder.ts';
import type { Schema } from '../batch/types.ts';
import type { Cell } from '../cell/cell.ts';
import { openCell } from '../cell/open.ts';
import type { CellPlan } from '../compile/cell-plan.ts';
import { fuse } from '../compile/fuse.ts';
import { planOrThrow, prepareText } from './prepare.ts';
import { Deployment } from './run/deployment.ts';

const GRAPH = `
apiVersion: cloudskin.dev/v1
kind: Dataflow
metadata: { name: determinism }
spec:
  sources:
    readings:
      scripted: {}
      schema: { machine: utf8, at: "timestamp[ms]", value: float64 }
      time: { column: at, maxDelay: 2s }
  operators:
    valid: { from: readings, filter: "value IS NULL OR value > -90" }
    tens:
      from: valid
      window: { tumbling: 10s }
      groupBy: [machine]
      aggregate: { sum: sum(value), least: min(value), rows: count(*), last: max(at) }
      late: divert
    minutes:
      from: tens
      window: { tumbling: 1m }
      groupBy: [machine]
      aggregate: { sum: sum(sum), groups: count(*) }
    again:
      from: tens.late
      window: { tumbling: 1m }
      aggregate: { rows: count(*) }
      late: divert
  sinks:
    shown: { from: tens, scripted: {} }
    summed: { from: minutes, scripted: {} }
    late: { from: tens.late, scripted: {} }
    rest: { from: again, scripted: {} }
    lost: { from: again.late, scripted: {} }
`;

const SINKS = ['shown', 'summed', 'late', 'rest', 'lost'] as const;

const SCHEMA: Schema = {
  fields: [
    { name: 'machine', type: { kind: 'utf8' }, nullable: true },
    { name: 'at', type: { kind: 'timestamp', unit: 'ms' }, nullable: true },
    { name: 'value', type: { kind: 'float64' }, nullable: true },
  ],
  time: 1,
};

function batchOf(rows: readonly Row[]): Batch {
  const builder = new BatchBuilder(SCHEMA);
  for (const row of rows) {
    for (const [column, value] of row.entries()) builder.columns[column]?.append(value);
    builder.endRow();
  }
  return builder.finish();
}

/** Runs the graph over `rows` cut after every size of `sizes`, in turn. */
async function resultsOf(
  rows: readonly Row[],
  sizes: readonly number[],
  execution: 'compiled' | 'kernels' = 'compiled',
): Promise<Record<string, readonly Row[]>> {
  const script = function* (): Generator<Batch> {
    for (let at = 0, turn = 0; at < rows.length; turn++) {
      const size = sizes[turn % sizes.length] ?? 1;
      yield batchOf(rows.slice(at, at + size));
      at += size;
    }
  };
  const memory = new Memory({ sources: { readings: { partitions: [script] } } });
  const prepared = await prepareText(GRAPH, 'graph.yaml', { connectors: [memory.connector], environment: {} });
  const plan = fuse(planOrThrow(prepared));
  const open = (cell: CellPlan): Promise<Cell> => openCell(cell, { execution });
  await new Deployment(plan, { connectors: [memory.connector], openCell: open }).run();
  return Object.fromEntries(SINKS.map((sink) => [sink, memory.rows(sink)]));
}

const reading = fc.record({
  machine: fc.constantFrom('press', 'saw', null),
  forward: fc.integer({ min: 0, max: 3_000 }),
  back: fc.oneof({ weight: 4, arbitrary: fc.constant(0) }, fc.integer({ min: 0, max: 90_000 })),
  value: fc.oneof(fc.double({ min: -100, max: 100, noNaN: true }), fc.constant(null)),
});

describe('results', () => {
  it('are the same for every cut into batches', async () => {
    const sizes = fc.array(fc.integer({ min: 1, max: 80 }), { minLength: 1, maxLength: 5 });
    let late = 0;
    await fc.assert(
      fc.asyncProperty(fc.array(reading, { minLength: 1, maxLength: 250 }), sizes, async (readings, cut) => {
        let now = 1_700_000_000_000;
        const rows = readings.map(({ machine, forward, back, value }): Row => {
          now += forward;
          return [machine, BigInt(now - back), value];
        });
        const whole = await resultsOf(rows, [rows.length]);
        late += whole.late?.length ?? 0;
        expect(await resultsOf(rows, cut)).toEqual(whole);
        expect(await resultsOf(rows, [1])).toEqual(whole);
        expect(await resultsOf(rows, cut, 'kernels')).toEqual(whole);
      }),
      { numRuns: 40 },
    );
    expect(late).toBeGreaterThan(0);
  });
});
