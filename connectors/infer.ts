/** What a graph has to say to read a data file: the options of its `file` source, its columns, its likely time column. */

import { resolve } from 'node:path';
import type { Schema } from '../engine/batch/types.ts';
import { defined } from '../engine/defined.ts';
import { realPorts } from '../engine/ports.ts';
import { fileSourceOptions } from './file/options.ts';
import { inferFrom } from './file/source.ts';
import type { FormatName } from './formats/format.ts';
import type { Compression } from './formats/formats.ts';

export interface InferredFile {
  /** Options beside `path` that the file needs: those given, and those found by looking (`delimiter`, `records`). */
  readonly options: Readonly<Record<string, unknown>>;
  readonly schema: Schema;
  /** Column name -> path into a nested payload. */
  readonly paths: ReadonlyMap<string, string>;
  /** The column that is most likely the event time; absent where no column is a timestamp. */
  readonly time?: string;
}

export interface InferOptions {
  readonly format?: FormatName;
  readonly compression?: Compression;
  /** Further options of the file connector, as a graph would write them. */
  readonly options?: Readonly<Record<string, unknown>>;
  /** What a relative path counts from; the working directory unless given. */
  readonly directory?: string;
  readonly signal?: AbortSignal;
}

/** Names of event times, the likeliest first. */
const TIME_NAMES: readonly string[] = [
  'event_time',
  'eventtime',
  'timestamp',
  'time',
  'ts',
  'at',
  'datetime',
  'date_time',
  'date',
  'created_at',
  'created',
];

/**
 * Guesses from a bounded head of the file, or of the first of a glob or directory. Throws what opening a source throws:
 * `source.not-found`, `file.unknown-format`, `source.empty` and so on.
 */
export async function inferFile(path: string, more: InferOptions = {}): Promise<InferredFile> {
  const given: Record<string, unknown> = { ...more.options };
  if (more.format !== undefined) given.format = more.format;
  if (more.compression !== undefined) given.compression = more.compression;
  const options = fileSourceOptions.parse({ ...given, path });
  const context = {
    directory: resolve(more.directory ?? '.'),
    signal: more.signal ?? new AbortController().signal,
    ports: realPorts,
  };
  const found = await inferFrom(options, context);
  const time = timeColumn(found.schema);
  return {
    options: { ...given, ...found.options },
    schema: found.schema,
    paths: found.paths,
    ...defined({ time }),
  };
}

/** The timestamp with the likeliest name, else the first one. */
export function timeColumn(schema: Schema): string | undefined {
  const names = schema.fields.filter((field) => field.type.kind === 'timestamp').map((field) => field.name);
  const rank = (name: string): number => {
    const at = TIME_NAMES.indexOf(name.toLowerCase());
    return at < 0 ? TIME_NAMES.length : at;
  };
  return names.toSorted((a, b) => rank(a) - rank(b))[0];
}
