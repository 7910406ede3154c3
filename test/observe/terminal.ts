/** A terminal in memory: understands what `top` writes, and nothing else, so that anything else is seen. */
import type { Tty } from '../../cli/observe/top/screen.ts';

export class FakeTty implements Tty {
  columns: number;
  rows: number;
  isRaw = false;
  isAlternate = false;
  cursorVisible = true;
  /** Characters written since the last `take`. */
  written = 0;
  #cells: string[][] = [];
  #row = 0;
  #column = 0;
  #reverse = false;
  readonly #reversed = new Set<number>();
  #input: (bytes: string) => void = () => undefined;
  #resize: () => void = () => undefined;

  constructor(columns = 80, rows = 24) {
    this.columns = columns;
    this.rows = rows;
    this.#clear();
  }

  write(text: string): void {
    this.written += text.length;
    let rest = text;
    while (rest !== '') {
      const sequence = rest.startsWith('\u001b') ? /^.\[([?0-9;]*)([A-Za-z])/.exec(rest) : null;
      if (sequence !== null) this.#control(sequence[1] ?? '', sequence[2] ?? '');
      else this.#put(rest[0] ?? '');
      rest = rest.slice(sequence?.[0].length ?? 1);
    }
  }

  raw(on: boolean): void {
    this.isRaw = on;
  }

  onInput(listener: (bytes: string) => void): void {
    this.#input = listener;
  }

  onResize(listener: () => void): void {
    this.#resize = listener;
  }

  close(): void {
    this.#input = () => undefined;
    this.#resize = () => undefined;
  }

  /** As a user does. */
  press(bytes: string): void {
    this.#input(bytes);
  }

  resize(columns: number, rows: number): void {
    this.columns = columns;
    this.rows = rows;
    this.#clear();
    this.#resize();
  }

  get text(): string {
    return this.#cells.map((row) => row.join('').trimEnd()).join('\n');
  }

  line(row: number): string {
    return this.#cells[row]?.join('').trimEnd() ?? '';
  }

  /** The row in reverse. */
  get marked(): string {
    const [row] = [...this.#reversed];
    return row === undefined ? '' : this.line(row);
  }

  #control(parameters: string, final: string): void {
    const sequence = `${parameters}${final}`;
    const [first = 1, second = 1] = parameters.split(';').map(Number);
    if (final === 'H') [this.#row, this.#column] = [first - 1, second - 1];
    else if (sequence === 'K') this.#clearRest();
    else if (sequence === '2J') this.#clear();
    else if (final === 'm') this.#reverse = parameters === '7' || (this.#reverse && parameters !== '0');
    else if (parameters === '?1049') this.isAlternate = final === 'h';
    else if (parameters === '?25') this.cursorVisible = final === 'h';
    else if (parameters !== '?7' && parameters !== '?2026') throw new Error(`an unknown sequence: ${sequence}`);
  }

  #put(character: string): void {
    if (character < ' ') throw new Error(`a control character on the screen: ${character.charCodeAt(0)}`);
    const row = this.#cells[this.#row];
    if (row === undefined || this.#column >= this.columns) throw new Error(`beyond the edge: ${character}`);
    row[this.#column] = character;
    if (this.#column === 0) this.#reversed.delete(this.#row);
    if (this.#reverse) this.#reversed.add(this.#row);
    this.#column += 1;
  }

  #clearRest(): void {
    // Behind the last column a terminal's cursor stands on it.
    const from = Math.min(this.#column, this.columns - 1);
    this.#cells[this.#row]?.fill(' ', from);
    if (from === 0) this.#reversed.delete(this.#row);
  }

  #clear(): void {
    this.#cells = Array.from({ length: this.rows }, () => Array.from({ length: this.columns }, () => ' '));
    this.#reversed.clear();
  }
}
