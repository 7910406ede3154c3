/**
 * YAML text as a located tree, through the `yaml` package. Stricter than YAML 1.2 where parsers differ: what YAML 1.1 would read
 * otherwise, merge keys, own tags and repeated keys are refused, and aliases are counted as if they were written out.
 */

import { type Document, isAlias, isMap, isPair, isScalar, isSeq, parseDocument, type Scalar } from 'yaml';
import { defined } from '../defined.ts';
import type { Problem } from '../errors.ts';
import { MAX_DEPTH, MAX_NODES, MAX_PROBLEMS } from './limits.ts';
import type { SourceText } from './text.ts';
import type { ListTree, MapEntry, MapTree, Range, ScalarTree, Style, Tree } from './tree.ts';
import { syntaxProblems } from './yaml-syntax.ts';

const BOOLEAN_IN_1_1 = /^(y|Y|yes|Yes|YES|n|N|no|No|NO|on|On|ON|off|Off|OFF)$/;
const NO_NAME = /^(true|True|TRUE|false|False|FALSE|null|Null|NULL|~|)$/;
const MERGE = '<<';
const CORE_TAG = /^tag:yaml\.org,2002:(str|int|float|bool|null|map|seq)$/;
const STYLES: Readonly<Record<string, Style>> = {
  QUOTE_SINGLE: 'single',
  QUOTE_DOUBLE: 'double',
  BLOCK_LITERAL: 'block',
  BLOCK_FOLDED: 'block',
};

export interface TreeResult {
  /** Absent where the text is no tree at all. */
  readonly root?: Tree;
  readonly problems: readonly Problem[];
}

/** Every problem of syntax at once, or the tree with problems of content. Never throws on any text. */
export function yamlTree(source: SourceText): TreeResult {
  const document = parseDocument(source.text, { prettyErrors: false, uniqueKeys: false });
  const problems = syntaxProblems(document, source);
  if (problems.length > 0) return { problems };
  const builder = new TreeBuilder(source);
  const root = builder.build(document);
  return root === undefined ? { problems: builder.problems } : { root, problems: builder.problems };
}

/** Values and levels a finished subtree has when its aliases are written out. */
interface Extent {
  readonly nodes: number;
  readonly height: number;
}

class TooLarge extends Error {}

class TreeBuilder {
  readonly problems: Problem[] = [];
  readonly #source: SourceText;
  readonly #anchors = new Map<string, { tree: Tree; extent: Extent }>();
  #nodes = 0;

  constructor(source: SourceText) {
    this.#source = source;
  }

  build(document: Document): Tree | undefined {
    if (document.contents === null) return undefined;
    try {
      return this.#node(document.contents, 0, undefined).tree;
    } catch (error) {
      if (error instanceof TooLarge) return undefined;
      throw error;
    }
  }

