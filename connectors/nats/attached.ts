/** Columns that the sources of messages attach. */
import type { Value } from '../../engine/batch/types.ts';
import type { Headers } from '../../engine/nats/nats.ts';

/** The values of the columns that a source attaches, by what it knows of a message. */
export function attachedValues(attach: readonly string[], known: Readonly<Record<string, () => Value>>): Value[] {
  return attach.map((name) => known[name]?.() ?? null);
}

/** A JSON object; null where there are none. */
export function headersText(headers: Headers): string | null {
  return Object.keys(headers).length === 0 ? null : JSON.stringify(headers);
}
