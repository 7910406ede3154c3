/** Warnings about outputs that nobody reads. */
import type { Build } from './context.ts';
import type { Names } from './names.ts';
import { parseRef, type Reference } from './reference.ts';
import type { Outputs } from './stream.ts';

/** Each source, operator and diverted port that no reference names, once: not its ports where the node itself is unread. */
export function warnUnused(
  names: Names,
  outputs: ReadonlyMap<string, Outputs>,
  references: readonly Reference[],
  build: Build,
): void {
  const read = new Set(references.map(({ ref }) => `${ref.node}.${ref.port}`));
  for (const text of build.context.reads ?? []) {
    const { node, port } = parseRef(text);
    read.add(`${node}.${port}`);
  }
  const nodes = new Set([...read].map((each) => parseRef(each).node));
  for (const { kind, name, entry } of names.values()) {
    if (kind === 'sink') continue;
    if (!nodes.has(name)) {
      build.warnAtKey(entry.path, 'graph.unused-output', `nothing reads the ${kind} "${name}"`, unusedHint(name, kind));
      continue;
    }
    const ports = outputs.get(name);
    if (ports?.has('') === true && !read.has(`${name}.`)) {
      build.warnAtKey(entry.path, 'graph.unused-output', `nothing reads the main output of "${name}"`);
    }
    for (const port of ports?.keys() ?? []) {
      if (port === '' || read.has(`${name}.${port}`)) continue;
      const message = `nothing reads "${name}.${port}": its rows are counted and dropped`;
      build.warnAtKey(entry.path, 'graph.unused-output', message, `add a sink with from: ${name}.${port}`);
    }
  }
}

function unusedHint(name: string, kind: string): string {
  return kind === 'source'
    ? 'remove it, or read it from a sink or operator'
    : `remove it, or add a sink with from: ${name}`;
}
