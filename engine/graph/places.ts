/** From paths in a document to places in its file. */

import type { Place } from '../errors.ts';
import type { Span } from '../expression/ir.ts';
import { scalarOffsets } from './scalar-map.ts';
import type { SourceText } from './text.ts';
import { formatPath, type Path, type Range, type ScalarTree, type Tree, treeAt } from './tree.ts';

export class Places {
  readonly root: Tree | undefined;
  readonly file: string;
  readonly #source: SourceText | undefined;
  readonly #offsets = new WeakMap<ScalarTree, Uint32Array | undefined>();

  /** `source` is absent for a graph given as an object, whose places have a path only. */
  constructor(file: string, root: Tree | undefined, source?: SourceText) {
    this.file = file;
    this.root = root;
    this.#source = source;
  }

  /** The key at `path`; for a key that is not there, the nearest one above it. */
  key(path: Path): Place {
    for (let length = path.length; length > 0; length -= 1) {
      const parent = treeAt(this.root, path.slice(0, length - 1));
      const last = path[length - 1] ?? '';
      if (parent?.kind === 'map') {
        const entry = parent.entries.get(String(last));
        if (entry !== undefined) return this.#place(entry.at, path);
      }
      if (parent?.kind === 'list' && typeof last === 'number') {
        const item = parent.items[last];
        if (item !== undefined) return this.#place(item.at, path);
      }
    }
    return this.#place(this.root?.at && { start: this.root.at.start, end: this.root.at.start + 1 }, path);
  }

  /** The scalar at `path`; the key of it where a map or list, or nothing, is written there. */
  value(path: Path): Place {
    const tree = treeAt(this.root, path);
    if (tree?.kind !== 'scalar') return this.key(path);
    if (tree.at !== undefined && tree.at.end <= tree.at.start) return this.key(path);
    return this.#place(tree.at, path);
  }

  /** Characters `span` of the scalar's text at `path`; the whole scalar where they cannot be found in the source. */
  span(path: Path, span: Span): Place {
    const tree = treeAt(this.root, path);
    if (tree?.kind !== 'scalar' || tree.at === undefined || tree.substituted || this.#source === undefined) {
      return this.value(path);
    }
    const offsets = this.#offsetsOf(tree, tree.at, this.#source);
    const start = offsets?.[Math.min(span.start, tree.text.length)];
    const last = offsets?.[Math.max(Math.min(span.end, tree.text.length) - 1, 0)];
    if (start === undefined || last === undefined) return this.value(path);
    return this.#place({ start, end: Math.max(last, start) + 1 }, path);
  }

  #offsetsOf(tree: ScalarTree, at: Range, source: SourceText): Uint32Array | undefined {
    if (!this.#offsets.has(tree)) this.#offsets.set(tree, scalarOffsets(source.text, at, tree.style, tree.text));
    return this.#offsets.get(tree);
  }

  has(path: Path): boolean {
    return treeAt(this.root, path) !== undefined;
  }

  /** The keys of the map at `path`; none where there is no map. */
  keys(path: Path): readonly string[] {
    const tree = treeAt(this.root, path);
    return tree?.kind === 'map' ? [...tree.entries.keys()] : [];
  }

  /** The scalar's text at `path` as it was written, or after substitution. */
  text(path: Path): string | undefined {
    const tree = treeAt(this.root, path);
    return tree?.kind === 'scalar' ? tree.text : undefined;
  }

  #place(range: Range | undefined, path: Path): Place {
    const where = path.length === 0 ? {} : { path: formatPath(path) };
    if (this.#source === undefined) return { file: this.file, line: 0, column: 0, ...where };
    return { ...this.#source.place(range?.start ?? 0, range?.end), ...where };
  }
}
