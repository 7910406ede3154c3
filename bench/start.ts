/**
 * `bench start`: from the request for a cell to its first result, for an operator of about 10 KB with an image of 64 KiB: a guest that waits, one made
 * from the image, one that sleeps; beside an instance by jco's glue, which runs `init`, a worker thread, and a Node process. And what bringing a guest back costs, and what
 * an idle one weighs.
 */
import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { Worker } from 'node:worker_threads';
import { encodeSchema, IpcEncoder } from '../engine/batch/ipc.ts';
import type { Cell } from '../engine/cell/cell.ts';
import { prepareMemories } from '../engine/cell/memory-pool.ts';
import { against, type Benchmark, type BenchOptions, plain, quantile, type Result, sized } from './harness.ts';
import { firstBatch, IMAGE_BYTES, openings, SCHEMA, startAndProcess, writeOperator } from './start/operator.ts';

const execute = promisify(execFile);
const WORKER = new URL('./start/worker.ts', import.meta.url);
const IDLE = fileURLToPath(new URL('./start/idle.ts', import.meta.url));
/** Milliseconds that a child may take. */
const LIMIT = 60_000;
/** As a cell's memory may grow to unless told otherwise, in pages. */
const LARGEST = 4_096;
/** Cells that are open at once where each is to be a new one, and none is to sleep. */
const OPEN = 100;
/** Cells of which most sleep. */
const MANY = 1_000;

const batch = firstBatch();

/** Microseconds that each of `count` calls took, rising. */
async function timed(count: number, call: () => unknown): Promise<number[]> {
  const times: number[] = [];
  for (let index = 0; index < count; index++) {
    const start = performance.now();
    const pending = call();
    if (pending instanceof Promise) await pending;
    times.push((performance.now() - start) * 1_000);
  }
  return times.sort((a, b) => a - b);
}

/** Starts of cells that all find one waiting, and how long bringing each back took. */
function waiting(open: () => Cell, count: number): readonly [starts: number[], resets: number[]] {
  startAndProcess(open, batch).close();
  const starts: number[] = [];
  const resets: number[] = [];
  for (let index = 0; index < count; index++) {
    const start = performance.now();
    const cell = startAndProcess(open, batch);
    const first = performance.now();
    cell.close();
    starts.push((first - start) * 1_000);
    resets.push((performance.now() - first) * 1_000);
  }
  return [starts.sort((a, b) => a - b), resets.sort((a, b) => a - b)];
}

/** Starts of cells that find none waiting, on memories that are ready. */
async function fromImage(path: string, count: number): Promise<number[]> {
  const times: number[] = [];
  for (let round = 0; round * OPEN < count; round++) {
    const open = await openings(path, { round });
    prepareMemories(OPEN, 2, LARGEST);
    // the first runs `init`, and takes the one that waits
    const held = [startAndProcess(open, batch)];
    for (let index = 0; index < OPEN; index++) {
      const start = performance.now();
      held.push(startAndProcess(open, batch));
      times.push((performance.now() - start) * 1_000);
    }
    for (const cell of held) cell.close();
  }
  return times.sort((a, b) => a - b);
}

/** First results of cells that slept. */
function fromSleep(open: () => Cell, count: number): number[] {
  const times: number[] = [];
  while (times.length < count) {
    const cells = Array.from({ length: MANY }, () => startAndProcess(open, batch));
    for (const cell of cells) {
      if (cell.memory() >= IMAGE_BYTES) continue;
      const start = performance.now();
      cell.process(0, batch, () => {});
      times.push((performance.now() - start) * 1_000);
    }
    for (const cell of cells) cell.close();
  }
  return times.sort((a, b) => a - b);
}

