/** What the golden graphs are planned with: small connectors, files and components that answer by their name. */
import { z } from 'zod';
import type { Schema } from '../../../engine/batch/types.ts';
import { userError } from '../../../engine/errors.ts';
import type { Connector, Sink, Source } from '../../../engine/graph/connector.ts';
import type { PlanContext } from '../../../engine/graph/index.ts';

const format = z.enum(['csv', 'ndjson', 'json', 'arrow', 'parquet']).optional();
const neverOpened = (): Promise<Source & Sink> => Promise.reject(new Error('a plan opens nothing'));

const file: Connector = {
  name: 'file',
  summary: 'files',
  example: '',
  source: {
    options: z.strictObject({ path: z.string().min(1), format, follow: z.boolean().default(false) }),
    attachable: [
      { name: 'file', type: { kind: 'utf8' }, nullable: false },
      { name: 'line', type: { kind: 'int64' }, nullable: false },
    ],
    infer: () => Promise.reject(new Error('the context infers')),
    open: neverOpened,
  },
  sink: { options: z.strictObject({ path: z.string().min(1), format }), open: neverOpened },
};

const console: Connector = {
  name: 'console',
  summary: 'a table that people can read',
  example: '',
  sink: { options: z.strictObject({ rows: z.int().min(1).optional() }), open: neverOpened },
};

const generate: Connector = {
  name: 'generate',
  summary: 'rows made up',
  example: '',
  source: { options: z.strictObject({ rows: z.int().optional() }), attachable: [], open: neverOpened },
};

const opaque: Connector = {
  name: 'opaque',
  summary: 'rows of which nothing is known',
  example: '',
  source: { options: z.strictObject({}), attachable: [], open: neverOpened },
};

const list = { kind: 'foreign' as const, text: 'List<Utf8>', arrow: undefined };
const nested: Schema = {
  fields: [
    { name: 'id', type: { kind: 'int64' }, nullable: false },
    { name: 'tags', type: list, nullable: true },
  ],
};

export const testContext: PlanContext = {
  connectors: [file, console, generate, opaque],
  inferSchema(_source, _connector, options) {
    const { path } = options as { path: string };
    if (path === 'nested.arrow') return Promise.resolve(nested);
    return Promise.reject(userError('file.not-found', `there is no file ${path}`, { hint: 'paths count from the graph' }));
  },
  describeComponent(component, _config, inputs) {
    const name = component.split('/').at(-1);
    const input: Schema = [...inputs.values()][0] ?? { fields: [] };
    const untimed: Schema = { fields: input.fields };
    if (name === 'two.wasm') return Promise.resolve(new Map([['', input], ['rest', input]]));
    if (name === 'late.wasm') return Promise.resolve(new Map([['', input], ['late', input]]));
    if (name === 'untimed.wasm') return Promise.resolve(new Map([['', untimed]]));
    if (name === 'double.wasm') return Promise.resolve(new Map([['', input]]));
    return Promise.reject(userError('component.invalid', `${name} is no WebAssembly component`));
  },
};