  #report(code: string, message: string, at: Range | undefined, hint?: string): void {
    if (this.problems.length >= MAX_PROBLEMS) return;
    const place = this.#source.place(at?.start ?? 0, at?.end);
    this.problems.push({ severity: 'error', code, message, place, ...defined({ hint }) });
  }

  #node(node: unknown, depth: number, fallback: Range | undefined): { tree: Tree; extent: Extent } {
    const at = rangeOf(node) ?? fallback;
    this.#count(1, depth, at);
    if (isAlias(node)) return this.#alias(node.source, depth, at);
    const before = this.#nodes;
    const { tree, height } = this.#content(node, depth, at);
    const made = { tree, extent: { nodes: this.#nodes - before + 1, height } };
    const anchor = isMap(node) || isSeq(node) || isScalar(node) ? node.anchor : undefined;
    if (anchor !== undefined) this.#anchors.set(anchor, made);
    return made;
  }

  #alias(name: string, depth: number, at: Range | undefined): { tree: Tree; extent: Extent } {
    const target = this.#anchors.get(name);
    if (target === undefined) {
      this.#report('graph.unknown-alias', `no finished value before this is anchored as &${name}`, at);
      return { tree: nothing(at), extent: { nodes: 1, height: 0 } };
    }
    this.#count(target.extent.nodes, depth + target.extent.height, at);
    return target;
  }

  #content(node: unknown, depth: number, at: Range | undefined): { tree: Tree; height: number } {
    this.#checkTag(node, at);
    if (isMap(node)) return this.#map(node.items, depth, at);
    if (isSeq(node)) return this.#list(node.items, depth, at);
    return { tree: isScalar(node) ? this.#scalar(node, at) : nothing(at), height: 0 };
  }

  #checkTag(node: unknown, at: Range | undefined): void {
    const tag = isMap(node) || isSeq(node) || isScalar(node) ? node.tag : undefined;
    if (tag === undefined || CORE_TAG.test(tag)) return;
    this.#report('graph.yaml-tag', `the tag ${tag} has no meaning in a graph`, at, 'remove the tag');
  }

  #list(items: readonly unknown[], depth: number, at: Range | undefined): { tree: ListTree; height: number } {
    const made = items.map((item) => this.#node(item, depth + 1, at));
    const height = 1 + made.reduce((most, { extent }) => Math.max(most, extent.height), 0);
    return { tree: { kind: 'list', at, items: made.map(({ tree }) => tree) }, height };
  }

  #map(items: readonly unknown[], depth: number, at: Range | undefined): { tree: MapTree; height: number } {
    const entries = new Map<string, MapEntry>();
    const merged: MapEntry[] = [];
    let height = 1;
    for (const pair of items) {
      if (!isPair(pair)) continue;
      const keyAt = rangeOf(pair.key) ?? at;
      const { tree, extent } = this.#node(pair.value, depth + 1, keyAt && { start: keyAt.end, end: keyAt.end });
      height = Math.max(height, extent.height + 1);
      const key = this.#key(pair.key, keyAt);
      if (key === undefined) continue;
      const first = entries.get(key);
      if (key === MERGE) merged.push(...entriesOf(tree));
      else if (first === undefined) entries.set(key, { key, at: keyAt, value: tree });
      else this.#repeated(key, first, keyAt);
    }
    // A merge key has been refused; merging all the same keeps what it would bring from being missed.
    for (const entry of merged) if (!entries.has(entry.key)) entries.set(entry.key, entry);
    return { tree: { kind: 'map', at, entries }, height };
  }

  #repeated(key: string, first: MapEntry, at: Range | undefined): void {
    const line = this.#source.place(first.at?.start ?? 0).line;
    this.#report('graph.duplicate-key', `"${key}" is given twice`, at, `the first is in line ${line}`);
  }

  #key(node: unknown, at: Range | undefined): string | undefined {
    if (!isScalar(node) || isAlias(node)) {
      this.#report('graph.bad-key', 'a key must be one plain or quoted word', at);
      return undefined;
    }
    const plain = node.type === 'PLAIN' || node.type === undefined;
    const key = plain ? (node.source ?? '') : String(node.value);
    if (plain && (BOOLEAN_IN_1_1.test(key) || NO_NAME.test(key))) {
      this.#report('graph.yaml-trap', trap(key), at, `write "${key}", in quotes`);
    } else if (plain && key === MERGE) {
      this.#report('graph.yaml-trap', 'merge keys mean different things to different YAML parsers', at);
    } else if (key === '__proto__') {
      this.#report('graph.bad-key', '"__proto__" cannot be a key', at);
      return undefined;
    }
    return key;
  }

  #scalar(node: Scalar, at: Range | undefined): ScalarTree {
    const style = STYLES[node.type ?? ''] ?? 'plain';
    const text = style === 'plain' ? (node.source ?? '') : String(node.value);
    const { value } = node;
    if (style === 'plain' && BOOLEAN_IN_1_1.test(text)) {
      this.#report('graph.yaml-trap', trap(text), at, `write "${text}" in quotes, or true or false`);
    } else if (typeof value === 'number' && Number.isInteger(value) && !Number.isSafeInteger(value)) {
      this.#report('graph.inexact-number', `${text} cannot be held exactly`, at, `write "${text}", in quotes`);
    }
    return { kind: 'scalar', at, value, style, text: typeof value === 'string' ? value : text, substituted: false };
  }

  #count(nodes: number, depth: number, at: Range | undefined): void {
    this.#nodes += nodes;
    if (depth > MAX_DEPTH) {
      this.#report(
        'graph.too-deep',
        `maps and lists are nested more than ${MAX_DEPTH} deep`,
        at && { start: at.start, end: at.start + 1 },
      );
      throw new TooLarge();
    }
    if (this.#nodes > MAX_NODES) {
      this.#report('graph.too-large', `the document has more than ${MAX_NODES} values, aliases written out`, at);
      throw new TooLarge();
    }
  }
}

function trap(text: string): string {
  return text === '' ? 'a key is empty' : `other YAML parsers read ${text} as a boolean or null, not as text`;
}

function entriesOf(tree: Tree): Iterable<MapEntry> {
  return tree.kind === 'map' ? tree.entries.values() : [];
}

function nothing(at: Range | undefined): ScalarTree {
  return { kind: 'scalar', at, value: null, style: 'plain', text: '', substituted: false };
}

function rangeOf(node: unknown): Range | undefined {
  if (!(isMap(node) || isSeq(node) || isScalar(node) || isAlias(node)) || !node.range) return undefined;
  return { start: node.range[0], end: node.range[1] };
}
