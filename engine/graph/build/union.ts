/** Several streams read as one: they must have one schema. */

import { type Field, formatType, type Schema, sameType } from '../../batch/types.ts';
import { defined } from '../../defined.ts';
import type { Build } from './context.ts';
import type { Reference } from './reference.ts';
import type { Stream } from './stream.ts';

export interface Input {
  readonly reference: Reference;
  readonly stream: Stream;
}

/** The union's stream; undefined where the schemas differ, which is then reported at the stream that differs. */
export function unionOf(inputs: readonly Input[], build: Build): Stream | undefined {
  const [first, ...rest] = inputs;
  if (first === undefined) return undefined;
  let schema = first.stream.schema;
  let same = true;
  for (const input of rest) {
    const difference = differs(first, input);
    if (difference === undefined) {
      schema = {
        ...schema,
        fields: schema.fields.map((field, index) => eitherNull(field, input.stream.schema, index)),
      };
      continue;
    }
    const message = `a union needs one schema: ${difference}`;
    build.atValue(input.reference.path, 'graph.union-schema', message, 'give both the same columns with select');
    same = false;
  }
  return same ? { ...timeOf(inputs, first.stream), schema } : undefined;
}

function timeOf(inputs: readonly Input[], first: Stream): Omit<Stream, 'schema'> {
  const refusing = inputs.find(({ stream }) => stream.noWindow !== undefined);
  if (refusing?.stream.noWindow !== undefined) return { noWindow: refusing.stream.noWindow };
  const grids = new Set(inputs.map(({ stream }) => stream.grid));
  if (grids.size === 1) return defined({ grid: first.grid });
  return {
    noWindow: {
      code: 'graph.mixed-time',
      message: 'the streams of this union come from windows of different sizes, or some from none',
      hint: 'aggregate each of them before the union',
    },
  };
}

function eitherNull(field: Field, other: Schema, index: number): Field {
  return field.nullable || other.fields[index]?.nullable !== true ? field : { ...field, nullable: true };
}

/** The first difference, in words. */
function differs(first: Input, other: Input): string | undefined {
  const a = first.stream.schema;
  const b = other.stream.schema;
  const [left, right] = [nameOf(first), nameOf(other)];
  for (const [index, field] of a.fields.entries()) {
    const found = b.fields[index];
    if (found?.name !== field.name) {
      const elsewhere = b.fields.some(({ name }) => name === field.name);
      if (!elsewhere) return `"${right}" has no column "${field.name}", which "${left}" has`;
      return `column ${index + 1} is "${field.name}" in "${left}" and "${found?.name}" in "${right}"`;
    }
    if (!sameType(found.type, field.type)) {
      return `"${field.name}" is ${formatType(field.type)} in "${left}" and ${formatType(found.type)} in "${right}"`;
    }
  }
  const extra = b.fields[a.fields.length];
  if (extra !== undefined) return `"${right}" has a column "${extra.name}", which "${left}" has not`;
  if (a.time === b.time) return undefined;
  return `the time column is ${timeName(a)} in "${left}" and ${timeName(b)} in "${right}"`;
}

function timeName(schema: Schema): string {
  const field = schema.time === undefined ? undefined : schema.fields[schema.time];
  return field === undefined ? 'not given' : `"${field.name}"`;
}

function nameOf({ reference: { ref } }: Input): string {
  return ref.port === '' ? ref.node : `${ref.node}.${ref.port}`;
}
