/** The options of csv files, as a graph file writes them beside `path`. */
import { z } from 'zod';
import { maxRowBytes } from '../text/options.ts';

export interface CsvReadOptions {
  /** Absent: chosen by the header. */
  readonly delimiter?: string | undefined;
  readonly quote: string;
  readonly header: boolean;
  readonly nullValues: readonly string[];
  readonly skipLines: number;
  readonly maxRowBytes: number;
}

export interface CsvWriteOptions {
  readonly delimiter: string;
  readonly header: boolean;
  readonly nullValue: string;
}

const oneByte = /^[\t\x20-\x7e]$/;

const delimiter = z
  .string()
  .regex(oneByte, 'a delimiter is one ASCII character, "\\t" for tabs')
  .refine((text) => text !== '"', 'a delimiter cannot be a quote');

export const csvReadOptions: Readonly<Record<keyof CsvReadOptions, z.ZodType>> = {
  delimiter: delimiter
    .optional()
    .describe(
      'What stands between fields. Unless given, the one of , ; tab | that splits the header into the columns wanted.',
    ),
  quote: z
    .string()
    .regex(/^[\x21-\x7e]?$/, 'a quote is one ASCII character, or "" for none')
    .default('"')
    .describe(
      'What fields with delimiters or line ends inside are put into, doubled for itself; "" where quotes mean nothing.',
    ),
  header: z
    .boolean()
    .default(true)
    .describe('Whether the first record names the columns. Without, columns are taken in the order of the schema.'),
  nullValues: z
    .array(z.string())
    .default([''])
    .describe('Unquoted texts that mean null; a quoted "" is an empty text, as in PostgreSQL.'),
  skipLines: z
    .int()
    .min(0)
    .max(1_000_000)
    .default(0)
    .describe('Lines before the header or the first record to leave out.'),
  maxRowBytes,
};

export const csvWriteOptions: Readonly<Record<keyof CsvWriteOptions, z.ZodType>> = {
  delimiter: delimiter.default(',').describe('What to put between fields.'),
  header: z.boolean().default(true).describe('Whether to write the column names first.'),
  nullValue: z.string().default('').describe('What to write for null, unquoted; an empty text is then written as "".'),
};
