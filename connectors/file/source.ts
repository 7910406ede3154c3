/**
 * The file source: files read in the order of their names as one partition, or all at once as a partition each. Every file is
 * read by the reader of its format; a batch never spans two files.
 */
import type { Schema } from '../../engine/batch/types.ts';
import { userError } from '../../engine/errors.ts';
import type { ConnectorContext, Source, SourceContext } from '../../engine/graph/connector.ts';
import type { Json } from '../../engine/json.ts';
import type { Inferred } from '../formats/format.ts';
import { formatNamed, formatOptions, partsOfName, unknownFormat } from '../formats/formats.ts';
import { FOLLOW_TIMING, type FollowTiming } from './follow.ts';
import { openInput } from './input.ts';
import { type FileRef, listFiles } from './list.ts';
import type { FileSourceOptions } from './options.ts';
import { FilePartition, type Reading, type Unit } from './partition.ts';

const MAX_PARTITIONS = 1000;

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
  const opened = groups.map((group) => {
    const from = positionOf(group, options, context);
    return new FilePartition(group, schema, context, { follow, pieceSize: pieceSize(groups.length), from });
  });
  // A file that cannot be opened is said at once, not when its turn comes.
  await Promise.all(opened.map((partition) => partition.open())).catch(async (error: unknown) => {
    await closeAll(opened);
    throw error;
  });
  return { bounded: !options.follow, partitions: opened, close: () => closeAll(opened) };
}

/** Files read one after the other are one partition, however many there are now and were then. */
function positionOf(
  group: readonly Unit[],
  options: FileSourceOptions,
  { positions }: SourceContext,
): Json | undefined {
  if (options.partition === 'file') return positions?.get(group[0]?.file.name ?? '');
  return positions?.values().next().value;
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
function readingOf(file: FileRef, options: FileSourceOptions): Reading {
  const parts = partsOfName(file.path);
  const format = options.format === undefined ? parts.format : formatNamed(options.format);
  if (format === undefined) throw unknownFormat(file.name);
  return {
    format,
    compression: options.compression ?? parts.compression,
    options: formatOptions(format.readOptions, options.given),
  };
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
