/** Lines of a screen: text with inks, cut to a width. What others have written (names, errors) cannot reach the terminal as control codes. */
import { type Ink, paint } from '../../output/paint.ts';

export interface Part {
  readonly text: string;
  readonly ink?: Ink | undefined;
}

export interface Line {
  readonly parts: readonly Part[];
  /** Shown in reverse, over the whole width. */
  readonly selected?: boolean;
}

export const EMPTY: Line = { parts: [] };

export function plain(text: string, ink?: Ink): Line {
  return { parts: [{ text, ink }] };
}

const REVERSE = '\u001b[7m';
const RESET = '\u001b[0m';

/** Characters that are no text: control codes of both kinds, and marks that turn the direction of writing. */
const UNPRINTABLE = /[\p{Cc}\p{Cf}\u2028\u2029]/gu;

export function printable(text: string): string {
  return text.replace(UNPRINTABLE, '?');
}

const CLEAR_REST = '\u001b[K';

/** As `render`; what stood behind the text before goes. In the last column clearing would take the character there with it. */
export function renderOver(line: Line, width: number, color: boolean): string {
  const length = line.parts.reduce((sum, { text }) => sum + text.length, 0);
  const text = render(line, width, color);
  return length < width && line.selected !== true ? `${text}${CLEAR_REST}` : text;
}

/** The line as a terminal takes it, at most `width` columns. */
export function render({ parts, selected = false }: Line, width: number, color: boolean): string {
  let left = width;
  let text = '';
  for (const part of parts) {
    const shown = printable(part.text).slice(0, left);
    left -= shown.length;
    text += part.ink === undefined || selected ? shown : paint(shown, part.ink, color);
  }
  return selected ? `${REVERSE}${text}${' '.repeat(left)}${RESET}` : text;
}

/** `text` with something on the right edge, where both fit. */
export function spread(left: readonly Part[], right: string, width: number): Line {
  const used = left.reduce((sum, { text }) => sum + text.length, 0);
  const gap = width - used - right.length;
  return { parts: gap < 2 ? left : [...left, { text: `${' '.repeat(gap)}${right}`, ink: 'dim' }] };
}
