/**
 * The file source: files read in the order of their names as one partition, or all at once as a partition each. Every file is
 * read by the reader of its format; a batch never spans two files.
 */
import type { Batch } from '../../engine/batch/batch.ts';
import type { Schema } from '../../engine/batch/types.ts';
import { userError } from '../../engine/errors.ts';
import type { ConnectorContext, Source, SourceContext, SourcePartition } from '../../engine/graph/connector.ts';
import type { Format, FormatReader, Inferred } from '../formats/format.ts';
import { type Compression, formatNamed, formatOptions, partsOfName, unknownFormat } from '../formats/formats.ts';
import { type OpenInput, openInput } from './input.ts';
import { type FileRef, listFiles } from './list.ts';
import type { FileSourceOptions } from './options.ts';

const MAX_PARTITIONS = 1000;

/** What a file's rows are read with. */
export interface Reading {
  readonly format: Format;
  readonly compression: Compression;
  readonly options: unknown;
}

export async function openFileSource(
  options: FileSourceOptions,
  schema: Schema,
  context: SourceContext,
): Promise<Source> {
  const files = await listFiles(options.path, context.directory);
  const readings = files.map((file) => readingOf(file, options));
  const partitions = options.partition === 'file' ? onePartitionEach(files, options.path) : [files];
  const opened = partitions.map(
    (group) => new FilePartition(group, readings.slice(files.indexOf(group[0] as FileRef)), schema, context),
  );
  // A file that cannot be opened is said at once, not when its turn comes.
  await Promise.all(opened.map((partition) => partition.open())).catch(async (error: unknown) => {
    await closeAll(opened);
    throw error;
  });
  return { bounded: true, partitions: opened, close: () => closeAll(opened) };
}

async function closeAll(partitions: readonly FilePartition[]): Promise<void> {
  for (const partition of partitions) await partition.close();
}

function onePartitionEach(files: readonly FileRef[], path: string): FileRef[][] {
  if (files.length > MAX_PARTITIONS) {
    throw userError(
      'source.too-many-files',
      `${path} names ${files.length} files; \`partition: file\` opens at most ${MAX_PARTITIONS}`,
      {
        hint: 'leave `partition` out to read them one after the other',
      },
    );
  }
  return files.map((file) => [file]);
}

/** Format, compression and the format's options for one file. */
export function readingOf(file: FileRef, options: FileSourceOptions): Reading {
  const parts = partsOfName(file.path);
  const format = options.format === undefined ? parts.format : formatNamed(options.format);
  if (format === undefined) throw unknownFormat(options.path);
  return {
    format,
    compression: options.compression ?? parts.compression,
    options: formatOptions(format.readOptions, options.given),
  };
}

class FilePartition implements SourcePartition {
  readonly name: string;
  readonly #files: readonly FileRef[];
  readonly #readings: readonly Reading[];
  readonly #schema: Schema;
  readonly #context: SourceContext;
  #at = 0;
  #input: OpenInput | undefined;
  #reader: FormatReader | undefined;

  constructor(files: readonly FileRef[], readings: readonly Reading[], schema: Schema, context: SourceContext) {
    this.name = files.length === 1 ? (files[0]?.name ?? '') : '';
    this.#files = files;
    this.#readings = readings;
    this.#schema = schema;
    this.#context = context;
  }

  async next(): Promise<Batch | undefined> {
    for (;;) {
      if (this.#context.signal.aborted || !(await this.open())) return undefined;
      const batch = await this.#reader?.next();
      if (batch !== undefined) return batch;
      if (this.#context.signal.aborted) return undefined;
      await this.close();
      this.#at += 1;
    }
  }

  /** Opens the file whose turn it is; false after the last one. */
  async open(): Promise<boolean> {
    const file = this.#files[this.#at];
    const reading = this.#readings[this.#at];
    if (file === undefined || reading === undefined) return false;
    if (this.#reader !== undefined) return true;
    const { signal, paths, attach, reject } = this.#context;
    this.#input = await openInput({ ...file, compression: reading.compression, signal });
    const request = { schema: this.#schema, paths, attach, reject, signal };
    this.#reader = await reading.format.openReader(this.#input, request, reading.options);
    return true;
  }

  async close(): Promise<void> {
    const reader = this.#reader;
    const input = this.#input;
    this.#reader = undefined;
    this.#input = undefined;
    await reader?.close();
    await input?.close();
  }
}

/** Guesses from the first file. */
export async function inferFrom(options: FileSourceOptions, context: ConnectorContext): Promise<Inferred> {
  if (options.path === '-') {
    throw userError('source.no-schema', 'standard input is read once, so its columns cannot be guessed', {
      hint: 'give the source a `schema`',
    });
  }
  const file = (await listFiles(options.path, context.directory))[0] as FileRef;
  const reading = readingOf(file, options);
  const input = await openInput({ ...file, compression: reading.compression, signal: context.signal });
  try {
    return await reading.format.infer(input, reading.options);
  } finally {
    await input.close();
  }
}
