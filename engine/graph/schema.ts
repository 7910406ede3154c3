/**
 * The one schema of graph documents. It validates, it gives the types (`document.ts`, checked against it below, since
 * isolated declarations cannot be inferred), and `json-schema.ts` makes the JSON Schema of it.
 */
import { z } from 'zod';
import { type DataType, parseType } from '../batch/types.ts';
import type { GraphDocument, OperatorEntry, SinkEntry, SourceEntry } from './document.ts';
import { durationType, positiveDurationType, rateType, sizeType, speedType } from './units.ts';

const NAME_PATTERN: RegExp = /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/;

/** The types that other systems call otherwise, for the hint. */
const OTHER_TYPE_NAMES: Readonly<Record<string, string>> = {
  string: 'utf8',
  text: 'utf8',
  varchar: 'utf8',
  str: 'utf8',
  int: 'int32 or int64',
  integer: 'int32 or int64',
  long: 'int64',
  bigint: 'int64',
  short: 'int16',
  byte: 'int8',
  float: 'float32 or float64',
  double: 'float64',
  number: 'float64',
  boolean: 'bool',
  bytes: 'binary',
  date: 'date32',
  timestamp: 'timestamp[ms] (or s, us, ns)',
  datetime: 'timestamp[ms] (or s, us, ns)',
  duration: 'duration[ms] (or s, us, ns)',
};

const name = z.string().regex(NAME_PATTERN, {
  error: 'must be a DNS label: lower-case letters, digits and hyphens, at most 63, no hyphen at either end',
});

const expression = z.union([z.string(), z.number(), z.boolean()]).describe('An SQL expression.');
const expressions = z.record(z.string(), expression);

const dataType = z
  .string({ error: 'expected a type such as float64 or timestamp[ms]' })
  .transform((text, context): DataType => {
    const type = parseType(text);
    const zone = type?.kind === 'timestamp' ? type.timezone : undefined;
    if (type !== undefined && (zone === undefined || isTimeZone(zone))) return type;
    if (zone !== undefined) {
      const params = { code: 'graph.unknown-time-zone', of: text, hint: 'write UTC, Europe/Madrid or +02:00' };
      context.addIssue({ code: 'custom', message: `there is no time zone "${zone}"`, params });
      return z.NEVER;
    }
    const other = OTHER_TYPE_NAMES[text.trim().toLowerCase()];
    context.addIssue({
      code: 'custom',
      message: `"${text}" is not a type`,
      params: { code: 'graph.unknown-type', of: text, ...(other === undefined ? {} : { hint: `write ${other}` }) },
    });
    return z.NEVER;
  });

function isTimeZone(name: string): boolean {
  try {
    new Intl.DateTimeFormat('en', { timeZone: name });
    return true;
  } catch {
    return false;
  }
}

const column = z.union([
  dataType.transform((type) => ({ type }) as { type: DataType; path?: string | undefined }),
  z.strictObject({ type: dataType, path: z.string().min(1).optional() }),
]);

const time = z.strictObject({
  column: z.string().describe('The column that says when a row happened, a timestamp.'),
  maxDelay: durationType.optional().describe('How late rows may come before they count as late; 0s unless given.'),
  idleAfter: positiveDurationType.optional().describe('Silence after which this source holds no watermark back.'),
  maxDrift: positiveDurationType.optional().describe('How far this source may run ahead of the slowest.'),
});

const onError = z
  .enum(['fail', 'skip', 'divert'])
  .optional()
  .describe('What becomes of a row that cannot be read or computed; diverted rows come out of NAME.errors.');

const parallelism = z
  .union([z.int().min(1).max(128), z.literal('auto', { error: 'expected a number from 1 to 128, or auto' })])
  .optional()
  .describe(
    'Partitions that it runs in, on worker threads and agents; auto: as many as there are workers. One unless given.',
  );
const onLimit = z
  .enum(['fail', 'evict'])
  .optional()
  .describe('At the limit: fail, naming the largest keys (the default), or emit the earliest windows and count.');
