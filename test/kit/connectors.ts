/** For tests: connectors driven as the runtime drives them, in a directory of the test's own. */
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Batch } from '../../engine/batch/batch.ts';
import type { Schema, Value } from '../../engine/batch/types.ts';
import type {
  BadRow,
  Connector,
  Sink,
  SinkContext,
  SinkReport,
  Source,
  SourceContext,
  SourcePartition,
} from '../../engine/graph/connector.ts';
import { type Ports, realPorts } from '../../engine/ports.ts';
import { rowsOf } from './tables.ts';

/** A fresh directory, removed by `remove`. */
export async function temporaryDirectory(): Promise<{ readonly path: string; remove(): Promise<void> }> {
  const path = await mkdtemp(join(tmpdir(), 'cloudskin-test-'));
  return { path, remove: () => rm(path, { recursive: true, force: true }) };
}

export interface Bench {
  readonly directory: string;
  readonly abort: AbortController;
  readonly bad: BadRow[];
  /** What went to standard output. */
  readonly printed: string[];
}

export function bench(directory: string): Bench {
  return { directory, abort: new AbortController(), bad: [], printed: [] };
}

function contextOf({ directory, abort }: Bench): { directory: string; signal: AbortSignal; ports: Ports } {
  return { directory, signal: abort.signal, ports: realPorts };
}

export function sourceContext(setup: Bench, more: Partial<SourceContext> = {}): SourceContext {
  const reject = (row: BadRow): void => void setup.bad.push(row);
  return { ...contextOf(setup), name: 'in', paths: new Map(), attach: [], reject, ...more };
}

export function sinkContext(setup: Bench, more: Partial<SinkContext> = {}): SinkContext {
  const stdout = (text: string): void => void setup.printed.push(text);
  return { ...contextOf(setup), name: 'out', bounded: true, stdout, color: false, width: 80, ...more };
}

export async function openSource(
  connector: Connector,
  options: unknown,
  schema: Schema,
  context: SourceContext,
): Promise<Source> {
  if (connector.source === undefined) throw new Error(`${connector.name} has no source`);
  return connector.source.open(connector.source.options.parse(options), schema, context);
}

export async function openSink(
  connector: Connector,
  options: unknown,
  schema: Schema,
  context: SinkContext,
): Promise<Sink> {
  if (connector.sink === undefined) throw new Error(`${connector.name} has no sink`);
  return connector.sink.open(connector.sink.options.parse(options), schema, context);
}

/** The rest of a partition. */
export async function drain(partition: SourcePartition): Promise<Value[][]> {
  const rows: Value[][] = [];
  for (let batch = await partition.next(); batch !== undefined; batch = await partition.next()) {
    for (const row of rowsOf(batch)) rows.push(row);
  }
  return rows;
}

/** All rows of a source, partition by partition, and closes it. */
export async function readAll(
  connector: Connector,
  options: unknown,
  schema: Schema,
  context: SourceContext,
): Promise<Value[][]> {
  const source = await openSource(connector, options, schema, context);
  try {
    const rows: Value[][] = [];
    for (const partition of source.partitions) for (const row of await drain(partition)) rows.push(row);
    return rows;
  } finally {
    await source.close();
  }
}

/** Writes batches as the runtime does, and closes; aborts where a write fails. */
export async function writeAll(
  connector: Connector,
  options: unknown,
  schema: Schema,
  batches: readonly Batch[],
  context: SinkContext,
): Promise<SinkReport> {
  const sink = await openSink(connector, options, schema, context);
  try {
    for (const batch of batches) await sink.write(batch);
  } catch (error) {
    await sink.abort();
    throw error;
  }
  return sink.close();
}

/** Names of all files below a directory, hidden ones too, in order. */
export async function filesBelow(directory: string): Promise<string[]> {
  const entries = await readdir(directory, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => !entry.isDirectory())
    .map((entry) => join(entry.parentPath, entry.name).slice(directory.length + 1))
    .toSorted();
}
