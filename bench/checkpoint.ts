/**
 * `bench checkpoint`: how much of the throughput is left with one checkpoint a second of 64 MB of state, of which 1, 10 or 100 % of the pages change
 * between two, against none. Two subjects: `memory` does what a keyed aggregate does to its memory, without the engine around it, so that the
 * state's own cost shows; a subject with the engine runs besides it where one is listed.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { realPorts } from '../engine/ports.ts';
import { openDirectory } from '../engine/state/blobs/directory.ts';
import type { CheckpointStore } from '../engine/state/checkpoint/checkpoint-store.ts';
import { openCheckpoints } from '../engine/state/checkpoint/checkpoint-store.ts';
import type { FragmentReceipt, FragmentSaver } from '../engine/state/checkpoint/checkpoints.ts';
import { PAGE } from '../engine/state/checkpoint/pages.ts';
import { createSaver } from '../engine/state/checkpoint/saver.ts';
import type { FragmentSnapshot } from '../engine/state/checkpoint/state.ts';
import { type Benchmark, type BenchOptions, plain, quantile, type Result, sized } from './harness.ts';

const BYTES = 64 * 2 ** 20;
const PAGES = BYTES / PAGE;
const EVERY = 1000;
const SHARES: readonly number[] = [0.01, 0.1, 1];
/** Rows of a batch, and records of state that one row changes. */
const ROWS = 8192;
/** Milliseconds of work between two turns of the event loop, as a source's linger has it. */
const TURN = 5;
const NAME = { namespace: 'bench', app: 'checkpoint', region: 'all' };

/** What is measured: work that changes a share of its pages each second, and that can be cut at any time between two steps. */
export interface Subject {
  readonly name: string;
  open(share: number): { step(): number; snapshot(): FragmentSnapshot };
}

/** Records of 32 bytes (key, time, two sums), a row changes one; keys are spread so that in a second `share` of all pages are touched. */
const memorySubject: Subject = {
  name: 'memory',
  open(share) {
    const memory = new WebAssembly.Memory({ initial: BYTES >> 16 });
    const floats = new Float64Array(memory.buffer);
    for (let at = 0; at < floats.length; at += 4) {
      floats[at] = at * 7919;
      floats[at + 1] = 1.7e12 + at;
      floats[at + 2] = ((at * 2_654_435_761) % 10_000) / 100;
      floats[at + 3] = at % 64;
    }
    const hot = Math.round(PAGES * share);
    let row = 0;
    return {
      step() {
        for (let count = 0; count < ROWS; count++) {
          const key = Math.imul(row++, 0x9e37_79b1) >>> 0;
          // pages that change are spread over all
          const page = Math.floor(((key >>> 8) % hot) * (PAGES / hot));
          const at = page * (PAGE / 8) + (key & 127) * 4;
          floats[at + 1] = row;
          floats[at + 2] = (floats[at + 2] ?? 0) + (key & 1023) / 8;
          floats[at + 3] = (floats[at + 3] ?? 0) + 1;
        }
        return ROWS;
      },
      snapshot: () => snapshotOf(new Uint8Array(memory.buffer)),
    };
  },
};

export const subjects: readonly Subject[] = [memorySubject];

function snapshotOf(memory: Uint8Array): FragmentSnapshot {
  const image = { module: 'bench', memory, globals: new Map(), host: null };
  const empty = { sources: new Map(), sinks: new Map(), counters: new Map() };
  return { fragment: 'bench', cells: new Map([['cell', { image }]]), ...empty, partition: 0 };
}

interface Measured {
  /** Rows a second, and rows a second of the thread's own time, which tells what the neighbours on the machine did not take. */
  readonly rate: number;
  readonly own: number;
  readonly receipt: FragmentReceipt | undefined;
}

interface Pair {
  readonly none: Measured;
  readonly some: Measured;
}

interface Store {
  readonly saver: FragmentSaver;
  readonly checkpoints: CheckpointStore;
  id: number;
}

