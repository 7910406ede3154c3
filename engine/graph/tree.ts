/**
 * A graph document as a tree that remembers where everything was written. YAML, JSON and plain objects all become one;
 * validation runs on the plain value (`toValue`) and finds its way back by path.
 */

/** Offsets into the source text; absent for a graph given as an object. */
export interface Range {
  readonly start: number;
  readonly end: number;
}

export type Style = 'plain' | 'single' | 'double' | 'block';

export interface MapEntry {
  readonly key: string;
  readonly at: Range | undefined;
  readonly value: Tree;
}

export interface MapTree {
  readonly kind: 'map';
  readonly at: Range | undefined;
  readonly entries: ReadonlyMap<string, MapEntry>;
}

export interface ListTree {
  readonly kind: 'list';
  readonly at: Range | undefined;
  readonly items: readonly Tree[];
}

export interface ScalarTree {
  readonly kind: 'scalar';
  readonly at: Range | undefined;
  /** A string, number, boolean or null; for a graph given as an object anything that is not a plain object or array. */
  readonly value: unknown;
  readonly style: Style;
  /** As text, whatever the type: `1.50` stays `1.50`, so that an expression reads what was written. */
  readonly text: string;
  /** A parameter stood in it: offsets in `text` are not offsets in the source, and the value may be read either way. */
  readonly substituted: boolean;
}

export type Tree = MapTree | ListTree | ScalarTree;

export type Path = readonly (string | number)[];

/** `spec.operators.valid.from[0]`. */
export function formatPath(path: Path): string {
  let text = '';
  for (const part of path) {
    if (typeof part === 'number') text += `[${part}]`;
    else text += text === '' ? part : `.${part}`;
  }
  return text;
}

function childOf(tree: Tree | undefined, part: string | number): Tree | undefined {
  if (tree?.kind === 'map') return tree.entries.get(String(part))?.value;
  if (tree?.kind === 'list' && typeof part === 'number') return tree.items[part];
  return undefined;
}

export function treeAt(root: Tree | undefined, path: Path): Tree | undefined {
  return path.reduce<Tree | undefined>(childOf, root);
}

/** The plain value; `replaced` gives other values for some scalars (a parameter read as text rather than as a number). */
export function toValue(tree: Tree, replaced?: ReadonlyMap<ScalarTree, unknown>): unknown {
  switch (tree.kind) {
    case 'scalar':
      return replaced?.has(tree) === true ? replaced.get(tree) : tree.value;
    case 'list':
      return tree.items.map((item) => toValue(item, replaced));
    case 'map': {
      const value: Record<string, unknown> = {};
      for (const { key, value: child } of tree.entries.values()) value[key] = toValue(child, replaced);
      return value;
    }
  }
}
