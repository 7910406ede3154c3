/** Tables that fit: columns which matter less go first, then the widest name is cut. */
import type { Ink } from '../../output/paint.ts';
import { type Line, type Part, printable } from './line.ts';

export interface Cell {
  readonly text: string;
  readonly ink?: Ink | undefined;
}

export interface Column<T> {
  readonly title: string;
  readonly cell: (row: T) => string | Cell;
  /** Figures stand to the right. */
  readonly right?: boolean;
  /** Left out where there is no room; the greatest first. */
  readonly spare?: number;
  /** May be cut, down to eight characters. */
  readonly flexible?: boolean;
}

export interface TableOptions {
  readonly width: number;
  /** Number of the row that is shown in reverse. */
  readonly selected?: number | undefined;
  /** Title of the column that rows are sorted by. */
  readonly sorted?: string | undefined;
}

const GAP = 1;
const LEAST = 8;

/** The heading and a line for every row, each behind a mark of two characters. */
export function table<T>(columns: readonly Column<T>[], rows: readonly T[], options: TableOptions): readonly Line[] {
  const cells = rows.map((row) => new Map(columns.map((column) => [column, cellOf(column, row)] as const)));
  const widths = new Map(
    columns.map((column) => [
      column,
      Math.max(titleOf(column, options).length, ...cells.map((row) => row.get(column)?.text.length ?? 0)),
    ]),
  );
  const shown = fitted(columns, widths, options.width - 2);
  const heading = shown.map((column, index) => part(titleOf(column, options), column, widths, index, 'dim'));
  return [
    { parts: [{ text: '  ' }, ...heading] },
    ...cells.map((row, number) => {
      const selected = number === options.selected;
      const parts = shown.map((column, index) => {
        const { text, ink } = row.get(column) ?? { text: '' };
        return part(text, column, widths, index, ink);
      });
      return { parts: [{ text: selected ? '> ' : '  ' }, ...parts], selected };
    }),
  ];
}

function titleOf<T>({ title }: Column<T>, { sorted }: TableOptions): string {
  return title === sorted ? `${title}*` : title;
}

function cellOf<T>({ cell }: Column<T>, row: T): Cell {
  const made = cell(row);
  return typeof made === 'string' ? { text: printable(made) } : { ...made, text: printable(made.text) };
}

type Widths<T> = Map<Column<T>, number>;

function fitted<T>(columns: readonly Column<T>[], widths: Widths<T>, room: number): readonly Column<T>[] {
  const spare = columns.filter((one) => one.spare !== undefined).sort((a, b) => (b.spare ?? 0) - (a.spare ?? 0));
  let shown = columns;
  while (needed(shown, widths) > room && spare.length > 0) {
    const gone = spare.shift();
    shown = shown.filter((column) => column !== gone);
  }
  for (let over = needed(shown, widths) - room; over > 0; over = needed(shown, widths) - room) {
    const widest = shown
      .filter((column) => column.flexible === true && (widths.get(column) ?? 0) > LEAST)
      .sort((a, b) => (widths.get(b) ?? 0) - (widths.get(a) ?? 0))[0];
    if (widest === undefined) break;
    widths.set(widest, (widths.get(widest) ?? 0) - 1);
  }
  return shown;
}

function needed<T>(columns: readonly Column<T>[], widths: Widths<T>): number {
  return columns.reduce((sum, column) => sum + (widths.get(column) ?? 0) + GAP, -GAP);
}

function part<T>(text: string, column: Column<T>, widths: Widths<T>, index: number, ink: Ink | undefined): Part {
  const width = widths.get(column) ?? 0;
  const cut = text.length > width ? `${text.slice(0, width - 1)}~` : text;
  const gap = index === 0 ? '' : ' '.repeat(GAP);
  return { text: `${gap}${column.right === true ? cut.padStart(width) : cut.padEnd(width)}`, ink };
}
