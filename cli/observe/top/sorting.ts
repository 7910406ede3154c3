/** What rows can be sorted by: the title of the column, and what of a row counts. Figures fall, names rise. */

export interface Order<T> {
  readonly title: string;
  readonly by: (row: T) => number | string;
}

export function sorted<T extends { readonly id: string }>(
  rows: readonly T[],
  order: Order<T> | undefined,
): readonly T[] {
  if (order === undefined) return rows;
  return rows.toSorted((a, b) => {
    const [x, y] = [order.by(a), order.by(b)];
    if (typeof x === 'string' || typeof y === 'string') return String(x).localeCompare(String(y));
    return y - x || a.id.localeCompare(b.id);
  });
}
