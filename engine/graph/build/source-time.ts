/** The event time of a source: which column, and what windows over a source without one are told. */

import { formatType, type Schema } from '../../batch/types.ts';
import { defined } from '../../defined.ts';
import type { SourceEntry, TimeEntry } from '../document.ts';
import type { Entry } from '../parse.ts';
import type { TimePolicy } from '../plan.ts';
import { didYouMean } from '../suggest.ts';
import type { Path } from '../tree.ts';
import type { Build } from './context.ts';
import type { Stream } from './stream.ts';

/** Undefined after reporting that the column is missing or no timestamp. */
export function timePolicy(path: Path, time: TimeEntry, schema: Schema, build: Build): TimePolicy | undefined {
  const at = [...path, 'time', 'column'];
  const column = schema.fields.findIndex(({ name }) => name === time.column);
  const field = schema.fields[column];
  if (field === undefined) {
    const hint = didYouMean(
      time.column,
      schema.fields.map(({ name }) => name),
    );
    build.atValue(at, 'graph.unknown-column', `there is no column "${time.column}"`, hint);
    return undefined;
  }
  if (field.type.kind !== 'timestamp') {
    const message = `a time column is a timestamp, and "${field.name}" is ${formatType(field.type)}`;
    build.atValue(at, 'graph.time-type', message, `give it a type such as timestamp[ms] in schema`);
    return undefined;
  }
  return {
    column,
    maxDelay: time.maxDelay ?? 0n,
    ...defined({ idleAfter: time.idleAfter, maxDrift: time.maxDrift }),
  };
}

/** The source's stream; without `time`, windows over it are refused with the columns that could be meant. */
export function sourceStream({ name }: Entry<SourceEntry>, schema: Schema): Stream {
  if (schema.time !== undefined) return { schema };
  const candidates = schema.fields.filter(({ type }) => type.kind === 'timestamp').map((field) => field.name);
  const [only] = candidates;
  if (candidates.length > 1) {
    const message = `the source "${name}" does not say which of ${candidates.join(', ')} is its time`;
    return {
      schema,
      noWindow: { code: 'graph.ambiguous-time', message, hint: `add time: { column: ${only} }, or another` },
    };
  }
  const message = `the source "${name}" names no time column`;
  const hint =
    only === undefined ? 'give it a timestamp column, and time: { column: ... }' : `add time: { column: ${only} }`;
  return { schema, noWindow: { code: 'graph.no-time', message, hint } };
}
