/** Says what a command waits for: one line a step, redrawn on a terminal, printed once elsewhere and only for what takes a while. */
import type { Terminal } from './terminal.ts';

/** Milliseconds before a step is worth a word where nothing can be redrawn. */
const WORTH_A_WORD = 1_000;
const CLEAR_LINE = '\r\u001b[K';

export class Progress {
  readonly #terminal: Terminal;
  readonly #quiet: boolean;
  #text = '';
  #said = '';
  #timer: NodeJS.Timeout | undefined;

  constructor(terminal: Terminal, quiet = false) {
    this.#terminal = terminal;
    this.#quiet = quiet;
  }

  /** What is being done, or waited for, now. */
  step(text: string): void {
    if (this.#quiet || text === this.#text) return;
    this.#text = text;
    if (this.#terminal.live) {
      this.#terminal.err(`${CLEAR_LINE}${text.slice(0, this.#terminal.width - 2)}…`);
      return;
    }
    this.#timer ??= setTimeout(() => this.#say(), WORTH_A_WORD).unref();
  }

  /** Takes the line away. */
  end(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (this.#terminal.live && this.#text !== '') this.#terminal.err(CLEAR_LINE);
    this.#text = '';
  }

  #say(): void {
    this.#timer = undefined;
    if (this.#text === this.#said) return;
    this.#said = this.#text;
    this.#terminal.err(`${this.#text}\n`);
  }
}
