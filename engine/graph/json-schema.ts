/** The JSON Schema of graph files, the options of every connector merged in, so that editors complete and check them. */

import { z } from 'zod';
import { defined } from '../defined.ts';
import type { Connector } from './connector.ts';
import { graphSchema } from './schema.ts';

type Json = { [key: string]: unknown };

/** Draft 7, which editors' YAML support understands best. Each source and sink must name one of `connectors`. */
export function jsonSchema(connectors: readonly Connector[]): object {
  const schema = toJson(graphSchema);
  const spec = within(schema, 'properties', 'spec', 'properties');
  mergeConnectors(within(spec, 'sources', 'additionalProperties'), connectors, 'source');
  mergeConnectors(within(spec, 'sinks', 'additionalProperties'), connectors, 'sink');
  allowParameters(spec);
  return { ...schema, title: 'CloudSkin dataflow graph' };
}

function mergeConnectors(entry: Json, connectors: readonly Connector[], side: 'source' | 'sink'): void {
  const properties = within(entry, 'properties');
  const named: Json[] = [];
  for (const connector of connectors) {
    const options = connector[side]?.options;
    if (options === undefined) continue;
    // Options may be left out altogether: `console:` with nothing behind it.
    const accepts = options.safeParse({}).success;
    const { $schema: _, ...json } = toJson(options);
    const described = { description: connector.summary, ...json };
    properties[connector.name] = accepts ? { anyOf: [described, { type: 'null' }] } : described;
    // With type and property, since some validators look at `required` only beside them.
    named.push({ type: 'object', required: [connector.name], properties: { [connector.name]: {} } });
  }
  entry.additionalProperties = false;
  if (named.length > 0) entry.oneOf = named;
}

function toJson(schema: z.ZodType): Json {
  return z.toJSONSchema(schema, { io: 'input', target: 'draft-7', unrepresentable: 'any' }) as Json;
}

/** Where a number, a boolean, one of some words or a text of some form is wanted, a text with a parameter may stand too. */
function allowParameters(schema: Json): void {
  for (const [key, value] of Object.entries(schema)) {
    if (typeof value !== 'object' || value === null) continue;
    // The names of things are never substituted.
    if (key !== 'propertyNames') allowParameters(value as Json);
  }
  const { type, description, ...rest } = schema;
  const restricted =
    type === 'number' || type === 'integer' || type === 'boolean' || (type === 'string' && isRestricted(rest));
  if (!restricted) return;
  const wanted = { type, ...rest };
  for (const key of Object.keys(schema)) delete schema[key];
  Object.assign(schema, defined({ description }), { anyOf: [wanted, PARAMETER] });
}

const PARAMETER: Json = { type: 'string', pattern: '\\$\\{[^{}]*\\}' };

function isRestricted(rest: Json): boolean {
  return rest.pattern !== undefined || rest.enum !== undefined || rest.const !== undefined || rest.format !== undefined;
}

/** The object at `path`, created where it is missing. */
function within(root: Json, ...path: readonly string[]): Json {
  let at = root;
  for (const key of path) {
    const next = at[key];
    const child: Json = typeof next === 'object' && next !== null ? (next as Json) : {};
    at[key] = child;
    at = child;
  }
  return at;
}
