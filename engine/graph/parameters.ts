/**
 * `${NAME}` and `${NAME:-default}` in scalars, substituted after parsing, so that a value can never change the structure of
 * the document. `${secret:name}` stays as it is (`secrets.ts`); `$${` writes a literal `${`.
 */

import type { Span } from '../expression/ir.ts';
import { MAX_SCALAR } from './limits.ts';
import { suggest } from './suggest.ts';
import type { Path, ScalarTree, Tree } from './tree.ts';

export interface ParameterScope {
  /** The value, or undefined where it is set nowhere. */
  readonly lookup: (name: string) => string | undefined;
  /** Names that could have been meant. */
  readonly names: () => Iterable<string>;
  readonly report: (code: string, message: string, path: Path, span: Span, hint?: string) => void;
}

const REFERENCE = /\$\$\{|\$\{([^{}]*)\}|\$\{/g;
const PARAMETER = /^([A-Za-z_][A-Za-z0-9_]*)(?::-([\s\S]*))?$/;
export const SECRET: RegExp = /^secret:([A-Za-z0-9_][A-Za-z0-9_.-]*)$/;

/** A tree with its parameters substituted; the same one where it has none. `done` is not looked into but replaced. */
export function substitute(tree: Tree, scope: ParameterScope, path: Path, done?: Tree, replacement?: Tree): Tree {
  if (tree === done) return replacement ?? tree;
  switch (tree.kind) {
    case 'scalar':
      return typeof tree.value === 'string' && tree.value.includes('${') ? substituteScalar(tree, scope, path) : tree;
    case 'list': {
      const items = tree.items.map((item, index) => substitute(item, scope, [...path, index], done, replacement));
      return items.some((item, index) => item !== tree.items[index]) ? { ...tree, items } : tree;
    }
    case 'map': {
      const entries = new Map(tree.entries);
      let changed = false;
      for (const [key, entry] of tree.entries) {
        const value = substitute(entry.value, scope, [...path, key], done, replacement);
        if (value === entry.value) continue;
        entries.set(key, { ...entry, value });
        changed = true;
      }
      return changed ? { ...tree, entries } : tree;
    }
  }
}

function substituteScalar(tree: ScalarTree, scope: ParameterScope, path: Path): ScalarTree {
  const all = { start: 0, end: tree.text.length };
  let failed = false;
  let length = 0;
  const text = tree.text.replace(REFERENCE, (written: string, inner: string | undefined, start: number) => {
    const span = { start, end: start + written.length };
    const value = written === '$${' ? '${' : resolve({ written, inner, span }, scope, path);
    failed ||= value === undefined;
    length += value?.length ?? 0;
    return length > MAX_SCALAR ? '' : (value ?? '');
  });
  if (length > MAX_SCALAR) scope.report('graph.too-large', 'the substituted value is too long', path, all);
  // A failed scalar keeps its text: what is wrong with it has been said.
  if (failed || length > MAX_SCALAR) return { ...tree, substituted: true };
  // Inside { } a reference must be quoted, and in JSON all text is: what is nothing but a reference is typed all the same.
  const whole = /^\$\{[^{}]*\}$/.test(tree.text) && SECRET.test(tree.text.slice(2, -1)) === false;
  const retype = tree.style === 'plain' || whole;
  return { ...tree, text, value: retype ? coreScalar(text) : text, substituted: true };
}

interface Reference {
  readonly written: string;
  readonly inner: string | undefined;
  readonly span: Span;
}

function resolve({ written, inner, span }: Reference, scope: ParameterScope, path: Path): string | undefined {
  if (inner !== undefined && SECRET.test(inner)) return written;
  const match = PARAMETER.exec(inner ?? '');
  const name = match?.[1];
  if (name === undefined) {
    const hint = `write \${NAME}, \${NAME:-default} or \${secret:name}; $\${ stands for a literal \${`;
    scope.report('graph.bad-reference', `"${written}" is no parameter`, path, span, hint);
    return undefined;
  }
  const value = scope.lookup(name);
  const fallback = match?.[2];
  if (fallback !== undefined) return value === undefined || value === '' ? fallback : value;
  if (value !== undefined) return value;
  const near = suggest(name, scope.names());
  const meant = near === undefined ? '' : `did you mean "${near}"? Else `;
  scope.report(
    'graph.undefined-parameter',
    `the parameter "${name}" is not set`,
    path,
    span,
    `${meant}give it with --param ${name}=..., in the environment, or write \${${name}:-default}`,
  );
  return undefined;
}

/** What a plain scalar of YAML 1.2's core schema with this text is. */
export function coreScalar(text: string): string | number | boolean | null {
  if (/^(~|null|Null|NULL|)$/.test(text)) return null;
  if (/^(true|True|TRUE)$/.test(text)) return true;
  if (/^(false|False|FALSE)$/.test(text)) return false;
  if (/^[-+]?(\d+|\d*\.\d+|\d+\.\d*)([eE][-+]?\d+)?$/.test(text)) return exact(text, Number(text));
  if (/^0o[0-7]+$|^0x[0-9a-fA-F]+$/.test(text)) return exact(text, Number(text));
  if (/^[-+]?\.(inf|Inf|INF)$/.test(text))
    return text.startsWith('-') ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY;
  if (/^\.(nan|NaN|NAN)$/.test(text)) return Number.NaN;
  return text;
}

/** A whole number that a double cannot hold stays text. */
function exact(text: string, value: number): string | number {
  return Number.isInteger(value) && !Number.isSafeInteger(value) && /^\d+$/.test(text) ? text : value;
}
