/**
 * `bench ipc`: a batch into an Arrow IPC message and back, against a bare copy of the same bytes and against apache-arrow.
 */
import * as arrow from 'apache-arrow';
import { toRecordBatch } from '../engine/batch/arrow.ts';
import type { Batch } from '../engine/batch/batch.ts';
import { BatchBuilder } from '../engine/batch/builder.ts';
import { IpcDecoder, IpcEncoder } from '../engine/batch/ipc.ts';
import type { Schema } from '../engine/batch/types.ts';
import { against, type Benchmark, type BenchOptions, interleave, type Result, sized, type Variant } from './harness.ts';

/** 24 bytes a row, as the pipeline benchmark has. */
const SCHEMA: Schema = {
  fields: [
    { name: 'key', type: { kind: 'int64' }, nullable: false },
    { name: 'at', type: { kind: 'timestamp', unit: 'ms' }, nullable: false },
    { name: 'value', type: { kind: 'float64' }, nullable: true },
  ],
  time: 1,
};
const SIZES: readonly { readonly name: string; readonly rows: number }[] = [
  { name: '64K rows', rows: 65_536 },
  { name: '1K rows', rows: 1024 },
];

function sample(rows: number): Batch {
  const builder = new BatchBuilder(SCHEMA, { rows });
  const [key, at, value] = builder.columns;
  for (let row = 0; row < rows; row++) {
    key?.appendNumber((row * 2_654_435_761) % 1000);
    at?.appendNumber(1_700_000_000_000 + row);
    if (row % 50 === 0) value?.appendNull();
    else value?.appendNumber(row * 0.25);
    builder.endRow();
  }
  return builder.finish();
}

/** The message as apache-arrow's own: a stream of one record batch, its schema included, which is how it is written there. */
function arrowStream(record: arrow.RecordBatch): Uint8Array {
  const writer = new arrow.RecordBatchStreamWriter({ autoDestroy: true });
  writer.write(record);
  writer.finish();
  return writer.toUint8Array(true);
}

/** Throws where a message does not hold the batch's values: what is measured must be right. */
function check(batch: Batch, message: Uint8Array, encoder: IpcEncoder): void {
  const stream = new Uint8Array(Buffer.concat([encoder.schemaMessage(), message]));
  const [record] = arrow.RecordBatchReader.from(stream);
  const values = record?.getChild('value');
  for (let row = 0; row < batch.rows; row++) {
    const expected = row % 50 === 0 ? null : row * 0.25;
    if (values?.get(row) !== expected) throw new Error(`row ${row} reads ${values?.get(row)}, not ${expected}`);
  }
}

function encodeVariants(batch: Batch): readonly Variant[] {
  const target = new Uint8Array(batch.body.length);
  const encoder = new IpcEncoder(SCHEMA);
  const record = toRecordBatch(batch);
  check(batch, encoder.encode(batch), encoder);
  return [
    { name: 'memcpy', run: () => target.set(batch.body) },
    { name: 'cloudskin', run: () => void encoder.encode(batch) },
    { name: 'apache-arrow', run: () => void arrowStream(record) },
  ];
}

/** Decoding gives views, so the comparison with a copy says how little of one it costs. */
function decodeVariants(batch: Batch): readonly Variant[] {
  const encoder = new IpcEncoder(SCHEMA);
  const message = new Uint8Array(encoder.encode(batch));
  const stream = new Uint8Array(Buffer.concat([encoder.schemaMessage(), message]));
  const target = new Uint8Array(batch.body.length);
  const checked = new IpcDecoder(SCHEMA);
  const trusting = new IpcDecoder(SCHEMA, { validate: false });
  return [
    { name: 'memcpy', run: () => target.set(batch.body) },
    { name: 'cloudskin', run: () => void checked.decode(message) },
    { name: 'cloudskin-trusted', run: () => void trusting.decode(message) },
    { name: 'apache-arrow', run: () => void [...arrow.RecordBatchReader.from(stream)] },
  ];
}

async function measure(
  label: string,
  metric: string,
  batch: Batch,
  variants: readonly Variant[],
  options: BenchOptions,
): Promise<readonly Result[]> {
  const rounds = sized(options, 60, 15, 1);
  const timings = await interleave(variants, { rounds, warmup: 3, minSeconds: 0.02 });
  const speeds: readonly Result[] = variants.map(({ name }) => ({
    benchmark: 'ipc',
    variant: `${label} ${name}`,
    metric,
    value: batch.body.length / (timings.get(name)?.median ?? Number.NaN) / 1e9,
    unit: 'GB/s',
    baseline: null,
    ratio: null,
  }));
  const baselines = speeds.filter(({ variant }) => /memcpy|apache/.test(variant));
  return speeds.flatMap((speed): Result[] => {
    if (baselines.includes(speed)) return [speed];
    return baselines.map((baseline) => {
      const result = against(speed, baseline);
      return { ...result, baseline: baseline.variant.slice(label.length + 1) };
    });
  });
}

export const benchmark: Benchmark = {
  name: 'ipc',
  summary: 'batches to Arrow IPC messages and back, against memcpy and apache-arrow',
  async run(options: BenchOptions): Promise<readonly Result[]> {
    const results: Result[] = [];
    for (const { name, rows } of SIZES) {
      const batch = sample(rows);
      results.push(...(await measure(name, 'encode', batch, encodeVariants(batch), options)));
      results.push(...(await measure(name, 'decode', batch, decodeVariants(batch), options)));
    }
    return results;
  },
};
