/** The options of `generate`, as a graph file writes them. */
import { z } from 'zod';
import { type DataType, parseType, TYPE_NAMES } from '../../engine/batch/types.ts';
import { positiveDurationType } from '../../engine/graph/units.ts';

/** How a column's values come about; exactly one of the first ten keys. */
export interface ColumnOptions {
  readonly time?: Record<string, never> | undefined;
  readonly constant?: string | number | boolean | undefined;
  readonly sequence?: { readonly start: number; readonly step: number } | undefined;
  readonly uniform?: { readonly min: number; readonly max: number } | undefined;
  readonly integers?: { readonly min: number; readonly max: number } | undefined;
  readonly normal?: { readonly mean: number; readonly deviation: number } | undefined;
  readonly sine?: SineOptions | undefined;
  readonly walk?: WalkOptions | undefined;
  readonly choice?: ChoiceOptions | undefined;
  readonly keys?: KeyOptions | undefined;
  readonly nulls: number;
  readonly type?: DataType | undefined;
}

export interface SineOptions {
  /** Microseconds of event time. */
  readonly period: bigint;
  readonly amplitude: number;
  readonly offset: number;
  readonly noise: number;
}

export interface WalkOptions {
  readonly start: number;
  readonly step: number;
  readonly min?: number | undefined;
  readonly max?: number | undefined;
}

export interface ChoiceOptions {
  readonly values: readonly (string | number | boolean)[];
  readonly weights?: readonly number[] | undefined;
}

export interface KeyOptions {
  readonly count: number;
  readonly prefix: string;
  readonly distribution: 'uniform' | 'zipf';
  readonly exponent: number;
}

export interface GenerateOptions {
  readonly rows?: number | undefined;
  readonly rate?: number | undefined;
  readonly seed: number;
  readonly start?: string | undefined;
  readonly interval?: bigint | undefined;
  readonly disorder?: { readonly fraction: number; readonly maxDelay: bigint } | undefined;
  readonly columns: Readonly<Record<string, ColumnOptions>>;
}

export const KINDS: readonly (keyof ColumnOptions)[] = [
  'time',
  'constant',
  'sequence',
  'uniform',
  'integers',
  'normal',
  'sine',
  'walk',
  'choice',
  'keys',
];

const fraction = z.number().min(0).max(1);
const finite = z.number();
const scalar = z.union([z.string(), z.number(), z.boolean()]);

const range = { min: finite.default(0), max: finite.default(1) };
const integerRange = { min: z.int().default(0), max: z.int().default(100) };

const choice = z.strictObject({
  values: z.array(scalar).min(1).max(100_000),
  weights: z
    .array(z.number().min(0))
    .optional()
    .describe('How often each is chosen, in proportion; all alike unless given.'),
});

const column = z
  .strictObject({
    time: z.strictObject({}).optional().describe('The event time: `start`, then `interval` later with every row.'),
    constant: scalar.optional().describe('The same value in every row.'),
    sequence: z
      .strictObject({ start: z.int().default(0), step: z.int().default(1) })
      .optional()
      .describe('Whole numbers: `start`, then `step` more with every row.'),
    uniform: z
      .strictObject(range)
      .refine(ordered, 'min must not exceed max')
      .optional()
      .describe('Any number from `min` (0) to below `max` (1), all equally likely.'),
    integers: z
      .strictObject(integerRange)
      .refine(ordered, 'min must not exceed max')
      .optional()
      .describe('Whole numbers from `min` (0) to `max` (100), all equally likely.'),
    normal: z
      .strictObject({ mean: finite.default(0), deviation: z.number().min(0).default(1) })
      .optional()
      .describe('The normal distribution with `mean` (0) and standard `deviation` (1).'),
    sine: z
      .strictObject({
        period: positiveDurationType.default(60_000_000n),
        amplitude: finite.default(1),
        offset: finite.default(0),
        noise: z.number().min(0).default(0),
      })
      .optional()
      .describe(
        'A sine over event time: `period` (1m), `amplitude` (1), `offset` (0), normal `noise` of that deviation (0).',
      ),
    walk: z
      .strictObject({
        start: finite.default(0),
        step: z.number().min(0).default(1),
        min: finite.optional(),
        max: finite.optional(),
      })
      .optional()
      .describe(
        'A random walk: from `start` (0) on by normal steps of deviation `step` (1), kept between `min` and `max`.',
      ),
    choice: z
      .union([
        z
          .array(scalar)
          .min(1)
          .max(100_000)
          .transform((values) => ({ values })),
        choice,
      ])
      .refine(
        ({ values, weights }: ChoiceOptions) => weights === undefined || weights.length === values.length,
        'as many weights as values are needed',
      )
      .refine(
        ({ weights }: ChoiceOptions) => weights === undefined || weights.some((weight) => weight > 0),
        'a weight must be above 0',
      )
      .optional()
      .describe('One of a list: `[a, b]`, or `{ values: [a, b], weights: [9, 1] }`.'),
    keys: z
      .strictObject({
        count: z.int().min(1).max(1_000_000).default(100),
        prefix: z.string().default('key-'),
        distribution: z.enum(['uniform', 'zipf']).default('uniform'),
        exponent: z.number().min(0).max(10).default(1),
      })
      .optional()
      .describe(
        'One of `count` (100) keys `key-0`, `key-1`, ...: `uniform`, or `zipf` with its `exponent` (1), key 0 the most frequent.',
      ),
    nulls: fraction.default(0).describe('Fraction of rows in which the column is null.'),
    type: z
      .string()
      .transform((text, context): DataType => {
        const type = parseType(text);
        if (type !== undefined) return type;
        context.addIssue({ code: 'custom', message: `"${text}" is no type; types are ${TYPE_NAMES.join(', ')}` });
        return z.NEVER;
      })
      .optional()
      .describe("The column's type, where the source has no schema and the usual one does not suit."),
  })
  .refine((entry) => KINDS.filter((kind) => entry[kind as keyof typeof entry] !== undefined).length === 1, {
    message: `exactly one of ${KINDS.join(', ')} says how values come about`,
  });

function ordered(range: { readonly min: number; readonly max: number }): boolean {
  return range.min <= range.max;
}

export const generateOptions: z.ZodType<GenerateOptions> = z.strictObject({
  rows: z.int().min(0).optional().describe('How many rows to make; without end unless given.'),
  rate: z
    .number()
    .positive()
    .max(1e9)
    .optional()
    .describe('Rows a second by the wall clock; as fast as it goes unless given.'),
  seed: z.int().min(0).default(1).describe('Whoever has the same seed gets the same rows.'),
  start: z.iso
    .datetime({ offset: true, local: true })
    .optional()
    .describe('Event time of the first row. 2024-01-01T00:00:00Z unless given; with a `rate` but no `rows`, now.'),
  interval: positiveDurationType
    .optional()
    .describe('Event time from one row to the next; by the `rate` unless given, and 1ms without one.'),
  disorder: z
    .strictObject({
      fraction: fraction.default(0.1).describe('Fraction of rows that come late; 0.1 unless given.'),
      maxDelay: positiveDurationType.default(10_000_000n).describe('How late at most; 10s unless given.'),
    })
    .optional()
    .describe('Rows whose event time is behind that of the rows before them.'),
  columns: z
    .record(z.string().min(1), column)
    .default({})
    .describe('How each column comes about; those of the schema that are not listed get values that suit their type.'),
}) as unknown as z.ZodType<GenerateOptions>;
