/**
 * What connectors of messages share: one message's bytes hold one or more rows in some form (json, ndjson, csv, arrow, senml). `decode.ts` turns
 * messages into batches, `encode.ts` batches into messages, `partition.ts` makes a source's partition of a feed of messages.
 */
import { z } from 'zod';
import { csvReadOptions, csvWriteOptions } from '../formats/csv/options.ts';
import type { Format } from '../formats/format.ts';
import { records } from '../formats/text/options.ts';

export type PayloadName = 'json' | 'ndjson' | 'csv' | 'arrow' | 'senml';

const payloadNames: readonly PayloadName[] = ['json', 'ndjson', 'csv', 'arrow', 'senml'];

/** How messages are read; `given` are options of the form that were given, parsed. */
export interface PayloadRead {
  readonly format: PayloadName;
  readonly given: Readonly<Record<string, unknown>>;
}

export interface PayloadWrite extends PayloadRead {
  /** What a message holds: one row, or the rows of a batch. */
  readonly per: 'row' | 'batch';
}

type Shape = Readonly<Record<string, z.ZodType>>;

const { maxRowBytes: _unused, ...csvRead } = csvReadOptions;

/** Options of one form only, which stand beside the connector's own. */
const READ: Readonly<Record<PayloadName, Shape>> = {
  json: { records },
  ndjson: {},
  csv: csvRead,
  arrow: {},
  senml: {},
};

const WRITE: Readonly<Record<PayloadName, Shape>> = {
  json: {},
  ndjson: {},
  csv: csvWriteOptions,
  arrow: {},
  senml: {},
};

const format = z
  .enum(payloadNames)
  .default('json')
  .describe(
    'What a message holds: `json`, an object or an array of them; `ndjson`, an object a line; `csv`; `arrow`, an IPC stream or file; `senml`, a pack of RFC 8428 with the columns name, unit, time, value, string, bool, data, sum, updateTime. json unless given.',
  );

const per = z
  .enum(['row', 'batch'])
  .optional()
  .describe('Whether a message holds one row or as many as come together; `row` for json unless given, else `batch`.');

/** The connector's own options and those of payloads to be read: what it parses to has `payload`, a `PayloadRead`. */
export function withPayloadRead(own: Shape): z.ZodType {
  return withPayload(own, { format }, READ, (values, given) => ({ format: values.format, given }));
}

/** As `withPayloadRead`, of payloads to be written: `payload` is a `PayloadWrite`. */
export function withPayloadWrite(own: Shape): z.ZodType {
  return withPayload(own, { format, per }, WRITE, (values, given) => ({
    format: values.format,
    per: values.per ?? (values.format === 'json' ? 'row' : 'batch'),
    given,
  }));
}

function withPayload(
  own: Shape,
  common: Shape,
  theirs: Readonly<Record<PayloadName, Shape>>,
  make: (values: Readonly<Record<string, unknown>>, given: Readonly<Record<string, unknown>>) => unknown,
): z.ZodType {
  const special: Record<string, z.ZodType> = {};
  for (const shape of Object.values(theirs)) for (const [key, type] of Object.entries(shape)) special[key] = bare(type);
  return z.strictObject({ ...special, ...common, ...own }).transform((parsed, context) => {
    const values: Record<string, unknown> = {};
    const given: Record<string, unknown> = {};
    for (const [key, value] of Object.entries(parsed)) {
      if (!(key in special)) values[key] = value;
      else if (value !== undefined) given[key] = value;
    }
    const chosen = theirs[values.format as PayloadName];
    for (const key of Object.keys(given)) {
      if (key in chosen) continue;
      const owners = payloadNames.filter((name) => key in theirs[name]).join(', ');
      const message = `"${key}" is an option of ${owners}, and these messages are ${values.format}`;
      context.addIssue({ code: 'custom', path: [key], message, params: { code: 'payload.wrong-option' } });
    }
    const { format: _format, per: _per, ...rest } = values;
    return { ...rest, payload: make(values, given) };
  });
}

/** Without its default, which is filled in once the form is known, so that what was given can be told. */
function bare(type: z.ZodType): z.ZodType {
  const { description } = type;
  const inner = type instanceof z.ZodDefault ? (type.unwrap() as z.ZodType) : type;
  const optional = inner instanceof z.ZodOptional ? inner : inner.optional();
  return description === undefined ? optional : optional.describe(description);
}

/** The options of a format with its defaults. */
export function filled(shape: Format['readOptions'], given: Readonly<Record<string, unknown>>): unknown {
  const entries = Object.entries(shape).map(([key, type]) => [key, given[key] ?? type.parse(undefined)]);
  return Object.fromEntries(entries);
}