/** Instances by jco's glue: its modules compiled once, as ours are. */
async function glue(component: Uint8Array, directory: string): Promise<() => void> {
  const { transpile } = await import('@bytecodealliance/jco');
  const options = { name: 'guest', noTypescript: true, wasiShim: false, instantiation: 'sync' as const };
  const { files } = await transpile(component, options);
  const modules = new Map<string, WebAssembly.Module>();
  for (const [name, bytes] of Object.entries(files)) {
    if (name.endsWith('.wasm')) modules.set(name, new WebAssembly.Module(bytes as Uint8Array<ArrayBuffer>));
    else if (!name.includes('/')) await writeFile(join(directory, name), bytes);
  }
  const { instantiate } = (await import(pathToFileURL(join(directory, 'guest.js')).href)) as {
    instantiate(module: (path: string) => WebAssembly.Module | undefined, imports: object): Glue;
  };
  const message = encodeSchema(SCHEMA);
  const encoder = new IpcEncoder(SCHEMA);
  return () => {
    const instance = instantiate((path) => modules.get(path), {});
    instance.init('{}', [['', message]]);
    instance.process(0, encoder.encode(batch));
  };
}

interface Glue {
  init(config: string, inputs: readonly [string, Uint8Array][]): unknown;
  process(input: number, batch: Uint8Array): unknown;
}

async function thread(path: string): Promise<void> {
  const worker = new Worker(WORKER, { workerData: path });
  await new Promise((resolve, reject) => worker.once('message', resolve).once('error', reject));
  await worker.terminate();
}

async function idle(path: string, count: number): Promise<readonly Result[]> {
  if (process.platform !== 'linux') return [];
  const { stdout } = await execute(process.execPath, ['--expose-gc', IDLE, path, String(count)], { timeout: LIMIT });
  const { bytes } = JSON.parse(stdout) as { readonly bytes: number };
  const figure = plain('start', `an idle cell of ${count}`, 'memory', bytes / 1024, 'KiB');
  return [against(figure, { variant: 'its image', value: IMAGE_BYTES / 1024 })];
}

function figures(variant: string, times: readonly number[], base?: number): readonly Result[] {
  const p50 = plain('start', variant, 'first-result-p50', quantile(times, 0.5), 'us');
  const p99 = plain('start', variant, 'first-result-p99', quantile(times, 0.99), 'us');
  return [base === undefined ? p50 : against(p50, { variant: 'a cell that waits', value: base }), p99];
}

async function measure(directory: string, options: BenchOptions): Promise<readonly Result[]> {
  const { path, component } = await writeOperator(directory);
  const open = await openings(path);
  const count = sized(options, 10_000, 2_000, 20);
  const few = sized(options, 20, 5, 1);
  const [ready, resets] = waiting(open, count);
  const base = quantile(ready, 0.5);
  const copied = await fromImage(path, sized(options, 2_000, 500, 20));
  const woken = fromSleep(open, sized(options, 5_000, 500, 20));
  const byGlue = await glue(component, directory);
  const instances = await timed(count / 10, byGlue);
  const threads = await timed(few, () => thread(path));
  const processes = await timed(few, () =>
    execute(process.execPath, [fileURLToPath(WORKER), path], { timeout: LIMIT }),
  );
  return [
    ...figures('a cell that waits', ready),
    plain('start', 'a cell that waits', 'reset-p50', quantile(resets, 0.5), 'us'),
    plain('start', 'a cell that waits', 'reset-p99', quantile(resets, 0.99), 'us'),
    ...figures('from the image', copied, base),
    ...figures('a cell that sleeps', woken, base),
    ...figures('jco, init', instances, base),
    ...figures('a worker thread', threads, base),
    ...figures('a Node process', processes, base),
    ...(await idle(path, OPEN)),
    ...(await idle(path, sized(options, MANY, MANY, OPEN + 1))),
  ];
}

async function run(options: BenchOptions): Promise<readonly Result[]> {
  const directory = await mkdtemp(join(tmpdir(), 'cloudskin-bench-'));
  try {
    return await measure(directory, options);
  } finally {
    await rm(directory, { recursive: true });
  }
}

export const benchmark: Benchmark = {
  name: 'start',
  summary:
    'from the request for a cell to its first result; beside jco, a thread and a process; what an idle cell weighs',
  run,
};
