import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import type { Connector } from './connector.ts';
import { jsonSchema } from './json-schema.ts';
import { durationType } from './units.ts';

const never = (): Promise<never> => Promise.reject(new Error('not opened here'));
const connectors: readonly Connector[] = [
  {
    name: 'file',
    summary: 'files',
    example: '',
    source: {
      options: z.strictObject({ path: z.string(), follow: z.boolean().optional(), every: durationType.optional() }),
      attachable: [],
      open: never,
    },
    sink: { options: z.strictObject({ path: z.string() }), open: never },
  },
  { name: 'console', summary: 'a table', example: '', sink: { options: z.strictObject({}), open: never } },
];
const schema = jsonSchema(connectors) as z.core.JSONSchema.JSONSchema;
/** Stands in for an editor's validator. */
const accepts = (graph: unknown): boolean => z.fromJSONSchema(schema).safeParse(graph).success;

function graph(spec: object): unknown {
  return {
    apiVersion: 'cloudskin.dev/v1',
    kind: 'Dataflow',
    metadata: { name: 'case' },
    spec: { sources: { a: { file: { path: 'a.csv' } } }, sinks: { out: { from: 'a', console: {} } }, ...spec },
  };
}

describe('the JSON Schema', () => {
  it('accepts a graph, options left out where they may be', () => {
    expect(accepts(graph({}))).toBe(true);
    expect(accepts(graph({ sinks: { out: { from: ['a'], console: null } } }))).toBe(true);
    const minutes = {
      from: 'a',
      window: { tumbling: '1m' },
      groupBy: ['x'],
      aggregate: { n: 'count(*)' },
      late: 'drop',
    };
    expect(accepts(graph({ operators: { minutes } }))).toBe(true);
  });

  it.each([
    ['an unknown key', { operators: { b: { from: 'a', filtre: 'x' } } }],
    ['a bad duration', { operators: { b: { from: 'a', window: { tumbling: '1 min' }, aggregate: {} } } }],
    ['an unknown connector', { sinks: { out: { from: 'a', kafka: {} } } }],
    ['no connector', { sinks: { out: { from: 'a' } } }],
    ['two connectors', { sinks: { out: { from: 'a', console: {}, file: { path: 'x' } } } }],
    ['an unknown option', { sources: { a: { file: { path: 'a.csv', pat: 'x' } } } }],
    ['a missing option', { sources: { a: { file: {} } } }],
    ['a bad option', { sources: { a: { file: { path: 'a.csv', every: 'often' } } } }],
    ['a sink as a source', { sources: { a: { console: {} } } }],
    ['a name that is none', { operators: { A: { from: 'a' } } }],
  ])('refuses %s', (_what, spec) => {
    expect(accepts(graph(spec))).toBe(false);
  });

  it('accepts a parameter wherever a value stands', () => {
    const source = { file: { path: 'a.csv', follow: `\${FOLLOW:-true}`, every: `\${EVERY:-1s}` }, speed: `\${SPEED}` };
    expect(accepts(graph({ sources: { a: source }, checkpoint: { every: `\${EVERY}`, keep: `\${KEEP:-3}` } }))).toBe(
      true,
    );
  });

  it('tells editors what keys are for', () => {
    const text = JSON.stringify(schema);
    expect(text).toContain('a table');
    expect(text).toContain('How late rows may come');
    expect(text).toContain('http://json-schema.org/draft-07/schema#');
  });
});
