/**
 * Problems as people read them:
 *
 *   graph.yaml:7:14: error graph.unknown-input: "reading" is no source or operator
 *       valid: { from: reading, filter: t > 3 }
 *                      ^^^^^^^
 *     did you mean "readings"?
 */
import type { Place, Problem } from '../errors.ts';

export interface ReportOptions {
  readonly color: boolean;
}

/** Characters of a source line that are shown around a problem. */
const WIDTH = 120;

/** One block a problem, an empty line between them, a line end after the last; `''` when there are none. */
export function formatProblems(problems: readonly Problem[], options: ReportOptions): string {
  if (problems.length === 0) return '';
  const paint = options.color ? colored : plain;
  return `${problems.map((each) => formatProblem(each, paint)).join('\n\n')}\n`;
}

type Paint = (style: 'red' | 'yellow' | 'bold' | 'dim', text: string) => string;

const CODES: Readonly<Record<string, string>> = { red: '31', yellow: '33', bold: '1', dim: '2' };
const plain: Paint = (_, text) => text;
const colored: Paint = (style, text) => `\u001b[${CODES[style]}m${text}\u001b[0m`;

function formatProblem({ severity, code, message, place, hint }: Problem, paint: Paint): string {
  const tone = severity === 'error' ? 'red' : 'yellow';
  const where = formatPlace(place);
  const head = `${where === '' ? '' : `${paint('bold', where)}: `}${paint(tone, severity)} ${code}: ${visible(message)}`;
  const lines = [head];
  if (place?.text !== undefined && place.line > 0)
    lines.push(...excerpt(place, place.text, (text) => paint(tone, text)));
  if (hint !== undefined) lines.push(paint('dim', `  ${visible(hint)}`));
  return lines.join('\n');
}

function formatPlace(place: Place | undefined): string {
  if (place === undefined) return '';
  if (place.line === 0) return place.path === undefined ? place.file : `${place.file}: ${visible(place.path)}`;
  return `${place.file}:${place.line}:${place.column}`;
}

/** The source line, cut to what surrounds the problem, and the carets under it. */
function excerpt(place: Place, text: string, paint: (text: string) => string): string[] {
  const start = place.column - 1;
  const first = text.length <= WIDTH ? 0 : Math.max(0, Math.min(start - WIDTH / 3, text.length - WIDTH));
  const from = Math.floor(first);
  const shown = text.slice(from, from + WIDTH);
  const indent = from > 0 ? '' : (/^ */.exec(shown)?.[0] ?? '');
  const cut = indent.slice(0, Math.min(indent.length, start));
  const before = shown.slice(cut.length, start - from);
  const length = Math.max(1, Math.min(place.length ?? 1, shown.length - (start - from)));
  const marked = shown.slice(start - from, start - from + length);
  const head = from > 0 ? '...' : '';
  const tail = from + WIDTH < text.length ? '...' : '';
  const carets = '^'.repeat(Math.max(1, columns(marked)));
  const pad = ' '.repeat(columns(head) + columns(before));
  return [`    ${head}${visible(shown.slice(cut.length))}${tail}`, `    ${pad}${paint(carets)}`];
}

/** Control and direction characters as pictures of themselves, so that no input steers the terminal. */
function visible(text: string): string {
  return text.replace(/\p{Cc}|\p{Bidi_Control}/gu, (character) => {
    const code = character.charCodeAt(0);
    if (character === '\t') return ' ';
    return code < 0x20 ? String.fromCharCode(0x2400 + code) : '\ufffd';
  });
}

/** Terminal columns: wide East Asian characters and emoji take two, combining marks none. */
function columns(text: string): number {
  let total = 0;
  for (const character of text) {
    if (/\p{Mark}|\p{Cf}/u.test(character) && !/\p{Bidi_Control}/u.test(character)) continue;
    total += WIDE.test(character) ? 2 : 1;
  }
  return total;
}

const WIDE =
  /\p{Emoji_Presentation}|[\u1100-\u115f\u2e80-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6]/u;
