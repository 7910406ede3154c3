/** Logical plans written by hand, for tests of what runs them; the connector is `scripted` throughout. */
import type { Schema } from '../../engine/batch/types.ts';
import type { Place } from '../../engine/errors.ts';
import {
  ERRORS_SCHEMA,
  type LogicalPlan,
  type OnError,
  type SourceNode,
  type Step,
  type StreamRef,
  type TimePolicy,
} from '../../engine/graph/plan.ts';

export const PLACE: Place = { file: '<test>', line: 1, column: 1 };

export interface SourceDraft {
  readonly schema: Schema;
  readonly time?: TimePolicy;
  readonly onError?: OnError;
  readonly orderBy?: string;
  readonly speed?: number;
}

export interface OperatorDraft {
  readonly from: readonly string[];
  readonly steps?: readonly Step[];
  /** The main output; the input's schema unless given. */
  readonly output?: Schema;
  readonly ports?: Readonly<Record<string, Schema>>;
}

export interface Draft {
  readonly sources: Readonly<Record<string, SourceDraft>>;
  readonly operators?: Readonly<Record<string, OperatorDraft>>;
  /** Sink name to the streams it reads. */
  readonly sinks: Readonly<Record<string, readonly string[]>>;
}

export function planOf(draft: Draft): LogicalPlan {
  const schemas = new Map<string, Schema>();
  const sources = Object.entries(draft.sources).map(([name, source]): SourceNode => {
    schemas.set(name, source.schema).set(`${name}.errors`, ERRORS_SCHEMA);
    const { onError = 'fail', ...rest } = source;
    return { name, connector: 'scripted', options: {}, paths: new Map(), attach: [], onError, ...rest, place: PLACE };
  });
  const schemaOf = (streams: readonly string[]): Schema => {
    const schema = schemas.get(streams[0] ?? '');
    if (schema === undefined) throw new Error(`nothing yields ${streams[0]}`);
    return schema;
  };
  const operators = Object.entries(draft.operators ?? {}).map(([name, operator]) => {
    const input = schemaOf(operator.from);
    const outputs = new Map([['', operator.output ?? input], ...Object.entries(operator.ports ?? {})]);
    for (const [port, schema] of outputs) schemas.set(port === '' ? name : `${name}.${port}`, schema);
    const inputs = operator.from.map(refOf);
    return { name, inputs, input, steps: operator.steps ?? [], outputs, onError: 'fail' as const, place: PLACE };
  });
  const sinks = Object.entries(draft.sinks).map(([name, from]) => {
    return { name, inputs: from.map(refOf), input: schemaOf(from), connector: 'scripted', options: {}, place: PLACE };
  });
  return { name: 'test', namespace: 'default', file: '<object>', sources, operators, sinks, warnings: [] };
}

function refOf(text: string): StreamRef {
  const [node = '', port = ''] = text.split('.');
  return { node, port };
}
