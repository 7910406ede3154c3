/** The options of the file connector: its own, and beside them those of every format. */
import { z } from 'zod';
import { positiveDurationType, sizeType } from '../../engine/graph/units.ts';
import type { Format, FormatName } from '../formats/format.ts';
import { type Compression, compressions, formatNamed, formatNames, formats, partsOfName } from '../formats/formats.ts';

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
      'Write `name-00001.ext`, `name-00002.ext` and so on, each complete; what a run that does not end always does.',
    ),
};

export const fileSourceOptions: z.ZodType<FileSourceOptions> = withFormats(
  sourceShape,
  (entry) => entry.readOptions,
) as unknown as z.ZodType<FileSourceOptions>;

export const fileSinkOptions: z.ZodType<FileSinkOptions> = withFormats(
  sinkShape,
  (entry) => entry.writeOptions,
) as unknown as z.ZodType<FileSinkOptions>;

/** The connector's own keys and, optional, those of the formats, which are collected into `given`. */
function withFormats(own: Shape, optionsOf: (format: Format) => Shape): z.ZodType {
  const theirs: Record<string, z.ZodType> = {};
  for (const entry of formats) {
    for (const [key, type] of Object.entries(optionsOf(entry))) theirs[key] ??= withoutDefault(type);
  }
  return z.strictObject({ ...theirs, ...own }).transform((parsed, context) => {
    const result: Record<string, unknown> = {};
    const given: Record<string, unknown> = {};
    for (const [key, value] of Object.entries(parsed)) {
      if (key in own) result[key] = value;
      else if (value !== undefined) given[key] = value;
    }
    const name = result.format as FormatName | undefined;
    const chosen = name === undefined ? partsOfName(String(result.path)).format : formatNamed(name);
    for (const key of chosen === undefined ? [] : wrongKeys(chosen, given, optionsOf)) {
      context.addIssue({
        code: 'custom',
        path: [key],
        message: wrongOption(key, chosen, optionsOf),
        params: { code: 'file.wrong-option' },
      });
    }
    return { ...result, given };
  });
}

/** Defaults are filled in once the format is known, so that an option of another format can be told from one not given. */
function withoutDefault(type: z.ZodType): z.ZodType {
  const inner = type instanceof z.ZodDefault ? (type.unwrap() as z.ZodType) : type;
  const { description } = type;
  const optional = inner instanceof z.ZodOptional ? inner : inner.optional();
  return description === undefined ? optional : optional.describe(description);
}

function wrongKeys(chosen: Format | undefined, given: object, optionsOf: (format: Format) => Shape): string[] {
  return chosen === undefined ? [] : Object.keys(given).filter((key) => !(key in optionsOf(chosen)));
}

function wrongOption(key: string, chosen: Format | undefined, optionsOf: (format: Format) => Shape): string {
  const owners = formats.filter((entry) => key in optionsOf(entry)).map((entry) => entry.name);
  return `"${key}" is an option of ${owners.join(', ')}, and this file is ${chosen?.name ?? 'none of them'}`;
}
