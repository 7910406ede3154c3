/** The options of the file connector: its own, and beside them those of every format. */
import { z } from 'zod';
import { positiveDurationType, sizeType } from '../../engine/graph/units.ts';
import type { Format, FormatName } from '../formats/format.ts';
import {
  type Compression,
  compressions,
  formatNamed,
  formatNames,
  formats,
  partsOfName,
  unknownFormat,
} from '../formats/formats.ts';

export interface FileSourceOptions {
  readonly path: string;
  readonly format?: FormatName | undefined;
  readonly compression?: Compression | undefined;
  readonly partition?: 'file' | undefined;
  readonly follow: boolean;
  /** Options of the format that were given, parsed; `formatOptions` adds the defaults. */
  readonly given: Readonly<Record<string, unknown>>;
}

export interface FileSinkOptions {
  readonly path: string;
  readonly format?: FormatName | undefined;
  readonly compression?: Compression | undefined;
  readonly overwrite: boolean;
  readonly mkdir: boolean;
  readonly roll?: Roll | undefined;
  readonly given: Readonly<Record<string, unknown>>;
}

/** When a file is complete: at that many bytes, or that many microseconds after its first row. */
export interface Roll {
  readonly size: number;
  readonly every: bigint;
}

export const DEFAULT_ROLL: Roll = { size: 64_000_000, every: 60_000_000n };

type Shape = Readonly<Record<string, z.ZodType>>;

const format = z.enum(formatNames).optional().describe('How the rows are written down; by the extension unless given.');
const compression = z
  .enum(compressions)
  .optional()
  .describe('How the file is compressed; by the extension (.gz, .zst) unless given.');

const sourceShape = {
  path: z
    .string()
    .min(1)
    .describe(
      'A file, a glob such as `data/*.csv`, a directory, or `-` for standard input; relative to the graph file.',
    ),
  format,
  compression,
  partition: z
    .literal('file')
    .optional()
    .describe(
      '`file`: read all files at the same time, each with a watermark of its own. Else one after the other, by name.',
    ),
  follow: z.boolean().default(false).describe('Go on reading as the file grows; the source then never ends.'),
};

const sinkShape = {
  path: z.string().min(1).describe('The file to write, or `-` for standard output; relative to the graph file.'),
  format,
  compression,
  overwrite: z.boolean().default(true).describe('Whether a bounded run may replace a file that is already there.'),
  mkdir: z.boolean().default(true).describe('Whether to make the directory where it is missing.'),
  roll: z
    .strictObject({
      size: sizeType.default(DEFAULT_ROLL.size).describe('Bytes after which a file is complete; 64MB unless given.'),
      every: positiveDurationType
        .default(DEFAULT_ROLL.every)
        .describe('Age after which a file is complete; 1m unless given.'),
    })
    .optional()
    .describe(
      'Write `name-00001.ext`, `name-00002.ext` and so on, each complete; what a run that does not end always does. A run that fails or is aborted completes the file under way; where the disk is full, one of csv or ndjson that is not compressed keeps the records that fit, and others are taken back.',
    ),
};

export const fileSourceOptions: z.ZodType<FileSourceOptions> = withFormats(
  sourceShape,
  (entry) => entry.readOptions,
  (path) => path === '-',
) as unknown as z.ZodType<FileSourceOptions>;

export const fileSinkOptions: z.ZodType<FileSinkOptions> = withFormats(
  sinkShape,
  (entry) => entry.writeOptions,
  () => true,
) as unknown as z.ZodType<FileSinkOptions>;

/** The connector's own keys and, optional, those of the formats, which are collected into `given`. */
function withFormats(
  own: Shape,
  optionsOf: (format: Format) => Shape,
  mustHaveFormat: (path: string) => boolean,
): z.ZodType {
  const theirs = Object.fromEntries(
    [...keysOfFormats(optionsOf)].map(([key, types]) => [key, union(types.map(withoutDefault))]),
  );
  return z.strictObject({ ...theirs, ...own }).transform((parsed, context) => {
    const result: Record<string, unknown> = {};
    const given: Record<string, unknown> = {};
    for (const [key, value] of Object.entries(parsed)) {
      if (key in own) result[key] = value;
      else if (value !== undefined) given[key] = value;
    }
    const path = String(result.path);
    const name = result.format as FormatName | undefined;
    const chosen = name === undefined ? partsOfName(path).format : formatNamed(name);
    if (chosen !== undefined) {
      for (const [key, message] of wrongOptions(chosen, given, optionsOf)) {
        context.addIssue({ code: 'custom', path: [key], message, params: { code: 'file.wrong-option' } });
      }
    } else if (mustHaveFormat(path)) {
      const { message, code } = unknownFormat(path);
      context.addIssue({ code: 'custom', path: ['path'], message, params: { code } });
    }
    return { ...result, given };
  });
}

/** Every key with the types that formats give it; those that share one share the type's object. */
function keysOfFormats(optionsOf: (format: Format) => Shape): Map<string, z.ZodType[]> {
  const keys = new Map<string, z.ZodType[]>();
  for (const entry of formats) {
    for (const [key, type] of Object.entries(optionsOf(entry))) {
      const types = keys.get(key) ?? [];
      if (!types.includes(type)) keys.set(key, [...types, type]);
    }
  }
  return keys;
}

function union(types: readonly z.ZodType[]): z.ZodType {
  const [only] = types;
  if (types.length === 1 && only !== undefined) return only;
  const descriptions = [...new Set(types.map((type) => type.description ?? ''))];
  return z.union(types).describe(descriptions.join(' Or: '));
}

/** Defaults are filled in once the format is known, so that an option of another format can be told from one not given. */
function withoutDefault(type: z.ZodType): z.ZodType {
  const inner = type instanceof z.ZodDefault ? (type.unwrap() as z.ZodType) : type;
  const { description } = type;
  const optional = inner instanceof z.ZodOptional ? inner : inner.optional();
  return description === undefined ? optional : optional.describe(description);
}

/** Options given that the format has not, and values that are only another format's. */
function wrongOptions(
  chosen: Format,
  given: Readonly<Record<string, unknown>>,
  optionsOf: (format: Format) => Shape,
): [string, string][] {
  const shape = optionsOf(chosen);
  const keys = keysOfFormats(optionsOf);
  return Object.entries(given).flatMap(([key, value]): [string, string][] => {
    const type = shape[key];
    if (type === undefined) {
      const owners = formats.filter((entry) => key in optionsOf(entry)).map((entry) => entry.name);
      return [[key, `"${key}" is an option of ${owners.join(', ')}, and this file is ${chosen.name}`]];
    }
    // A type that is not shared was checked already, and has turned the text into a value.
    if ((keys.get(key) ?? []).length < 2) return [];
    const message = type.safeParse(value).error?.issues[0]?.message;
    return message === undefined ? [] : [[key, `${message}, for ${chosen.name}`]];
  });
}
