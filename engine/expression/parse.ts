/**
 * Text to PostgreSQL's parse tree, with PostgreSQL's own parser (libpg-query, Wasm). `await loadParser()` once; parsing is
 * synchronous after it. Whatever is more than one scalar expression is refused here, at its place.
 */

import { setFlagsFromString } from 'node:v8';
import type { Node, ScanToken, SelectStmt } from 'libpg-query';
import { defined } from '../defined.ts';
import { internalError } from '../errors.ts';
import type { ExpressionCode, ExpressionProblem } from './check/problem.ts';
import { PREFIX, Source, spanOf } from './source.ts';

/** Longest text of an expression, in UTF-16 units. */
export const MAX_LENGTH = 65_536;
/** How deeply brackets, calls and operators may nest, so that no recursion over the tree runs out of stack. */
export const MAX_DEPTH = 500;

type Parser = Pick<typeof import('libpg-query'), 'parseSync' | 'scanSync' | 'hasSqlDetails'>;

let parser: Parser | undefined;

/** Loads the parser (about 10 ms, once); to be awaited before anything is parsed or checked. */
export async function loadParser(): Promise<void> {
  if (parser !== undefined) return;
  const module = await import('libpg-query');
  await withoutTierUp(() => module.loadModule());
  parser = module;
}

/**
 * V8 takes some 600 MB to optimise PostgreSQL's parser, for a handful of expressions that it parses in under a millisecond either way.
 * Code gets its budget of calls before it is optimised when it is instantiated: this one gets more than it will use.
 */
async function withoutTierUp(load: () => Promise<unknown>): Promise<void> {
  setFlagsFromString('--wasm-tiering-budget=2000000000');
  try {
    await load();
  } finally {
    setFlagsFromString('--wasm-tiering-budget=13000000');
  }
}

export interface Parsed {
  readonly node?: Node;
  readonly source: Source;
  readonly problems: readonly ExpressionProblem[];
}

