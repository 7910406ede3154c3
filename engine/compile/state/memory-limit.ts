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
  /** The last one. */
  window: unknown;
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
  return step.keys.length === 0 ? '' : largestOf(keptGroups(step, groups, groupBytes));
}

/** A row or a group that is kept; `window` tells windows apart. Those of one window come one after the other. */
export interface Kept {
  readonly key: string;
  readonly window: unknown;
  readonly rows: bigint;
  readonly bytes: number;
}

/** As `namedKeys`, of anything that is kept by key. */
export function largestOf(all: Iterable<Kept>): string {
  const sizes = new Map<string, KeySize>();
  let count = 0;
  for (const { key, window, rows, bytes } of all) {
    count += 1;
    if (count > LOOKED_AT) break;
    const size = sizes.get(key) ?? { windows: 0, window: undefined, rows: 0n, bytes: 0 };
    if (size.windows === 0 || size.window !== window) size.windows += 1;
    size.window = window;
    size.rows += rows;
    size.bytes += bytes;
    sizes.set(key, size);
  }
  const order = [...sizes].sort(
    ([, a], [, b]) => b.bytes - a.bytes || (a.rows < b.rows ? 1 : a.rows > b.rows ? -1 : 0),
  );
  const named = order.slice(0, NAMED).map(([key, { windows, rows }]) => {
    return `${key.length > KEY_LENGTH ? `${key.slice(0, KEY_LENGTH)}...` : key} (${windows} windows, ${rows} rows)`;
  });
  return named.length === 0 ? '' : `; its largest keys: ${named.join(', ')}`;
}

export function mebibytes(bytes: number): string {
  return bytes < MEBIBYTE ? `${Math.ceil(bytes / 1024)} KiB` : `${(bytes / MEBIBYTE).toFixed(1)} MiB`;
}

function* keptGroups(step: AggregateStep, groups: GroupSource, groupBytes: number): Generator<Kept> {
  for (let group = 0; group < groups.count; group += 1) {
    const key = keyText(step, groups, group);
    yield { key, window: group, rows: groups.rows(group), bytes: groupBytes + key.length };
  }
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
