/**
 * `bench task`: calls of tasks that take 1 ms and 10 ms, by the API (on the calling thread, on a worker thread) and over NATS. An open loop from nothing to
 * 80 % of what one runner can do, in one step; queueing is told apart. Overhead is what an answer takes beyond the task's own time where nothing waits: calls one by
 * one, each beside a bare call of the same code, so that whatever else the machine does slows both down; and, where the call goes elsewhere, beside a bare call made
 * there for a message of nothing (to a thread; by nats.js), which says what of the overhead is the machine's and the server's.
 */
import { spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { connectNats } from '../engine/nats/client.ts';
import { callTask } from '../engine/task/remote.ts';
import { openTask } from '../index.ts';
import { hasNats, NatsServer } from '../test/kit/nats-server.ts';
import { against, type Benchmark, type BenchOptions, plain, type Result, sized } from './harness.ts';
import { type Bare, bareResponder, bareThread, printed } from './task/bare.ts';
import { type Answer, at, type Loop, openLoop } from './task/open-loop.ts';
import { median, ROW, type Spin, writeSpin } from './task/spin.ts';

const LOAD = 0.8;
/** Microseconds that an answer may take beyond its own time at the median. */
const TARGETS = { api: 100, nats: 400 } as const;
const CLI = fileURLToPath(new URL('../cli/bin.ts', import.meta.url));
const WARM = 20;

type Call = () => Promise<Answer>;

/** How a task is called, and a bare call by the same way, where there is a way. */
interface Way {
  readonly variant: string;
  readonly call: Call;
  readonly bare?: Bare;
  readonly target: number;
}

/** The loop is first, so that the overhead is that of code which V8 has compiled, on both sides. */
async function measured(spin: Spin, options: BenchOptions, way: Way): Promise<readonly Result[]> {
  const { variant, call } = way;
  for (let warm = 0; warm < WARM; warm++) await call();
  const rate = (LOAD * 1_000) / median(spin.own);
  const seconds = sized(options, 15, 3, 0.05);
  const loop = await openLoop({ call, rate, calls: Math.ceil(rate * seconds) });
  return [...(await overheads(spin, way, sized(options, 1_000, 200, 5))), ...figures(variant, loop)];
}

async function overheads(spin: Spin, { variant, call, bare, target }: Way, calls: number): Promise<readonly Result[]> {
  const whole: number[] = [];
  const trips: number[] = [];
  for (let done = -Math.ceil(calls / 5); done < calls; done++) {
    const took = await beyond(spin, call);
    const trip = bare === undefined ? 0 : await tripOf(spin, bare);
    if (done < 0) continue;
    whole.push(took);
    trips.push(trip);
  }
  const us = (metric: string, times: readonly number[], q: number): Result =>
    plain('task', variant, metric, at(times, q), 'us');
  for (const times of [whole, trips]) times.sort((a, b) => a - b);
  const p50 = against(us('overhead-p50', whole, 0.5), { variant: `target: at most ${target} us`, value: target });
  const p99 = us('overhead-p99', whole, 0.99);
  return bare === undefined ? [p50, p99] : [p50, us('of it: bare trip-p50', trips, 0.5), p99];
}

/** Microseconds that a call takes beyond a bare one. */
async function beyond(spin: Spin, call: Call): Promise<number> {
  const own = spin.own();
  const began = performance.now();
  const { waited } = await call();
  return (performance.now() - began - waited - own) * 1_000;
}

/** Microseconds of the way. The thread is kept busy first, as in front of a call of the task. */
async function tripOf(spin: Spin, bare: Bare): Promise<number> {
  spin.own();
  const began = performance.now();
  const own = await bare.trip();
  return (performance.now() - began - own) * 1_000;
}

function figures(variant: string, { latency, queued, sent, dropped }: Loop): readonly Result[] {
  const time = (metric: string, milliseconds: number): Result => plain('task', variant, metric, milliseconds, 'ms');
  return [
    time('latency-p50', at(latency, 0.5)),
    time('latency-p99', at(latency, 0.99)),
    time('latency-p99.9', at(latency, 0.999)),
    time('queueing-p50', at(queued, 0.5)),
    time('queueing-p99', at(queued, 0.99)),
    plain('task', variant, 'drops', (100 * dropped) / sent, '%'),
  ];
}

async function byApi(name: string, spin: Spin, workers: number, options: BenchOptions): Promise<readonly Result[]> {
  await using task = await openTask(spin.file, { workers });
  const call: Call = async () => task.call([ROW]);
  if (workers === 0) {
    return await measured(spin, options, { variant: `${name}, API, this thread`, call, target: TARGETS.api });
  }
  const bare = await bareThread(spin.component);
  try {
    return await measured(spin, options, { variant: `${name}, API, a worker`, call, bare, target: TARGETS.api });
  } finally {
    await bare.close();
  }
}

async function overNats(
  name: string,
  spin: Spin,
  { url }: NatsServer,
  options: BenchOptions,
): Promise<readonly Result[]> {
  const args = [CLI, 'task', 'serve', spin.file, '--name', name, '--workers', '0', '--nats', url];
  const serving = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  const nats = await connectNats({ servers: [url], name: 'bench task' });
  const data = new TextEncoder().encode(JSON.stringify(ROW));
  const request = { namespace: 'default', name, data, form: 'json', deadline: 30_000 } as const;
  const call: Call = () => callTask(nats, request);
  let bare: Bare | undefined;
  try {
    await printed(serving, 'serves ');
    bare = await bareResponder(url, spin.component);
    return await measured(spin, options, { variant: `${name}, NATS`, call, bare, target: TARGETS.nats });
  } finally {
    serving.kill();
    await bare?.close();
    await nats.close();
  }
}

async function measure(directory: string, options: BenchOptions): Promise<readonly Result[]> {
  const server = hasNats() ? await NatsServer.start({ jetstream: false }) : undefined;
  const results: Result[] = [];
  try {
    for (const milliseconds of [1, 10]) {
      const name = `task-${milliseconds}ms`;
      const spin = await writeSpin(directory, name, milliseconds);
      results.push(plain('task', name, 'own-time', median(spin.own), 'ms'));
      results.push(...(await byApi(name, spin, 0, options)), ...(await byApi(name, spin, 1, options)));
      if (server !== undefined) results.push(...(await overNats(name, spin, server, options)));
      spin.close();
    }
  } finally {
    await server?.stop();
  }
  return results;
}

export const benchmark: Benchmark = {
  name: 'task',
  summary: 'calls of tasks of 1 and 10 ms, by API and over NATS, from nothing to 80 % of capacity in one step',
  run: async (options) => {
    const directory = await mkdtemp(join(tmpdir(), 'cloudskin-task-'));
    try {
      return await measure(directory, options);
    } finally {
      await rm(directory, { recursive: true });
    }
  },
};
