/** The `memory` of an operator: what is said when its state is larger, its largest keys included. */
import { formatType } from '../../batch/types.ts';
import { type CloudskinError, externalError } from '../../errors.ts';
import type { AggregateStep, OperatorNode } from '../../graph/plan.ts';
import type { GroupSource } from './group-rows.ts';

/** Keys that are named, groups that are looked at for them, and characters of a key. */
const NAMED = 3;
const LOOKED_AT = 1_000_000;
const KEY_LENGTH = 60;
const MEBIBYTE = 1_048_576;

interface KeySize {
  windows: number;
  rows: bigint;
  bytes: number;
}

/** `groupBytes` is what a group takes without its texts. */
export function overLimit(
  operator: OperatorNode,
  step: AggregateStep,
  found: { readonly bytes: number; readonly groups: GroupSource; readonly groupBytes: number },
): CloudskinError {
  const { bytes, groups, groupBytes } = found;
  const limit = operator.memory?.bytes ?? 0;
  const named = namedKeys(step, groups, groupBytes);
  const size = `${mebibytes(bytes)} of state in ${groups.count} groups`;
  return externalError(
    'cell.memory-limit',
    `operator ${operator.name} keeps ${size}, more than its memory of ${mebibytes(limit)}${named}`,
    { hint: 'shorter windows, fewer keys or a smaller maxDelay need less; give it more memory, or let it evict' },
  );
}

/** `; its largest keys: ...`, or nothing where there are none. */
export function namedKeys(step: AggregateStep, groups: GroupSource, groupBytes: number): string {
  const keys = largestKeys(step, groups, groupBytes).map(
    ([key, { windows, rows }]) => `${key} (${windows} windows, ${rows} rows)`,
  );
  return keys.length === 0 ? '' : `; its largest keys: ${keys.join(', ')}`;
}

function mebibytes(bytes: number): string {
  return bytes < MEBIBYTE ? `${Math.ceil(bytes / 1024)} KiB` : `${(bytes / MEBIBYTE).toFixed(1)} MiB`;
}

function largestKeys(step: AggregateStep, groups: GroupSource, groupBytes: number): [string, KeySize][] {
  if (step.keys.length === 0) return [];
  const sizes = new Map<string, KeySize>();
  for (let group = 0; group < Math.min(groups.count, LOOKED_AT); group += 1) {
    const key = keyText(step, groups, group);
    const size = sizes.get(key) ?? { windows: 0, rows: 0n, bytes: 0 };
    size.windows += 1;
    size.rows += groups.rows(group);
    size.bytes += groupBytes + key.length;
    sizes.set(key, size);
  }
  const order = [...sizes].sort(
    ([, a], [, b]) => b.bytes - a.bytes || (a.rows < b.rows ? 1 : a.rows > b.rows ? -1 : 0),
  );
  return order
    .slice(0, NAMED)
    .map(([key, size]) => [key.length > KEY_LENGTH ? `${key.slice(0, KEY_LENGTH)}...` : key, size]);
}

function keyText({ keys }: AggregateStep, groups: GroupSource, group: number): string {
  return keys
    .map(({ name, expr }, index) => {
      const value = groups.key(group, index);
      if (!(value instanceof Uint8Array)) return `${name}=${value}`;
      return `${name}=${Buffer.from(value).toString(formatType(expr.type) === 'utf8' ? 'utf8' : 'hex')}`;
    })
    .join(', ');
}
