/** One measurement of `bench scale` in a process of its own: `child.ts ROWS KEYS THREADS` prints seconds, seconds of processors, and megabytes as JSON. */
import process from 'node:process';
import { distribute } from '../../engine/compile/distribute.ts';
import type { Host } from '../../engine/compile/fragment-plan.ts';
import type { LogicalPlan } from '../../engine/graph/plan.ts';
import { realPorts } from '../../engine/ports.ts';
import type { FragmentHost } from '../../engine/runtime/fragment-handle.ts';
import { planOrThrow, prepareObject } from '../../engine/runtime/prepare.ts';
import { EmbeddedRun } from '../../engine/runtime/run/embedded-run.ts';
import { startThread } from '../../engine/runtime/workers/node-thread.ts';
import { spread, WorkerHost } from '../../engine/runtime/workers/worker-host.ts';
import { LocalBroker } from '../../engine/transport/local.ts';
import { scaleConnector } from './connector.ts';

const [rows = 0, keys = 1, threads = 1] = process.argv.slice(2).map(Number);

async function planFor(): Promise<LogicalPlan> {
  const graph = {
    apiVersion: 'cloudskin.dev/v1',
    kind: 'Dataflow',
    metadata: { name: 'scale' },
    spec: {
      sources: {
        data: {
          scale: { rows, keys },
          schema: { key: 'int64', value: 'int64', at: 'timestamp[us]' },
          time: { column: 'at' },
        },
      },
      operators: {
        sums: {
          from: 'data',
          window: { tumbling: '1s' },
          groupBy: ['key'],
          aggregate: { rows: 'count(*)', total: 'sum(value)', most: 'max(value)' },
        },
      },
      sinks: { out: { from: 'sums', scale: {} } },
    },
  };
  return planOrThrow(await prepareObject(graph, { connectors: [scaleConnector], environment: {} }));
}

async function startWorkers(): Promise<FragmentHost> {
  const broker = new LocalBroker();
  const hosts = Array.from({ length: threads }, () => {
    const port = broker.connect();
    const entry = new URL('./worker.ts', import.meta.url);
    return new WorkerHost(startThread(entry, { workerData: { port }, transferList: [port] }), {
      ports: realPorts,
      setup: {},
    });
  });
  await Promise.all(hosts.map((host) => host.ready()));
  return spread(hosts);
}

const logical = await planFor();
const hosts = Array.from({ length: threads }, (_, worker): Host => ({ site: 'local', agent: 'local', worker }));
const nodes = new Map([
  ['data', hosts],
  ['sums', hosts],
  ['out', hosts.slice(0, 1)],
]);
const host = await startWorkers();
const run = new EmbeddedRun(distribute(logical, { nodes }, { revision: 1 }), { host });
const before = process.cpuUsage();
const summary = await run.run();
const { user, system } = process.cpuUsage(before);
const [{ wrote = [] } = {}] = summary.sinks;
if (wrote[0] !== `counted ${rows}`) throw new Error(`${rows} rows went in; the groups stand for: ${wrote.join()}`);
const { maxRSS } = process.resourceUsage();
const cpu = (user + system) / 1e6;
console.log(JSON.stringify({ seconds: summary.metrics.elapsed, cpu, megabytes: maxRSS / 1024 }));
process.exit(0);
