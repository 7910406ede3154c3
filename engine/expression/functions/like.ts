/** LIKE, as PostgreSQL matches it: by backtracking over the last `%` only, which suffices because `%` matches anything. */
import { fail } from '../define.ts';
import { characters } from './text-kit.ts';

type Token = { readonly kind: 'any' } | { readonly kind: 'one' } | { readonly kind: 'char'; readonly char: string };

/** A pattern is compiled once; constant patterns are the rule. */
const compiled = new Map<string, readonly Token[]>();
const MAX_COMPILED = 256;

/** Whether the whole of `text` matches. An escape of several characters, or one that ends the pattern, is an `invalidArgument`. */
export function like(text: string, pattern: string, escapeChar: string): boolean {
  const key = `${escapeChar}\0${pattern}`;
  let tokens = compiled.get(key);
  if (tokens === undefined) {
    tokens = compile(pattern, escapeChar);
    if (compiled.size >= MAX_COMPILED) compiled.clear();
    compiled.set(key, tokens);
  }
  return matches(characters(text), tokens);
}

function compile(pattern: string, escapeChar: string): readonly Token[] {
  if (characters(escapeChar).length > 1) return fail('invalidArgument');
  const tokens: Token[] = [];
  const chars = characters(pattern);
  for (let i = 0; i < chars.length; i += 1) {
    const char = chars[i] ?? '';
    if (char === escapeChar) {
      i += 1;
      tokens.push({ kind: 'char', char: chars[i] ?? fail('invalidArgument') });
    } else if (char === '%') tokens.push({ kind: 'any' });
    else if (char === '_') tokens.push({ kind: 'one' });
    else tokens.push({ kind: 'char', char });
  }
  return tokens;
}

function matches(text: readonly string[], tokens: readonly Token[]): boolean {
  let at = 0;
  let token = 0;
  let restartAt = 0;
  let restartToken = -1;
  while (at < text.length) {
    const next = tokens[token];
    if (next?.kind === 'any') {
      restartToken = token;
      restartAt = at;
      token += 1;
    } else if (next !== undefined && (next.kind === 'one' || next.char === text[at])) {
      at += 1;
      token += 1;
    } else if (restartToken >= 0) {
      restartAt += 1;
      at = restartAt;
      token = restartToken + 1;
    } else return false;
  }
  while (tokens[token]?.kind === 'any') token += 1;
  return token === tokens.length;
}
