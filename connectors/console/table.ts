/**
 * Lays rows out as a table for a terminal. The widths settle from the first rows; a wider value later widens its column as far
 * as the terminal allows, and the header is then shown again. What does not fit is cut, and columns that do not fit at all
 * are left out and counted.
 */
import type { Schema } from '../../engine/batch/types.ts';
import { isRightAligned } from './cells.ts';
import { printable, shorten, textWidth } from './width.ts';

export type Row = readonly (string | undefined)[];

const GAP = 2;
const NARROWEST = 6;
const WIDEST = 60;
const NULL = 'null';
/** Rows after which the header is shown again. */
const HEADER_EVERY = 500;
/** Rows that must lie between two headers that widening asks for. */
const HEADER_GAP = 20;

export interface TableStyle {
  readonly title: string;
  readonly width: number;
  readonly color: boolean;
}

export class Table {
  readonly #names: readonly string[];
  readonly #right: readonly boolean[];
  readonly #style: TableStyle;
  /** Columns that each value would like. */
  readonly #wanted: number[];
  /** What each gets; undefined for those left out. */
  #widths: readonly (number | undefined)[] = [];
  #sinceHeader = Number.POSITIVE_INFINITY;
  #titled = false;

  constructor(schema: Schema, style: TableStyle) {
    this.#names = schema.fields.map((field) => printable(field.name));
    this.#right = schema.fields.map((field) => isRightAligned(field.type));
    this.#style = style;
    this.#wanted = this.#names.map((name) => Math.min(textWidth(name), WIDEST));
  }

  /** The rows' lines, with a header where one is due. */
  render(rows: readonly Row[]): string {
    if (rows.length === 0) return '';
    const widened = this.#widen(rows);
    let text = '';
    if (this.#sinceHeader >= HEADER_EVERY || (widened && this.#sinceHeader >= HEADER_GAP)) {
      text = this.#header();
      this.#sinceHeader = 0;
    }
    this.#sinceHeader += rows.length;
    for (const row of rows) text += this.#line(row);
    return text;
  }

  /** True where the widths had to change. */
  #widen(rows: readonly Row[]): boolean {
    let changed = this.#widths.length === 0;
    for (const row of rows) {
      for (let i = 0; i < row.length; i++) {
        const width = Math.min(textWidth(row[i] ?? NULL), WIDEST);
        if (width > (this.#wanted[i] as number)) {
          this.#wanted[i] = width;
          changed = true;
        }
      }
    }
    if (!changed) return false;
    const before = this.#widths;
    this.#widths = allot(this.#wanted, this.#style.width);
    return this.#widths.some((width, i) => width !== before[i]);
  }

  #header(): string {
    const { title } = this.#style;
    const hidden = this.#widths.filter((width) => width === undefined).length;
    const names = this.#cells(this.#names, (text) => this.#paint('1', text));
    const rules = this.#widths.filter((width) => width !== undefined).map((width) => '─'.repeat(width));
    const more = hidden > 0 ? `${' '.repeat(GAP)}… +${hidden}` : '';
    const heading = this.#titled ? '\n' : `${this.#paint('2', title)}\n`;
    this.#titled = true;
    return `${heading}${trimEnd(names)}${more}\n${this.#paint('2', rules.join(' '.repeat(GAP)))}\n`;
  }

  #line(row: Row): string {
    return `${trimEnd(this.#cells(row, (text) => text))}\n`;
  }

  #cells(row: Row, paint: (text: string) => string): string {
    let line = '';
    for (let i = 0; i < row.length; i++) {
      const width = this.#widths[i];
      if (width === undefined) continue;
      const value = row[i];
      const text = shorten(value ?? NULL, width);
      const pad = ' '.repeat(Math.max(0, width - textWidth(text)));
      const painted = value === undefined ? this.#paint('2', text) : paint(text);
      if (line !== '') line += ' '.repeat(GAP);
      line += this.#right[i] ? pad + painted : painted + pad;
    }
    return line;
  }

  #paint(code: string, text: string): string {
    return this.#style.color ? `\u001b[${code}m${text}\u001b[0m` : text;
  }
}

function trimEnd(line: string): string {
  return line.replace(/ +$/, '');
}

/** Shares `total` columns out: all that is wanted, else the widest give first, else the last columns go. */
function allot(wanted: readonly number[], total: number): readonly (number | undefined)[] {
  let shown = wanted.length;
  const least = wanted.map((width) => Math.min(width, NARROWEST));
  const room = (count: number): number => total - GAP * (count - 1) - (count < wanted.length ? GAP + 6 : 0);
  while (shown > 1 && sum(least.slice(0, shown)) > room(shown)) shown--;
  const widths = wanted.slice(0, shown);
  let excess = sum(widths) - room(shown);
  while (excess > 0) {
    const widest = Math.max(...widths);
    if (widest <= NARROWEST) break;
    const second = Math.max(NARROWEST, ...widths.filter((width) => width < widest));
    for (let i = 0; i < widths.length && excess > 0; i++) {
      if (widths[i] !== widest) continue;
      const cut = Math.min(excess, widest - second);
      widths[i] = widest - cut;
      excess -= cut;
    }
  }
  return wanted.map((_, i) => widths[i]);
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
