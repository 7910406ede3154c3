/**
 * The terminal while `top` has it: the alternate screen without a cursor, of which only lines that have changed are written, in one go, so that
 * nothing flickers and a slow line carries little. Whatever happens, `close` gives the terminal back as it was.
 */

/** What is written on and read from; `process.stdout` and `process.stdin` together are one. */
export interface Tty {
  write(text: string): void;
  readonly columns: number;
  readonly rows: number;
  /** Keys come one by one and are not echoed. */
  raw(on: boolean): void;
  onInput(listener: (bytes: string) => void): void;
  onResize(listener: () => void): void;
  /** Listens no more. */
  close(): void;
}

const ENTER = '\u001b[?1049h\u001b[?25l\u001b[?7l\u001b[2J';
const LEAVE = '\u001b[?7h\u001b[?25h\u001b[0m\u001b[?1049l';
const CLEAR_LINE = '\u001b[K';
/** Terminals that know it show all of a frame at once. */
const BEGIN = '\u001b[?2026h';
const END = '\u001b[?2026l';

export class Screen {
  readonly #tty: Tty;
  #lines: readonly string[] = [];
  #open = false;

  constructor(tty: Tty) {
    this.#tty = tty;
  }

  get width(): number {
    return Math.max(20, this.#tty.columns);
  }

  get height(): number {
    return Math.max(5, this.#tty.rows);
  }

  open(): void {
    if (this.#open) return;
    this.#open = true;
    this.#lines = [];
    this.#tty.raw(true);
    this.#tty.write(ENTER);
  }

  close(): void {
    if (!this.#open) return;
    this.#open = false;
    this.#tty.write(LEAVE);
    this.#tty.raw(false);
  }

  /** The next frame is written whole: the size has changed, or something else has written there. */
  forget(): void {
    this.#lines = [];
    if (this.#open) this.#tty.write('\u001b[2J');
  }

  /** Shows `lines`, which clear what stood behind them, from the top; what is below them is cleared. */
  draw(lines: readonly string[]): void {
    if (!this.#open) return;
    const { height } = this;
    let text = '';
    for (let row = 0; row < height; row++) {
      const line = lines[row] ?? CLEAR_LINE;
      if (this.#lines[row] !== line) text += `\u001b[${row + 1};1H${line}`;
    }
    this.#lines = Array.from({ length: height }, (_, row) => lines[row] ?? CLEAR_LINE);
    if (text !== '') this.#tty.write(`${BEGIN}${text}${END}`);
  }
}
