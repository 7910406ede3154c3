/** Where a receiver of a durable channel goes on, as its snapshot keeps it. */
import type { Json } from '../../json.ts';
import type { Told } from './messages.ts';

export interface Position extends Told {
  readonly born: number;
  readonly after: number;
}

/** Of a snapshot. Throws TypeError where it is none. */
export function positionOf(snapshot: Json | undefined): Position {
  if (snapshot === undefined) return { born: 0, after: 0, rows: 0, lost: 0 };
  const { born, after, rows = 0, lost = 0 } = snapshot as { readonly [key in keyof Position]?: number };
  if (born !== undefined && after !== undefined && [born, after, rows, lost].every(Number.isSafeInteger)) {
    return { born, after, rows, lost };
  }
  throw new TypeError('no position of a durable channel');
}
