/** A sink of the plan: what it reads, its connector and options. */
import { defined } from '../../defined.ts';
import type { SinkEntry } from '../document.ts';
import type { Entry } from '../parse.ts';
import type { SinkNode } from '../plan.ts';
import { OPERATOR_KEYS, SINK_KEYS } from '../schema.ts';
import { chooseConnector } from './connector-key.ts';
import type { Build } from './context.ts';
import type { Input } from './union.ts';
import { unionOf } from './union.ts';

const SIDE = { side: 'sink' as const, known: SINK_KEYS, elsewhere: OPERATOR_KEYS };

/** `inputs` is undefined where what it reads has errors. */
export function buildSink(
  entry: Entry<SinkEntry>,
  inputs: readonly Input[] | undefined,
  build: Build,
): SinkNode | undefined {
  const { value, path, dropped } = entry;
  if (value === undefined) return undefined;
  const chosen = chooseConnector(path, Object.keys(value), SIDE, build);
  const stream = inputs === undefined ? undefined : unionOf(inputs, build);
  if (chosen === undefined || stream === undefined || inputs === undefined || dropped.size > 0) return undefined;
  const promises = chosen.connector.sink?.delivery?.(chosen.options);
  return {
    name: entry.name,
    inputs: inputs.map(({ reference }) => reference.ref),
    input: stream.schema,
    connector: chosen.connector.name,
    options: chosen.options,
    ...defined({ promises, delivery: value.delivery }),
    ...(value.location === 'any' ? { location: 'any' as const } : {}),
    place: build.place(path),
  };
}
