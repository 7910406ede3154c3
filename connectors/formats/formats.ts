/** The formats there are, and how a file's name says which one it has and how it is compressed. */
import { type CloudskinError, userError } from '../../engine/errors.ts';
import { didYouMean } from '../../engine/graph/suggest.ts';
import { arrow, arrowStream } from './arrow/arrow.ts';
import { csv } from './csv/csv.ts';
import type { Format, FormatName } from './format.ts';
import { json } from './json/json.ts';
import { ndjson } from './json/ndjson.ts';
import { parquet } from './parquet/parquet.ts';

export const formats: readonly Format[] = [csv, ndjson, json, arrow, arrowStream, parquet];

export const formatNames: readonly FormatName[] = ['csv', 'ndjson', 'json', 'arrow', 'arrow-stream', 'parquet'];

export type Compression = 'none' | 'gzip' | 'zstd';

export const compressions: readonly Compression[] = ['none', 'gzip', 'zstd'];

const COMPRESSION_EXTENSIONS: ReadonlyMap<string, Compression> = new Map([
  ['gz', 'gzip'],
  ['gzip', 'gzip'],
  ['zst', 'zstd'],
  ['zstd', 'zstd'],
]);

export interface NameParts {
  /** The name up to the extensions that mean something here. */
  readonly stem: string;
  /** Those extensions, with their dots: `.csv.gz`. */
  readonly extension: string;
  readonly format: Format | undefined;
  readonly compression: Compression;
}

/** What a file's name says: `readings.csv.gz` is csv compressed with gzip. */
export function partsOfName(name: string): NameParts {
  const [beforeCompression, last] = splitExtension(name);
  const compression = COMPRESSION_EXTENSIONS.get(last.toLowerCase());
  const [stem, extension] = compression === undefined ? [beforeCompression, last] : splitExtension(beforeCompression);
  const format = formats.find((candidate) => candidate.extensions.includes(extension.toLowerCase()));
  const end = format !== undefined ? stem.length : compression !== undefined ? beforeCompression.length : name.length;
  return {
    stem: name.slice(0, end),
    extension: name.slice(end),
    format,
    compression: compression ?? 'none',
  };
}

function splitExtension(name: string): [string, string] {
  const dot = name.lastIndexOf('.');
  const slash = Math.max(name.lastIndexOf('/'), name.lastIndexOf('\\'));
  return dot <= slash + 1 ? [name, ''] : [name.slice(0, dot), name.slice(dot + 1)];
}

/** The format by its name; all of `formatNames` are there. */
export function formatNamed(name: FormatName): Format {
  const format = formats.find((candidate) => candidate.name === name);
  if (format === undefined) throw userError('file.unknown-format', `there is no format "${name}"`);
  return format;
}

/** The error `file.unknown-format`, with the extensions there are. */
export function unknownFormat(path: string): CloudskinError {
  const known = formats.flatMap((format) => format.extensions);
  const extension = splitExtension(path)[1];
  const near = extension === '' ? undefined : didYouMean(extension, known);
  return userError(
    'file.unknown-format',
    `${path === '-' ? '"-"' : path} does not say which format it has; known extensions are ${known.map((e) => `.${e}`).join(' ')}, each also with .gz or .zst`,
    { hint: near ?? `set \`format:\` to one of ${formats.map((format) => format.name).join(', ')}` },
  );
}

/** The given options of a format with its defaults; throws nothing, since each was parsed already. */
export function formatOptions(shape: Format['readOptions'], given: Readonly<Record<string, unknown>>): unknown {
  const options: Record<string, unknown> = {};
  for (const [key, type] of Object.entries(shape)) options[key] = given[key] ?? type.parse(undefined);
  return options;
}