/** Works for so many milliseconds, with a checkpoint at its beginning where there is a store, and on until that is complete. */
async function work(running: ReturnType<Subject['open']>, store: Store | undefined, every: number): Promise<Measured> {
  let saving = store !== undefined;
  const before = process.threadCpuUsage();
  const started = performance.now();
  const saved =
    store === undefined
      ? undefined
      : save(running.snapshot(), store).finally(() => {
          saving = false;
        });
  let rows = 0;
  while (performance.now() < started + every || saving) {
    const turn = performance.now() + TURN;
    while (performance.now() < turn) rows += running.step();
    await realPorts.turn();
  }
  const rate = rows / ((performance.now() - started) / 1000);
  const { user, system } = process.threadCpuUsage(before);
  return { rate, own: rows / ((user + system) / 1e6), receipt: await saved };
}

async function save(snapshot: FragmentSnapshot, store: Store): Promise<FragmentReceipt> {
  const id = store.id++;
  const receipt = await store.saver.save(id, snapshot);
  await store.checkpoints.complete({ id, epoch: 1, revision: 1, started: 0, completed: 0 }, [receipt]);
  return receipt;
}

async function measure(subject: Subject, share: number, options: BenchOptions): Promise<readonly Result[]> {
  const directory = await mkdtemp(join(tmpdir(), 'cloudskin-bench-'));
  try {
    const running = subject.open(share);
    const blobs = await openDirectory(directory);
    const saver = createSaver({ ...NAME, store: blobs, ports: realPorts });
    const store = { saver, checkpoints: openCheckpoints({ ...NAME, store: blobs }), id: 1 };
    const every = sized(options, EVERY, EVERY, EVERY / 10);
    await work(running, undefined, every);
    // the first one is of everything
    const first = await save(running.snapshot(), store);
    const pairs: Pair[] = [];
    for (let round = 0; round < sized(options, 15, 5, 1); round++) {
      pairs.push({ none: await work(running, undefined, every), some: await work(running, store, every) });
      await store.checkpoints.settled();
    }
    await verify(store, running.snapshot());
    return resultsOf(`${subject.name}-${share * 100}%`, pairs, first);
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

/** Throws where a checkpoint does not give back the memory: what is measured must be right. */
async function verify(store: Store, snapshot: FragmentSnapshot): Promise<void> {
  await save(snapshot, store);
  const { manifest, refused } = await store.checkpoints.newest();
  if (manifest === undefined || refused.length > 0)
    throw new Error(`a checkpoint is not sound: ${refused[0]?.problem}`);
  const loaded = await store.checkpoints.load(manifest, snapshot.fragment);
  for (const [cell, { image }] of snapshot.cells) {
    const found = loaded.cells.get(cell)?.image?.memory ?? new Uint8Array(0);
    if (image !== undefined && !Buffer.from(found).equals(image.memory)) throw new Error(`${cell} came back otherwise`);
  }
}

/** Ratios are medians of those of neighbouring seconds: a machine that others use is not as fast from one to the next. */
function resultsOf(variant: string, pairs: readonly Pair[], first: FragmentReceipt): readonly Result[] {
  const median = (values: readonly number[]): number =>
    quantile(
      values.toSorted((a, b) => a - b),
      0.5,
    );
  const of = (metric: string, value: number, unit: string): Result => plain('checkpoint', variant, metric, value, unit);
  const rate = (metric: 'throughput' | 'throughput-own', pick: (measured: Measured) => number): Result => ({
    ...of(metric, median(pairs.map(({ some }) => pick(some))) / 1e6, 'Mrows/s'),
    baseline: 'none',
    ratio: median(pairs.map(({ none, some }) => pick(some) / pick(none))),
  });
  const receipts = pairs.flatMap(({ some }) => some.receipt ?? []);
  return [
    rate('throughput', (measured) => measured.rate),
    rate('throughput-own', (measured) => measured.own),
    of('pause', median(receipts.map(({ paused }) => paused)), 'ms'),
    of('pause-first', first.paused, 'ms'),
    of('save', median(receipts.map(({ took }) => took)), 'ms'),
    of('written', median(receipts.map(({ bytes }) => bytes)) / 2 ** 20, 'MiB'),
  ];
}

export const benchmark: Benchmark = {
  name: 'checkpoint',
  summary:
    'throughput with one checkpoint a second of 64 MB of state, 1, 10 and 100 % of its pages changed, against none',
  async run(options) {
    const results: Result[] = [];
    for (const subject of subjects) {
      for (const share of sized(options, SHARES, SHARES, SHARES.slice(0, 1)))
        results.push(...(await measure(subject, share, options)));
    }
    return results;
  },
};
