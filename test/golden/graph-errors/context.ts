/** What the golden graphs are planned with: the real connectors, one that knows nothing, and files and components that answer by name. */
import { z } from 'zod';
import { connectors } from '../../../connectors/registry.ts';
import type { Schema } from '../../../engine/batch/types.ts';
import { userError } from '../../../engine/errors.ts';
import type { Connector } from '../../../engine/graph/connector.ts';
import type { PlanContext } from '../../../engine/graph/index.ts';

const opaque: Connector = {
  name: 'opaque',
  summary: 'rows of which nothing is known',
  example: '',
  source: {
    options: z.strictObject({}),
    attachable: [],
    open: () => Promise.reject(new Error('a plan opens nothing')),
  },
};

const nested: Schema = {
  fields: [
    { name: 'id', type: { kind: 'int64' }, nullable: false },
    { name: 'tags', type: { kind: 'foreign', text: 'List<Utf8>', arrow: undefined }, nullable: true },
  ],
};

/** A few of them, so that reports do not change whenever there is one more. */
const known = ['file', 'nats', 'jetstream', 'postgres', 'generate', 'console'];

export const testContext: PlanContext = {
  connectors: [...connectors.filter(({ name }) => known.includes(name)), opaque],
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
