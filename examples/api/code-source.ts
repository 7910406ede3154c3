/**
 * Rows of the program's own: an async generator feeds a source, filtered rows come back, rows that do not fit are told apart.
 *
 *     node examples/api/code-source.ts
 */
import { defineGraph, open } from '../../index.ts';

const graph = defineGraph({
  apiVersion: 'cloudskin.dev/v1',
  kind: 'Dataflow',
  metadata: { name: 'code-source' },
  spec: {
    sources: {
      sensors: { code: {}, schema: { sensor: 'utf8', value: 'float64' }, onError: 'divert' },
    },
    operators: {
      high: { from: 'sensors', filter: 'value > 20' },
    },
  },
});

/** Columns or rows, whatever is at hand; a chunk at a time. The source waits while nobody reads. */
async function* readings() {
  yield { sensor: ['a', 'b', 'c'], value: [19.5, 21, null] };
  yield [
    { sensor: 'a', value: 23.25 },
    { sensor: 'b', value: 'broken' },
  ];
}

await using flow = await open(graph, { sources: { sensors: readings() } });

async function printHigh(): Promise<void> {
  for await (const batch of flow.output('high')) {
    for (const { sensor, value } of batch) process.stdout.write(`high: ${sensor} ${value}\n`);
  }
}

async function printBad(): Promise<void> {
  for await (const batch of flow.output('sensors.errors')) {
    for (const { position, message } of batch) process.stdout.write(`bad: ${position}: ${message}\n`);
  }
}

// Both at once: an output that is asked for has to be read, because the whole graph waits when it is full.
await Promise.all([printHigh(), printBad()]);

const { metrics } = await flow.done;
process.stdout.write(`${metrics.rowsIn} rows in, ${metrics.bad} bad\n`);
