/** The parser's syntax errors in our words: one a line, a few at most, with what to do about the usual ones. */
import type { Document } from 'yaml';
import type { Problem } from '../errors.ts';
import { MAX_SYNTAX_ERRORS } from './limits.ts';
import type { SourceText } from './text.ts';

type ParserError = Document['errors'][number];

export function syntaxProblems(document: Document, source: SourceText): Problem[] {
  const problems: Problem[] = [];
  const lines = new Set<number>();
  const errors = [...document.errors].sort((a, b) => a.pos[0] - b.pos[0]);
  for (const error of errors) {
    if (problems.length === MAX_SYNTAX_ERRORS) break;
    const problem = toProblem(error, source);
    const line = problem.place?.line ?? 0;
    if (lines.has(line)) continue;
    lines.add(line);
    problems.push(problem);
  }
  if (
    problems.length === 0 &&
    document.directives?.yaml.explicit === true &&
    document.directives.yaml.version !== '1.2'
  ) {
    const message = `the graph says it is YAML ${document.directives.yaml.version}; graphs are YAML 1.2`;
    problems.push({ severity: 'error', code: 'graph.yaml-version', message, place: source.place(0) });
  }
  return problems;
}

function toProblem(error: ParserError, source: SourceText): Problem {
  const [start, end] = error.pos;
  const { code, message, hint } = explain(error, source.text);
  const place = source.place(start, end);
  return { severity: 'error', code, message, place, ...(hint === undefined ? {} : { hint }) };
}

function explain(error: ParserError, text: string): { code: string; message: string; hint?: string } {
  const written = text[error.pos[0]] ?? '';
  switch (error.code) {
    case 'RESOURCE_EXHAUSTION':
      return { code: 'graph.too-deep', message: 'maps and lists are nested too deep' };
    case 'MULTIPLE_DOCS':
      return { code: 'graph.several-documents', message: 'a graph file holds one document', hint: 'split it at ---' };
    case 'TAB_AS_INDENT':
      return { code: 'graph.syntax', message: 'a tab cannot indent YAML', hint: 'indent with spaces' };
    case 'UNEXPECTED_TOKEN':
    case 'MISSING_CHAR':
      if (written === '{' || written === '[') {
        const message = `a plain value inside { } or [ ] cannot contain ${written}`;
        return { code: 'graph.syntax', message, hint: 'put the value in quotes' };
      }
      return { code: 'graph.syntax', message: tidy(error.message) };
    case 'BAD_SCALAR_START':
      return { code: 'graph.syntax', message: `a plain value cannot begin with ${written}`, hint: 'put it in quotes' };
    case 'BLOCK_AS_IMPLICIT_KEY':
      return {
        code: 'graph.syntax',
        message: 'a second "key:" on one line',
        hint: 'put the value in quotes, or each key on a line of its own',
      };
    default:
      return { code: 'graph.syntax', message: tidy(error.message) };
  }
}

/** The parser's message as one sentence without a final stop. */
function tidy(message: string): string {
  const line = message.split('\n')[0] ?? '';
  const text = line.replace(/[.:\s]+$/, '');
  return `${text.charAt(0).toLowerCase()}${text.slice(1)}`;
}
