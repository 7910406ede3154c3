/**
 * One bar a row: a label and a number, drawn to the scale of the largest. A bounded run draws at its end, when the largest is known;
 * an unbounded one draws each row as it comes, to the scale of what it has seen.
 *
 *     Earthquakes a day
 *     2018-02-01  ████████████████████▌           210
 *     2018-02-02  █████████████████████████████   301
 */

import type { Batch } from '../../engine/batch/batch.ts';
import { readValue } from '../../engine/batch/reader.ts';
import { byteWidth, type Schema } from '../../engine/batch/types.ts';
import { defined } from '../../engine/defined.ts';
import { userError } from '../../engine/errors.ts';
import type { Sink, SinkContext, SinkReport } from '../../engine/graph/connector.ts';
import { didYouMean } from '../../engine/graph/suggest.ts';
import { type CellText, cellText } from './cells.ts';
import { textWidth } from './width.ts';

/** Bars that a bounded run holds for its end; more are counted. */
const HELD = 1000;
const EIGHTHS = ['', '▏', '▎', '▍', '▌', '▋', '▊', '▉'];
const MOST_COLUMNS = 60;

interface Bar {
  readonly label: string;
  readonly value: number;
  readonly text: string;
}

export interface BarsOptions {
  readonly title: string | undefined;
  readonly label: string | undefined;
  readonly value: string | undefined;
}

export class BarsSink implements Sink {
  readonly #context: SinkContext;
  readonly #title: string;
  readonly #label: number;
  readonly #value: number;
  readonly #held: Bar[] = [];
  #rows = 0;
  #largest = 0;
  #titled = false;

  constructor(schema: Schema, options: BarsOptions, context: SinkContext) {
    this.#context = context;
    this.#title = options.title ?? context.name;
    this.#label = columnOf(schema, options.label ?? schema.fields[0]?.name ?? '', context);
    this.#value = columnOf(schema, options.value ?? lastNumber(schema) ?? '', context);
    const type = schema.fields[this.#value]?.type;
    if (type === undefined || byteWidth(type) === 0) {
      const message = `sink ${context.name}: bars need a number, and ${options.value} is ${type?.kind}`;
      throw userError('console.not-a-number', message);
    }
  }

  write(batch: Batch): void | Promise<void> {
    const label = cellText(batch, this.#label);
    const value = cellText(batch, this.#value);
    const bars = Array.from({ length: batch.rows }, (_, row) => this.#bar(batch, row, label, value));
    this.#rows += batch.rows;
    if (!this.#context.bounded) return this.#print(bars);
    this.#held.push(...bars.slice(0, HELD - this.#held.length));
  }

  async close(): Promise<SinkReport> {
    if (this.#held.length > 0) await this.#print(this.#held);
    const hidden = this.#rows - this.#held.length;
    if (this.#context.bounded && hidden > 0) await this.#context.stdout(`… and ${hidden} more rows\n`);
    return { rows: this.#rows, wrote: [] };
  }

  async abort(): Promise<void> {}

  #bar(batch: Batch, row: number, label: CellText, value: CellText): Bar {
    const number = Number(readValue(batch, this.#value, row) ?? 0);
    const size = Number.isFinite(number) ? Math.max(0, number) : 0;
    this.#largest = Math.max(this.#largest, size);
    return { label: label(row) ?? 'null', value: size, text: value(row) ?? 'null' };
  }

  #print(bars: readonly Bar[]): void | Promise<void> {
    const labels = Math.max(...bars.map((bar) => textWidth(bar.label)));
    const figures = Math.max(...bars.map((bar) => bar.text.length));
    const columns = Math.max(8, Math.min(MOST_COLUMNS, this.#context.width - labels - figures - 4));
    const [on, off] = this.#context.color ? ['\u001b[36m', '\u001b[0m'] : ['', ''];
    const lines = bars.map(({ label, value, text }) => {
      const drawn = barText(value / (this.#largest || 1), columns);
      const gap = ' '.repeat(columns - textWidth(drawn));
      const left = `${label}${' '.repeat(labels - textWidth(label))}`;
      return `${left}  ${on}${drawn}${off}${gap}  ${text.padStart(figures)}\n`;
    });
    const title = this.#titled ? '' : `${this.#title}\n`;
    this.#titled = true;
    return this.#context.stdout(`${title}${lines.join('')}\n`);
  }
}

/** `share` (0 to 1) of `columns`, to an eighth of a column. */
function barText(share: number, columns: number): string {
  const eighths = Math.round(share * columns * 8);
  return '█'.repeat(eighths >> 3) + (EIGHTHS[eighths & 7] ?? '');
}

function columnOf(schema: Schema, name: string, context: SinkContext): number {
  const index = schema.fields.findIndex((field) => field.name === name);
  if (index >= 0) return index;
  const names = schema.fields.map((field) => field.name);
  const hint = didYouMean(name, names);
  const message = `sink ${context.name}: there is no column ${name} to draw`;
  throw userError('console.unknown-column', message, defined({ hint }));
}

function lastNumber(schema: Schema): string | undefined {
  return schema.fields.findLast(({ type }) => byteWidth(type) > 0 && type.kind !== 'timestamp')?.name;
}
