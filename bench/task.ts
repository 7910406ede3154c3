/**
 * `bench task`: calls of tasks that take 1 ms and 10 ms, by the API (on the calling thread, on a worker thread) and over NATS. An open loop from nothing to
 * 80 % of what one runner can do, in one step; queueing is told apart. Overhead is what an answer takes beyond the task's own time where nothing waits: calls one by
 * one, each beside a bare call of the same code, so that whatever else the machine does slows both down.
 */
import { type ChildProcess, spawn } from 'node:child_process';
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
import { type Answer, at, type Loop, openLoop } from './task/open-loop.ts';
import { median, ROW, type Spin, writeSpin } from './task/spin.ts';

const LOAD = 0.8;
/** Microseconds that an answer may take beyond its own time at the median. */
const TARGETS = { api: 100, nats: 400 } as const;
const CLI = fileURLToPath(new URL('../cli/bin.ts', import.meta.url));
const WARM = 20;

type Call = () => Promise<Answer>;

async function measured(
  variant: string,
  spin: Spin,
  options: BenchOptions,
  call: Call,
  target: number,
): Promise<readonly Result[]> {
  for (let warm = 0; warm < WARM; warm++) await call();
  const overhead = await beyond(spin, call, sized(options, 1_000, 200, 5));
  const rate = (LOAD * 1_000) / median(spin.own);
  const seconds = sized(options, 15, 3, 0.05);
  const loop = await openLoop({ call, rate, calls: Math.ceil(rate * seconds) });
  return [...overheads(variant, overhead, target), ...figures(variant, loop)];
}

/** Microseconds that calls take beyond a bare one, rising. */
async function beyond(spin: Spin, call: Call, calls: number): Promise<readonly number[]> {
  const times: number[] = [];
  for (let done = 0; done < calls; done++) {
    const own = spin.own();
    const began = performance.now();
    const { waited } = await call();
    times.push((performance.now() - began - waited - own) * 1_000);
  }
  return times.sort((a, b) => a - b);
}

function overheads(variant: string, times: readonly number[], target: number): readonly Result[] {
  const p50 = plain('task', variant, 'overhead-p50', at(times, 0.5), 'us');
  const p99 = plain('task', variant, 'overhead-p99', at(times, 0.99), 'us');
  return [against(p50, { variant: `target: at most ${target} us`, value: target }), p99];
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
  const where = workers === 0 ? 'this thread' : 'a worker';
  return await measured(`${name}, API, ${where}`, spin, options, call, TARGETS.api);
}

async function overNats(
  name: string,
  spin: Spin,
  server: NatsServer,
  options: BenchOptions,
): Promise<readonly Result[]> {
  const args = [CLI, 'task', 'serve', spin.file, '--name', name, '--workers', '0', '--nats', server.url];
  const serving = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  const nats = await connectNats({ servers: [server.url], name: 'bench task' });
  const data = new TextEncoder().encode(JSON.stringify(ROW));
  const request = { namespace: 'default', name, data, form: 'json', deadline: 30_000 } as const;
  try {
    await printed(serving, 'serves ');
    return await measured(`${name}, NATS`, spin, options, () => callTask(nats, request), TARGETS.nats);
  } finally {
    serving.kill();
    await nats.close();
  }
}

function printed(child: ChildProcess, words: string): Promise<void> {
  return new Promise((resolve, reject) => {
    child.stdout?.on('data', (piece: Buffer) => piece.toString().includes(words) && resolve());
    child.once('exit', (code) => reject(new Error(`task serve: exit ${code}`)));
  });
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