/** Parses one expression. There is a `node` or there is a problem. */
export function parseExpression(text: string): Parsed {
  if (parser === undefined) throw internalError('internal.parser', 'loadParser() was not awaited before parsing');
  const bare = new Source(text, []);
  const refuse = (code: ExpressionCode, message: string, span = bare.whole(), hint?: string): Parsed => ({
    source: bare,
    problems: [{ code, message, span, ...defined({ hint }) }],
  });
  if (text.trim() === '') return refuse('expression.syntax', 'the expression is empty');
  if (text.length > MAX_LENGTH) {
    return refuse(
      'expression.too-large',
      `an expression has at most ${MAX_LENGTH} characters, this one ${text.length}`,
    );
  }
  const strange = /\0|[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/.exec(text);
  if (strange !== null) {
    const span = { start: strange.index, end: strange.index + 1 };
    return refuse('expression.syntax', 'a NUL or half a surrogate pair cannot stand in an expression', span);
  }
  return parseWith(parser, text);
}

function parseWith({ parseSync, scanSync, hasSqlDetails }: Parser, text: string): Parsed {
  const statement = PREFIX + text;
  const source = new Source(text, scan(scanSync, statement));
  const refused = refuseTokens(source);
  if (refused !== undefined) return { source, problems: [refused] };
  try {
    const { stmts = [] } = parseSync(statement);
    const statementNode = stmts[0]?.stmt as { SelectStmt?: SelectStmt } | undefined;
    return target(source, statementNode?.SelectStmt);
  } catch (error) {
    const details = hasSqlDetails(error) ? error.sqlDetails : undefined;
    return { source, problems: [syntaxProblem(source, details?.message, details?.cursorPosition)] };
  }
}

/** The tokens, or none where the text has something that is no token: the parser will say what. */
function scan(scanSync: Parser['scanSync'], statement: string): readonly ScanToken[] {
  try {
    return scanSync(statement).tokens;
  } catch {
    return [];
  }
}

/** Comments, semicolons and deep nesting, seen before anything is parsed. */
function refuseTokens(source: Source): ExpressionProblem | undefined {
  const [first] = source.tokens;
  if (first?.text.toLowerCase() === 'all') {
    return { code: 'expression.unsupported', message: 'ALL is not a part of an expression', span: spanOf(first) };
  }
  for (const token of source.tokens) {
    if (token.kind === 'SQL_COMMENT' || token.kind === 'C_COMMENT') {
      const hint = 'put comments behind # in the YAML';
      return { code: 'expression.unsupported', message: 'an expression has no comments', span: spanOf(token), hint };
    }
    if (token.text === ';') {
      return {
        code: 'expression.unsupported',
        message: 'an expression is not a list of statements',
        span: spanOf(token),
      };
    }
  }
  return tooDeep(source);
}

const OPENING = new Set(['(', '[', 'case']);
const CLOSING = new Set([')', ']', 'end']);
/** What parts the operands of flat lists, or begins a fresh operand. */
const PARTING = new Set([',', 'and', 'or', 'when', 'then', 'else']);

/** Bounds the tree's depth from above: open brackets, and behind each the operators that may nest in each other. */
function tooDeep(source: Source): ExpressionProblem | undefined {
  const runs = [0];
  let depth = 0;
  for (const token of source.tokens) {
    const word = token.text.toLowerCase();
    const run = runs[runs.length - 1] ?? 0;
    if (OPENING.has(word)) {
      runs.push(1);
      depth += 1;
    } else if (CLOSING.has(word)) {
      if (runs.length > 1) runs.pop();
      depth -= run;
    } else if (PARTING.has(word)) {
      const bracket = runs.length > 1 ? 1 : 0;
      runs[runs.length - 1] = bracket;
      depth -= run - bracket;
    } else if (token.kind !== 'IDENT' && !token.kind.endsWith('CONST') && word !== '.') {
      runs[runs.length - 1] = run + 1;
      depth += 1;
    }
    if (depth > MAX_DEPTH) {
      const message = `the expression nests more than ${MAX_DEPTH} deep`;
      return { code: 'expression.too-large', message, span: spanOf(token), hint: 'split it over several operators' };
    }
  }
  return undefined;
}

function syntaxProblem(source: Source, message: string | undefined, position: number | undefined): ExpressionProblem {
  const start = unitOf(source.text, (position ?? PREFIX.length) - PREFIX.length);
  const found = source.tokens.findIndex((token) => token.start >= start);
  const at = found === -1 ? source.tokens.length : found;
  const token = source.tokens[at];
  const span = { start, end: token?.start === start ? token.end : source.text.length };
  const problem = { code: 'expression.syntax' as const, message: message ?? 'the expression cannot be parsed', span };
  const keyword = [token, source.tokens[at - 1]].find(
    (near) => near?.kind === 'UNKNOWN' && /^[a-z_]+$/i.test(near.text),
  );
  if (keyword === undefined) return problem;
  return { ...problem, hint: `a column whose name is a word of SQL is written in double quotes: "${keyword.text}"` };
}

/** The UTF-16 index of a character counted in code points. */
function unitOf(text: string, characters: number): number {
  let unit = 0;
  for (let left = characters; left > 0 && unit < text.length; left -= 1)
    unit += (text.codePointAt(unit) ?? 0) > 0xffff ? 2 : 1;
  return unit;
}

const CLAUSES: readonly (readonly [key: keyof SelectStmt, word: string])[] = [
  ['distinctClause', 'DISTINCT'],
  ['intoClause', 'INTO'],
  ['fromClause', 'FROM'],
  ['whereClause', 'WHERE'],
  ['groupClause', 'GROUP'],
  ['havingClause', 'HAVING'],
  ['windowClause', 'WINDOW'],
  ['sortClause', 'ORDER'],
  ['limitOffset', 'OFFSET'],
  ['limitCount', 'LIMIT'],
  ['lockingClause', 'FOR'],
  ['larg', 'UNION'],
];

/** The one target of the statement, which must have nothing else. */
function target(source: Source, statement: SelectStmt | undefined): Parsed {
  const refuse = (code: ExpressionCode, message: string, word: string): Parsed => ({
    source,
    problems: [{ code, message, span: wordSpan(source, word) }],
  });
  if (statement === undefined) return refuse('expression.unsupported', 'this is a statement, not an expression', '');
  const clause = CLAUSES.find(([key]) => statement[key] !== undefined);
  if (clause !== undefined) {
    const [key, word] = clause;
    const set = key === 'larg' ? 'UNION, INTERSECT and EXCEPT are not parts of an expression' : undefined;
    return refuse('expression.unsupported', set ?? `${word} is not a part of an expression`, word);
  }
  const targets = (statement.targetList ?? []) as { ResTarget?: { name?: string; val?: Node; location?: number } }[];
  if (targets.length > 1)
    return refuse('expression.unsupported', 'only one expression may stand here, and there are several', ',');
  const only = targets[0]?.ResTarget;
  if (only?.val === undefined) return refuse('expression.syntax', 'the expression is empty', '');
  if (only.name === undefined) return { node: only.val, source, problems: [] };
  const message = `the expression ends before ${only.name}; a name for its result is given by the key, not by AS`;
  return {
    source,
    problems: [{ code: 'expression.syntax', message, span: spanOf(source.tokens.at(-1) ?? source.whole()) }],
  };
}

/** The first token outside brackets that is this word; else everything. */
function wordSpan(source: Source, word: string): { start: number; end: number } {
  let depth = 0;
  for (const token of source.tokens) {
    if (token.text === '(' || token.text === '[') depth += 1;
    else if (token.text === ')' || token.text === ']') depth -= 1;
    else if (depth === 0 && token.text.toUpperCase() === word) return spanOf(token);
  }
  return source.whole();
}
