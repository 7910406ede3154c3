/**
 * Operators as a task: called with rows, answering with rows, each call on cells that know nothing of the one before.
 *
 *     node examples/api/task.ts
 */
import { CloudskinError, defineGraph, openTask } from '../../index.ts';

const graph = defineGraph({
  apiVersion: 'cloudskin.dev/v1',
  kind: 'Dataflow',
  metadata: { name: 'task' },
  spec: {
    sources: {
      readings: {
        code: {},
        schema: { machine: 'utf8', at: 'timestamp[ms]', temperature: 'float64' },
        time: { column: 'at' },
      },
    },
    operators: {
      valid: { from: 'readings', filter: 'temperature BETWEEN -50 AND 150' },
      minutes: {
        from: 'valid',
        window: { tumbling: '1m' },
        groupBy: ['machine'],
        aggregate: { mean: 'avg(temperature)', readings: 'count(*)' },
      },
    },
  },
});

await using task = await openTask(graph, { queueCalls: 4 });

const rows = [
  { machine: 'press', at: new Date(0), temperature: 70 },
  { machine: 'press', at: new Date(1_000), temperature: 72 },
  { machine: 'saw', at: new Date(2_000), temperature: 900 },
];
const result = await task.call(rows, { deadline: 1_000 });
for (const { machine, mean, readings } of result.rows()) process.stdout.write(`${machine}: ${mean} of ${readings}\n`);

// more at once than may wait: the rest is answered at once, and may be tried again
const burst = await Promise.allSettled(Array.from({ length: 20 }, () => task.call(rows)));
const shed = burst.filter(({ status }) => status === 'rejected');
const codes = shed.map((one) =>
  one.status === 'rejected' && one.reason instanceof CloudskinError ? one.reason.code : '',
);
process.stdout.write(`${burst.length - shed.length} answered, ${shed.length} shed: ${[...new Set(codes)].join()}\n`);
process.stdout.write(`${task.stats().calls} calls, ${task.stats().shed} shed\n`);
