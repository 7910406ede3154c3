/**
 * The project's own TypeScript as the tidy tests see it: every tracked file, parsed once, with its imports and the sizes of
 * its functions.
 */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseSync } from 'oxc-parser';

export const root: string = fileURLToPath(new URL('../..', import.meta.url));

export interface SourceFile {
  /** Relative to the repository, with `/`. */
  readonly path: string;
  readonly text: string;
  readonly lines: number;
  /** Repository-relative paths of the project's own modules that it imports, `import type` and dynamic ones included. */
  readonly imports: readonly string[];
  readonly functions: readonly { readonly line: number; readonly lines: number; readonly name: string }[];
}

/** Tracked and untracked (not ignored) TypeScript files; AssemblyScript lies in folders named `assembly` and is a dialect of its own. */
export function sourceFiles(): readonly SourceFile[] {
  const args = ['ls-files', '--cached', '--others', '--exclude-standard', '*.ts'];
  const listed = execFileSync('git', args, { cwd: root, encoding: 'utf8' }).split('\n');
  const paths = listed.filter((path) => path !== '' && !/(^|\/)assembly\/|\.d\.ts$/.test(path)).sort();
  return paths.flatMap((path) => {
    const text = readIfThere(join(root, path));
    return text === undefined ? [] : [describe(path, text)];
  });
}

function readIfThere(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined; // deleted in the working tree and not yet in the index
  }
}

function describe(path: string, text: string): SourceFile {
  const parsed = parseSync(path, text);
  if (parsed.errors.length > 0) throw new Error(`${path}: ${parsed.errors[0]?.message}`);
  const functions: { line: number; lines: number; name: string }[] = [];
  visit(parsed.program, '', (name, start, end) => {
    const line = lineOf(text, start);
    functions.push({ name, line, lines: lineOf(text, end) - line + 1 });
  });
  return { path, text, lines: text.split('\n').length - 1, imports: importsOf(path, text), functions };
}

function lineOf(text: string, offset: number): number {
  let line = 1;
  for (let at = text.indexOf('\n'); at !== -1 && at < offset; at = text.indexOf('\n', at + 1)) line += 1;
  return line;
}

function importsOf(path: string, text: string): string[] {
  const found = new Set<string>();
  for (const match of text.matchAll(/(?:\bfrom\s+|\bimport\s*\(\s*|\bimport\s+)'(\.[^']+)'/g)) {
    const target = match[1];
    if (target !== undefined) found.add(normalize(join(dirname(path), target)));
  }
  return [...found];
}

const FUNCTION_TYPES = new Set(['FunctionDeclaration', 'FunctionExpression', 'ArrowFunctionExpression']);

/** Calls `report` for every function with a body, named as well as its surroundings tell. */
function visit(node: unknown, name: string, report: (name: string, start: number, end: number) => void): void {
  if (Array.isArray(node)) {
    for (const item of node) visit(item, name, report);
    return;
  }
  if (typeof node !== 'object' || node === null) return;
  const record = node as Record<string, unknown>;
  const own = nameOf(record) ?? name;
  if (typeof record.type === 'string' && FUNCTION_TYPES.has(record.type)) {
    report(own, record.start as number, record.end as number);
  }
  for (const [key, value] of Object.entries(record)) {
    if (key !== 'type' && typeof value === 'object') visit(value, own, report);
  }
}

function nameOf(record: Record<string, unknown>): string | undefined {
  const named = (record.id ?? record.key) as { name?: unknown } | null | undefined;
  return typeof named?.name === 'string' ? named.name : undefined;
}
