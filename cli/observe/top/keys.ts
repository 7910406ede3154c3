/** Keys, from the bytes that terminals send for them. */
import type { Ports, Timer } from '../../../engine/ports.ts';

export type Key =
  | { readonly kind: 'up' | 'down' | 'page-up' | 'page-down' | 'home' | 'end' | 'enter' | 'back' | 'interrupt' }
  | { readonly kind: 'suspend' | 'redraw' }
  | { readonly kind: 'character'; readonly character: string };

type Named = Exclude<Key['kind'], 'character'>;

const SEQUENCES: Readonly<Record<string, Named>> = {
  '\u001b[A': 'up',
  '\u001b[B': 'down',
  '\u001b[C': 'enter',
  '\u001b[D': 'back',
  '\u001bOA': 'up',
  '\u001bOB': 'down',
  '\u001bOC': 'enter',
  '\u001bOD': 'back',
  '\u001b[5~': 'page-up',
  '\u001b[6~': 'page-down',
  '\u001b[H': 'home',
  '\u001b[F': 'end',
  '\u001b[1~': 'home',
  '\u001b[4~': 'end',
  '\r': 'enter',
  '\n': 'enter',
  '\u007f': 'back',
  '\b': 'back',
  '\u0003': 'interrupt',
  '\u0004': 'interrupt',
  '\u001a': 'suspend',
  '\f': 'redraw',
};
const LETTERS: Readonly<Record<string, Named>> = {
  k: 'up',
  j: 'down',
  l: 'enter',
  h: 'back',
  g: 'home',
  G: 'end',
};

const ESCAPE = '\u001b';
// What follows an escape: a whole sequence of any terminal, also of keys that mean nothing here; the beginning of one.
const WHOLE = /^(?:\[[0-9;?]*[ -/]*[@-~]|O[@-~])/;
const BEGUN = /^(?:\[[0-9;?]*[ -/]*|O)?$/;
/** Milliseconds after which an escape that nothing followed was the key itself. */
const PATIENCE = 60;

export class KeyReader {
  readonly #ports: Ports;
  readonly #hear: (key: Key) => void;
  #pending = '';
  #timer: Timer | undefined;

  constructor(ports: Ports, hear: (key: Key) => void) {
    this.#ports = ports;
    this.#hear = hear;
  }

  /** What came, in whatever pieces it did. */
  take(text: string): void {
    this.#timer?.cancel();
    this.#pending += text;
    while (this.#pending !== '' && this.#next());
    if (this.#pending === '') return;
    this.#timer = this.#ports.after(PATIENCE, () => {
      this.#pending = '';
      this.#hear({ kind: 'back' });
    });
  }

  close(): void {
    this.#timer?.cancel();
    this.#pending = '';
  }

  /** False where more has to come. */
  #next(): boolean {
    const text = this.#pending;
    if (!text.startsWith(ESCAPE)) {
      const [character = ''] = text;
      this.#pending = text.slice(character.length);
      const kind = SEQUENCES[character] ?? LETTERS[character];
      if (kind !== undefined) this.#hear({ kind });
      else if (character >= ' ') this.#hear({ kind: 'character', character });
      return true;
    }
    const rest = text.slice(ESCAPE.length);
    const [whole] = WHOLE.exec(rest) ?? [];
    if (whole === undefined && BEGUN.test(rest)) return false;
    this.#pending = rest.slice(whole?.length ?? 0);
    const kind = whole === undefined ? 'back' : SEQUENCES[`${ESCAPE}${whole}`];
    if (kind !== undefined) this.#hear({ kind });
    return true;
  }
}
