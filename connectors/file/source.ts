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
import { FOLLOW_TIMING, type FollowTiming } from './follow.ts';
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

/** A file and how to read it. */
interface Unit {
  readonly file: FileRef;
  readonly reading: Reading;
}

/** `timing`: how often a followed file is looked at; for tests. */
export async function openFileSource(
  options: FileSourceOptions,
  schema: Schema,
  context: SourceContext,
  timing: FollowTiming = FOLLOW_TIMING,
): Promise<Source> {
  const files = await listFiles(options.path, context.directory);
  const units = files.map((file): Unit => ({ file, reading: readingOf(file, options) }));
  if (options.follow) checkFollow(units, options);
  const follow = options.follow ? timing : undefined;
  const groups = options.partition === 'file' ? onePartitionEach(units, options.path) : [units];
  const opened = groups.map((group) => new FilePartition(group, schema, context, follow, pieceSize(groups.length)));
  // A file that cannot be opened is said at once, not when its turn comes.
  await Promise.all(opened.map((partition) => partition.open())).catch(async (error: unknown) => {
    await closeAll(opened);
    throw error;
  });
  return { bounded: !options.follow, partitions: opened, close: () => closeAll(opened) };
}

/** Large pieces are faster; of many files at the same time they would take much memory. */
function pieceSize(partitions: number): number {
  return partitions > 8 ? 32_768 : 262_144;
}

function checkFollow(units: readonly Unit[], options: FileSourceOptions): void {
  const { path } = options;
  if (path === '-') throw cannotFollow('standard input', 'it is read until it ends anyway');
  if (units.length > 1 && options.partition !== 'file') {
    throw cannotFollow(path, `it names ${units.length} files; set \`partition: file\` to follow each`);
  }
  for (const { file, reading } of units) {
    if (reading.compression !== 'none') throw cannotFollow(file.name, `it is compressed (${reading.compression})`);
    if (!reading.format.appendable) throw cannotFollow(file.name, `${reading.format.name} files are not appended to`);
  }
}

function cannotFollow(name: string, why: string): Error {
  return userError('source.cannot-follow', `${name} cannot be followed: ${why}`);
}

async function closeAll(partitions: readonly FilePartition[]): Promise<void> {
  for (const partition of partitions) await partition.close();
}

function onePartitionEach(units: readonly Unit[], path: string): Unit[][] {
  if (units.length > MAX_PARTITIONS) {
    throw userError(
      'source.too-many-files',
      `${path} names ${units.length} files; \`partition: file\` opens at most ${MAX_PARTITIONS}`,
      { hint: 'leave `partition` out to read them one after the other' },
    );
  }
  return units.map((unit) => [unit]);
}

/** Format, compression and the format's options for one file. */
export function readingOf(file: FileRef, options: FileSourceOptions): Reading {
  const parts = partsOfName(file.path);
  const format = options.format === undefined ? parts.format : formatNamed(options.format);
  if (format === undefined) throw unknownFormat(file.name);
  return {
    format,
    compression: options.compression ?? parts.compression,
    options: formatOptions(format.readOptions, options.given),
  };
}

class FilePartition implements SourcePartition {
  readonly name: string;
  readonly #units: readonly Unit[];
  readonly #schema: Schema;
  readonly #context: SourceContext;
  readonly #follow: FollowTiming | undefined;
  readonly #pieceSize: number;
  #at = 0;
  #input: OpenInput | undefined;
  #reader: FormatReader | undefined;

  constructor(
    units: readonly Unit[],
    schema: Schema,
    context: SourceContext,
    follow: FollowTiming | undefined,
    pieceSize: number,
  ) {
    this.name = units.length === 1 ? (units[0]?.file.name ?? '') : '';
    this.#units = units;
    this.#schema = schema;
    this.#context = context;
    this.#follow = follow;
    this.#pieceSize = pieceSize;
  }

  async next(): Promise<Batch | undefined> {
    for (;;) {
      if (this.#context.signal.aborted || !(await this.open())) return undefined;
      const batch = await this.#reader?.next();
      if (batch !== undefined) return batch;
      if (this.#context.signal.aborted) return undefined;
      await this.close();
      // A followed file ends where another took its place: that one is read next.
      if (this.#follow === undefined) this.#at += 1;
    }
  }

  /** Opens the file whose turn it is; false after the last one. */
  async open(): Promise<boolean> {
    const unit = this.#units[this.#at];
    if (unit === undefined) return false;
    if (this.#reader !== undefined) return true;
    const { file, reading } = unit;
    const { signal, paths, attach, reject } = this.#context;
    const { compression, format, options } = reading;
    this.#input = await openInput({ ...file, compression, signal, follow: this.#follow, pieceSize: this.#pieceSize });
    const request = { schema: this.#schema, paths, attach, reject, signal };
    this.#reader = await format.openReader(this.#input, request, options);
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
