/**
 * A graph as an object, read by the program: a minute's mean temperature of each machine, as apache-arrow record batches.
 *
 *     node examples/api/outputs.ts
 *
 * In a project of your own the import is `from 'cloudskin'`. `defineGraph` lets TypeScript know the outputs and their columns.
 */
import { defineGraph, open } from '../../index.ts';

const graph = defineGraph({
  apiVersion: 'cloudskin.dev/v1',
  kind: 'Dataflow',
  metadata: { name: 'outputs' },
  spec: {
    sources: {
      readings: {
        generate: {
          rows: 1_000,
          seed: 7,
          interval: '1s',
          columns: {
            machine: { choice: { values: ['press', 'saw'] } },
            at: { time: {} },
            temperature: { normal: { mean: 60, deviation: 5 } },
          },
        },
        schema: { machine: 'utf8', at: 'timestamp[ms, UTC]', temperature: 'float64' },
        time: { column: 'at', maxDelay: '10s' },
      },
    },
    operators: {
      minutes: {
        from: 'readings',
        window: { tumbling: '5m' },
        groupBy: ['machine'],
        aggregate: { mean: 'avg(temperature)', readings: 'count(*)' },
      },
    },
  },
});

await using flow = await open(graph);

let total = 0n;
for await (const batch of flow.output('minutes')) {
  for (const { window_start, machine, mean, readings } of batch) {
    process.stdout.write(`${new Date(window_start).toISOString()} ${machine}: ${mean?.toFixed(1)} of ${readings}\n`);
    total += readings ?? 0n;
  }
}
process.stdout.write(`${total} readings\n`);
