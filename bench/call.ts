/**
 * What a call into a component costs. The guest hands its input's bytes back, so that it costs next to nothing itself; what is measured
 * is framing, copying in, calling, and reading the result where it lies. Against the bare memcpy of the same bytes into the same memory,
 * and against the same component through jco's generic glue (its bytes made by the engine's encoder, its result not even read).
 */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Batch } from '../engine/batch/batch.ts';
import { BatchBuilder } from '../engine/batch/builder.ts';
import { encodeSchema, IpcEncoder } from '../engine/batch/ipc.ts';
import type { Schema } from '../engine/batch/types.ts';
import { guestComponent, openOperator } from '../test/kit/guests.ts';
import { against, type Benchmark, type BenchOptions, plain, quantile, type Result, sized } from './harness.ts';

const SCHEMA: Schema = {
  fields: [
    { name: 'at', type: { kind: 'timestamp', unit: 'us' }, nullable: false },
    { name: 'value', type: { kind: 'float64' }, nullable: true },
  ],
};
const SIZES = [
  { name: '1 KiB', bytes: 1024 },
  { name: '64 KiB', bytes: 65_536 },
  { name: '1 MiB', bytes: 1_048_576 },
] as const;

/** Milliseconds for which all variants run before they are measured: the JIT compiler's last tier comes late. */
const WARMUP_MS = 1000;
/** Copies a sample: one of 1 KiB is shorter than the clock's step. */
const COPIES = 16;
const SMALL_BYTES = 100_000;

function batchOf(bytes: number): Batch {
  const builder = new BatchBuilder(SCHEMA);
  for (let row = 0; row < bytes / 16; row++) {
    builder.columns[0]?.append(BigInt(row));
    builder.columns[1]?.append(row * 0.5);
    builder.endRow();
  }
  return builder.finish();
}

/** Nanoseconds a call, one sample each, of several variants in turns. */
function sample(variants: readonly (() => void)[], rounds: number): number[][] {
  const samples: number[][] = variants.map(() => []);
  const warm = performance.now() + WARMUP_MS;
  while (performance.now() < warm) for (const run of variants) run();
  for (let round = 0; round < rounds; round++) {
    for (const [index, run] of variants.entries()) {
      const start = process.hrtime.bigint();
      run();
      samples[index]?.push(Number(process.hrtime.bigint() - start));
    }
  }
  return samples.map((values) => values.sort((a, b) => a - b));
}

interface Glue {
  process(input: number, batch: Uint8Array): unknown;
  init(config: string, inputs: readonly [string, Uint8Array][]): unknown;
}

/** The component through jco's transpiled glue. */
async function openGlue(component: Uint8Array, directory: string): Promise<Glue> {
  const { transpile } = await import('@bytecodealliance/jco');
  const { files } = await transpile(component, { name: 'guest', noTypescript: true, wasiShim: false });
  for (const [name, bytes] of Object.entries(files)) {
    if (!name.includes('/')) await writeFile(join(directory, name), bytes);
  }
  return (await import(pathToFileURL(join(directory, 'guest.js')).href)) as Glue;
}

/** The cost of the clock itself, taken off every figure. */
function overhead(): number {
  const [samples = []] = sample([() => undefined], 2000);
  return quantile(samples, 0.5);
}

async function measure(component: Uint8Array, directory: string, rounds: number): Promise<Result[]> {
  const path = join(directory, 'guest.wasm');
  await writeFile(path, component);
  const cell = await openOperator(path, SCHEMA);
  const glue = await openGlue(component, directory);
  glue.init('{}', [['readings', encodeSchema(SCHEMA)]]);
  const encoder = new IpcEncoder(SCHEMA);
  const target = new Uint8Array(new WebAssembly.Memory({ initial: 64 }).buffer).fill(1);
  const clock = overhead();
  const results: Result[] = [];
  for (const { name, bytes } of SIZES) {
    const batch = batchOf(bytes);
    const copies = bytes > SMALL_BYTES ? 1 : COPIES;
    let rows = 0;
    const variants = [
      () => {
        for (let i = 0; i < copies; i++) target.set(batch.body, 64);
      },
      () => cell.process(0, batch, (_, output) => (rows = output.rows)),
      () => glue.process(0, encoder.encode(batch)),
    ];
    const [memcpy = [], lifter = [], jco = []] = sample(variants, bytes > SMALL_BYTES ? rounds : rounds * 5);
    if (rows !== batch.rows) throw new Error(`the guest returned ${rows} rows of ${batch.rows}`);
    const one = memcpy.map((time) => (time - clock) / copies + clock);
    results.push(...report(name, one, lifter, jco, clock));
  }
  cell.close();
  return results;
}

function report(size: string, memcpy: number[], lifter: number[], jco: number[], clock: number): Result[] {
  const at = (samples: number[], q: number): number => (quantile(samples, q) - clock) / 1000;
  const base = { variant: `${size} memcpy`, value: at(memcpy, 0.5) };
  const figure = (variant: string, value: number): Result =>
    plain('call', `${size} ${variant}`, 'call-p50', value, 'us');
  return [
    figure('memcpy', base.value),
    against(figure('lifter', at(lifter, 0.5)), base),
    plain('call', `${size} lifter`, 'beyond-memcpy-p50', at(lifter, 0.5) - base.value, 'us'),
    plain('call', `${size} lifter`, 'call-p99', at(lifter, 0.99), 'us'),
    against(figure('jco', at(jco, 0.5)), base),
  ];
}

export const benchmark: Benchmark = {
  name: 'call',
  summary: 'a component call that hands a batch through, against memcpy and jco',
  async run(options: BenchOptions): Promise<readonly Result[]> {
    const directory = await mkdtemp(join(tmpdir(), 'cloudskin-call-'));
    try {
      return await measure(await guestComponent({ pages: 64 }), directory, sized(options, 20_000, 2000, 100));
    } finally {
      await rm(directory, { recursive: true });
    }
  },
};
