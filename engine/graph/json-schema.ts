/** The JSON Schema of graph files, the options of every connector merged in, so that editors complete and check them. */
import { z } from 'zod';
import type { Connector } from './connector.ts';
import { graphSchema } from './schema.ts';

type Json = { [key: string]: unknown };

/** Draft 7, which editors' YAML support understands best. Each source and sink must name one of `connectors`. */
export function jsonSchema(connectors: readonly Connector[]): object {
  const schema = toJson(graphSchema);
  const spec = within(schema, 'properties', 'spec', 'properties');
  mergeConnectors(within(spec, 'sources', 'additionalProperties'), connectors, 'source');
  mergeConnectors(within(spec, 'sinks', 'additionalProperties'), connectors, 'sink');
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
    named.push({ required: [connector.name] });
  }
  entry.additionalProperties = false;
  if (named.length > 0) entry.oneOf = named;
}

function toJson(schema: z.ZodType): Json {
  return z.toJSONSchema(schema, { io: 'input', target: 'draft-7', unrepresentable: 'any' }) as Json;
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
