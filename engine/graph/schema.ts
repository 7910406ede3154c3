/**
 * The one schema of graph documents. It validates, it gives the types (`document.ts`, checked against it below, since
 * isolated declarations cannot be inferred), and `json-schema.ts` makes the JSON Schema of it.
 */
import { z } from 'zod';
import { type DataType, parseType } from '../batch/types.ts';
import type { GraphDocument, OperatorEntry, SinkEntry, SourceEntry } from './document.ts';
import { durationType, positiveDurationType, rateType, speedType } from './units.ts';

export const NAME_PATTERN: RegExp = /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/;

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

const expression = z.union([z.string(), z.number(), z.boolean()]).meta({ description: 'An SQL expression.' });
const expressions = z.record(z.string(), expression);

const dataType = z
  .string({ error: 'expected a type such as float64 or timestamp[ms]' })
  .transform((text, context): DataType => {
    const type = parseType(text);
    if (type !== undefined) return type;
    const other = OTHER_TYPE_NAMES[text.trim().toLowerCase()];
    context.addIssue({
      code: 'custom',
      message: `"${text}" is not a type`,
      params: { code: 'graph.unknown-type', of: text, ...(other === undefined ? {} : { hint: `write ${other}` }) },
    });
    return z.NEVER;
  });

const column = z.union([
  dataType.transform((type) => ({ type }) as { type: DataType; path?: string | undefined }),
  z.strictObject({ type: dataType, path: z.string().min(1).optional() }),
]);

const time = z.strictObject({
  column: z.string(),
  maxDelay: durationType.optional().meta({ description: 'How late rows may come before they count as late.' }),
  idleAfter: positiveDurationType.optional().meta({ description: 'Silence after which it holds nothing back.' }),
  maxDrift: positiveDurationType.optional().meta({ description: 'How far it may run ahead of the slowest source.' }),
});

const onError = z.enum(['fail', 'skip', 'divert']).optional();
const location = z.enum(['any', 'fixed']).optional();

const source = z
  .looseObject({
    schema: z.record(z.string(), column).optional(),
    time: time.optional(),
    attach: z.array(z.string()).optional(),
    orderBy: z.string().optional(),
    speed: speedType.optional(),
    onError,
    location,
  })
  .meta({ description: 'Where rows come from; the connector is the key, its options stand below it.' });

const operator = z
  .strictObject({
    from: z.union([z.string(), z.array(z.string()).min(1), z.record(z.string(), z.string())]),
    filter: expression.optional(),
    window: z.strictObject({ tumbling: positiveDurationType }).optional(),
    groupBy: z.union([z.array(expression), expressions]).optional(),
    aggregate: expressions.optional(),
    late: z.enum(['drop', 'divert']).optional(),
    component: z.string().min(1).optional(),
    config: z.record(z.string(), z.unknown()).optional(),
    having: expression.optional(),
    with: expressions.optional(),
    select: expressions.optional(),
    onError,
  })
  .meta({ description: 'filter, then one kind (aggregate or component), then having, then with or select.' });

const sink = z
  .looseObject({ from: z.union([z.string(), z.array(z.string()).min(1)]), location })
  .meta({ description: 'Where rows go; the connector is the key, its options stand below it.' });

const labels = z.record(z.string(), z.string()).optional();

const placement = z.strictObject({
  site: name.optional(),
  tier: z.enum(['edge', 'cloud']).optional(),
  device: z.enum(['cpu', 'gpu', 'fpga']).optional(),
  each: z.string().optional(),
});

const latency = z.strictObject({
  p50: positiveDurationType.optional(),
  p90: positiveDurationType.optional(),
  p95: positiveDurationType.optional(),
  p99: positiveDurationType.optional(),
  max: positiveDurationType.optional(),
});

const document = z.strictObject({
  $schema: z.string().optional(),
  apiVersion: z.literal('cloudskin.dev/v1'),
  kind: z.literal('Dataflow'),
  metadata: z.strictObject({ name, namespace: name.optional(), labels, annotations: labels }),
  spec: z.strictObject({
    parameters: z.record(z.string(), expression).optional(),
    sources: z.record(name, source),
    operators: z.record(name, operator).optional(),
    sinks: z.record(name, sink).optional(),
    placement: z.record(z.string(), placement).optional(),
    objectives: z
      .strictObject({ latency: latency.optional(), uplink: z.strictObject({ max: rateType }).optional() })
      .optional(),
    checkpoint: z.strictObject({ every: positiveDurationType, keep: z.int().min(1).max(1000).optional() }).optional(),
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
