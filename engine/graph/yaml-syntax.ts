/** The parser's syntax errors in our words, with what to do about the usual ones; not what merely follows from them. */
import { type Document, visit } from 'yaml';
import type { Problem } from '../errors.ts';
import { problem } from './issues.ts';
import { MAX_SYNTAX_ERRORS } from './limits.ts';
import type { SourceText } from './text.ts';

type ParserError = Document['errors'][number];

/** Errors inside one scalar or node: the parser goes on behind them. Behind any other, what it says is guesswork. */
const LOCAL: ReadonlySet<string> = new Set(['BAD_DQ_ESCAPE', 'MULTIPLE_ANCHORS', 'MULTIPLE_TAGS', 'BAD_ALIAS']);

export function syntaxProblems(document: Document, source: SourceText): Problem[] {
  const problems: Problem[] = [];
  const lines = new Set<number>();
  for (const error of [...document.errors].sort((a, b) => a.pos[0] - b.pos[0])) {
    const found = toProblem(error, document, source);
    const line = found.place?.line ?? 0;
    if (!lines.has(line)) problems.push(found);
    lines.add(line);
    if (!LOCAL.has(error.code) || problems.length === MAX_SYNTAX_ERRORS) break;
  }
  const yaml = document.directives?.yaml;
  if (problems.length === 0 && yaml?.explicit === true && yaml.version !== '1.2') {
    const message = `the graph says it is YAML ${yaml.version}, and graphs are YAML 1.2`;
    const at = Math.max(source.text.indexOf('%YAML'), 0);
    problems.push(problem('graph.yaml-version', message, source.place(at, at + 9), 'remove the line'));
  }
  return problems;
}

function toProblem(error: ParserError, document: Document, source: SourceText): Problem {
  const [start, end] = error.pos;
  const { code = 'graph.syntax', message, hint, at } = explain(error, document, source.text);
  return problem(code, message, at === undefined ? source.place(start, end) : source.place(at), hint);
}

interface Explained {
  readonly code?: string;
  readonly message: string;
  readonly hint?: string;
  readonly at?: number | undefined;
}

function explain(error: ParserError, document: Document, text: string): Explained {
  const written = text[error.pos[0]] ?? '';
  switch (error.code) {
    case 'RESOURCE_EXHAUSTION':
      return { code: 'graph.too-deep', message: 'maps and lists are nested too deep' };
    case 'MULTIPLE_DOCS':
      return { code: 'graph.several-documents', message: 'a graph file holds one document', hint: 'split it at ---' };
    case 'TAB_AS_INDENT':
      return { message: 'a tab cannot indent YAML', hint: 'indent with spaces' };
    case 'MISSING_CHAR':
      if (!error.message.includes('quote')) return { message: tidy(error.message) };
      return { message: 'the quote that opens here is not closed', at: lastQuoted(document) };
    case 'UNEXPECTED_TOKEN':
      if (written !== '{' && written !== '[') return { message: tidy(error.message) };
      return { message: `a plain value inside { } or [ ] cannot contain ${written}`, hint: 'put the value in quotes' };
    case 'BAD_SCALAR_START':
      return { message: `a plain value cannot begin with ${written}`, hint: 'put it in quotes' };
    case 'BLOCK_AS_IMPLICIT_KEY':
      return { message: 'a second "key:" in one line', hint: 'quote the value, or give each key a line of its own' };
    case 'BAD_DQ_ESCAPE':
      return { message: tidy(error.message), hint: 'double the backslash, or use single quotes' };
    case 'BAD_INDENT':
      if (!error.message.startsWith('Flow')) return { message: tidy(error.message) };
      return { message: 'a { or [ above is not closed, or its lines are not indented further than its key' };
    default:
      return { message: tidy(error.message) };
  }
}

/** Where the last quoted scalar begins: the one that runs to the end of the file. */
function lastQuoted(document: Document): number | undefined {
  let start: number | undefined;
  visit(document, {
    Scalar(_key, node) {
      if (node.type === 'QUOTE_DOUBLE' || node.type === 'QUOTE_SINGLE') start = node.range?.[0];
    },
  });
  return start;
}

/** The parser's message as one sentence without a final stop. */
function tidy(message: string): string {
  const line = message.split('\n')[0] ?? '';
  const text = line.replace(/[.:\s]+$/, '');
  return `${text.charAt(0).toLowerCase()}${text.slice(1)}`;
}