const memory = z
  .union([
    sizeType.transform((limit) => ({ limit }) as { limit: number; onLimit?: 'fail' | 'evict' | undefined }),
    z.strictObject({ limit: sizeType.describe('How much, such as 64MiB.'), onLimit }),
  ])
  .optional()
  .describe('How much its state may take: 64MiB, or { limit: 64MiB, onLimit: evict }.');
const durable = z
  .union([
    z.boolean(),
    z.strictObject({
      maxBytes: sizeType.optional().describe('How much may be kept for readers that are away; 256MiB unless given.'),
      onFull: z
        .enum(['block', 'dropOldest'])
        .optional()
        .describe('At that bound: what yields it waits (the default), or the oldest rows are dropped and counted.'),
    }),
  ])
  .optional()
  .describe('Its streams outlive it, kept by JetStream on its side of a link; they end its checkpoint region.');
const queue = sizeType
  .optional()
  .describe('How much of its streams may be under way to each reader on another worker.');
const stays = z
  .enum(['edge', 'cloud', 'anywhere'])
  .optional()
  .describe(
    'The tier that its rows, and all that is made of them, must not leave; anywhere: what it yields may leave again.',
  );
const run = { parallelism, memory, durable, queue, stays };

const location = z.enum(['any', 'fixed']).optional().describe('Whether it may move to another site.');
const streams = z.array(z.string()).min(1);

const source = z
  .looseObject({
    schema: z
      .record(z.string().min(1, 'must not be empty'), column)
      .optional()
      .describe('Columns and their types; inferred unless given.'),
    time: time.optional().describe('Event time; without it rows have none, and no window can stand on them.'),
    attach: z.array(z.string()).optional().describe('Columns of what the connector knows of a row, such as line.'),
    orderBy: z.string().optional().describe('Reads a bounded source whole and puts it in order of this column.'),
    speed: speedType.optional().describe('Replays by time: 60x is an hour in a minute. As fast as it goes: max.'),
    onError,
    journal: z
      .boolean()
      .optional()
      .describe('Writes rows down before they are acknowledged, for a source that cannot replay.'),
    ...run,
    location,
  })
  .describe('Where rows come from; the connector is the key, its options stand below it.');

const operator = z
  .strictObject({
    from: z
      .union([z.string(), streams, z.record(z.string(), z.string())])
      .describe(
        'What it reads: a name, a list (their union), or a map of aliases for a join, or a component of several inputs.',
      ),
    filter: expression.optional().describe('Keeps the input rows for which this SQL condition is true.'),
    window: z
      .strictObject({ tumbling: positiveDurationType.describe('Windows of this size, one after the other.') })
      .optional()
      .describe('The windows of event time that the aggregate or the join stands on.'),
    groupBy: z
      .union([z.array(expression), expressions])
      .optional()
      .describe(
        'The keys of the aggregate: a list of columns, or a map of names to SQL expressions. Of a component: columns by which its rows may be dealt to partitions.',
      ),
    aggregate: expressions.optional().describe('Columns computed of each group: count, sum, avg, min or max.'),
    join: z
      .strictObject({
        where: expression.describe('Which pairs of rows: an SQL condition with at least one equality of both sides.'),
      })
      .optional()
      .describe('Pairs of rows of two named inputs that fall into the same window.'),
    late: z
      .enum(['drop', 'divert'])
      .optional()
      .describe('What becomes of rows whose window has closed; diverted rows come out of NAME.late.'),
    component: z.string().min(1).optional().describe('A WebAssembly component: a path, or a standard operator.'),
    config: z.record(z.string(), z.unknown()).optional().describe('What the component is configured with.'),
    having: expression.optional().describe('Keeps the result rows for which this SQL condition is true.'),
    with: expressions.optional().describe('Adds columns, each an SQL expression.'),
    select: expressions.optional().describe('Names all columns of the result, each an SQL expression.'),
    onError,
    ...run,
  })
  .describe('filter, then one kind (aggregate, join or component), then having, then with or select.');

