/** What a condition joins by AND, as expressions and as the user wrote it. */
import type { Expr, Span } from '../../expression/ir.ts';

export function conjunctsOf(condition: Expr): readonly Expr[] {
  return condition.node === 'and' ? condition.args.flatMap(conjunctsOf) : [condition];
}

const WORDS = /'(?:[^']|'')*'|"(?:[^"]|"")*"|[()[\]]|\band\b/gi;

/** Of the condition `text`, whose conjuncts are `all`, the parts that `some` of them are in, without the ANDs between the others. */
export function textOfSome(text: string, all: readonly Expr[], some: readonly Expr[]): string {
  const kept: string[] = [];
  const parts = partsOf(text, all);
  for (const [index, from] of parts.entries()) {
    const to = parts[index + 1] ?? text.length;
    if (!some.some(({ span }) => span.start >= from && span.start < to)) continue;
    const part = text.slice(from, to).trim();
    kept.push(index + 1 < parts.length ? part.slice(0, -'and'.length).trimEnd() : part);
  }
  return kept.join(' AND ');
}

/** The text of an expression in `text`, with the parentheses that close behind its last word. */
export function textAt(text: string, { start, end }: Span): string {
  let depth = 0;
  for (const [word] of text.slice(start, end).matchAll(WORDS)) depth += word === '(' ? 1 : word === ')' ? -1 : 0;
  const [closing = ''] = depth > 0 ? (/^(?:\s*\))+/.exec(text.slice(end)) ?? []) : [];
  const ends = [...closing.matchAll(/\)/g)].map(({ index }) => index + 1);
  return text.slice(start, end + (ends[depth - 1] ?? 0));
}

/** Where the text's parts begin: behind each AND outside of parentheses and quotes that a conjunct begins behind, which BETWEEN's is not. */
function partsOf(text: string, all: readonly Expr[]): readonly number[] {
  const begins = [0];
  let depth = 0;
  for (const { 0: word, index } of text.matchAll(WORDS)) {
    if (word === '(' || word === '[') depth += 1;
    else if (word === ')' || word === ']') depth -= 1;
    else if (depth === 0 && word.toLowerCase() === 'and') begins.push(index + word.length);
  }
  return begins.filter((begin, index) => {
    const end = begins[index + 1] ?? text.length;
    return index === 0 || all.some(({ span }) => span.start >= begin && span.start < end);
  });
}