const sink = z
  .looseObject({
    from: z.union([z.string(), streams]).describe('What it reads: a name, or a list (their union).'),
    delivery: z
      .enum(['exactly-once', 'at-least-once'])
      .optional()
      .describe(
        'Insists on a guarantee: exactly-once is refused where it cannot be given; at-least-once may write at once.',
      ),
    location,
  })
  .describe('Where rows go; the connector is the key, its options stand below it.');

const labelsHint = 'expected a map of labels, as in { rack: "7", gpu: "" }';
const labels = z.record(z.string(), z.string(), { error: labelsHint }).optional();

const placement = z.strictObject({
  site: name.optional(),
  tier: z.enum(['edge', 'cloud']).optional(),
  labels: labels.describe('Labels that the agent must have.'),
  device: z.enum(['cpu', 'gpu', 'fpga']).optional(),
  each: z
    .string()
    .min(1)
    .optional()
    .describe(
      'A tier, a label or a label=value: runs once on every site that matches, rows of a source carrying site.',
    ),
  apart: z
    .array(z.string())
    .min(1)
    .optional()
    .describe('Nodes that no agent may run beside it; its own name: its partitions.'),
  rebuild: z
    .boolean()
    .optional()
    .describe('May go on elsewhere from the last checkpoint when its site cannot be reached.'),
});

const latency = z.strictObject({
  p50: positiveDurationType.optional(),
  p90: positiveDurationType.optional(),
  p95: positiveDurationType.optional(),
  p99: positiveDurationType.optional(),
  max: positiveDurationType.optional(),
});

const objectives = z.strictObject({
  latency: latency.optional().describe('How long a row may take from source to sink.'),
  uplink: z.strictObject({ max: rateType }).optional().describe('How much may leave the edge.'),
});

const checkpoint = z.strictObject({
  every: positiveDurationType,
  keep: z.int().min(1).max(1000).optional().describe('How many of the latest are kept.'),
  mode: z
    .enum(['exactly-once', 'at-least-once'])
    .optional()
    .describe('at-least-once does not hold channels back for barriers; rows may count twice after a recovery.'),
});

const document = z.strictObject({
  $schema: z.string().optional(),
  apiVersion: z.literal('cloudskin.dev/v1'),
  kind: z.literal('Dataflow'),
  metadata: z.strictObject({ name, namespace: name.optional(), labels, annotations: labels }),
  spec: z.strictObject({
    parameters: z
      .record(z.string(), expression)
      .optional()
      .describe('Defaults of parameters; --param and the environment come before them.'),
    sources: z.record(name, source),
    operators: z.record(name, operator).optional(),
    sinks: z.record(name, sink).optional(),
    placement: z
      .record(z.string(), placement)
      .optional()
      .describe('Where sources, operators and sinks run, by name; "*" for all that are not named.'),
    objectives: objectives.optional(),
    checkpoint: checkpoint.optional(),
  }),
});

/** Keys made required and writable, all the way down, so that a key one side lacks is a compile error. */
type Full<T> = T extends DataType | bigint | string | number | boolean
  ? T
  : T extends readonly (infer Item)[]
    ? Full<Item>[]
    : T extends object
      ? { -readonly [Key in keyof T]-?: Full<Exclude<T[Key], undefined>> }
      : T;
type Same<A, B> = [Full<A>] extends [Full<B>] ? ([Full<B>] extends [Full<A>] ? true : false) : false;
const typesAgree: Same<z.infer<typeof document>, GraphDocument> = true;
void typesAgree;

export const graphSchema: z.ZodType<GraphDocument> = document;
export const sourceSchema: z.ZodType<SourceEntry> = source;
export const operatorSchema: z.ZodType<OperatorEntry> = operator;
export const sinkSchema: z.ZodType<SinkEntry> = sink;

/** The keys of a source and of a sink besides the connector. */
export const SOURCE_KEYS: readonly string[] = Object.keys(source.shape);
export const SINK_KEYS: readonly string[] = Object.keys(sink.shape);
export const OPERATOR_KEYS: readonly string[] = Object.keys(operator.shape);
