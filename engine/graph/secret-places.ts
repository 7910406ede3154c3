/** Secrets may stand where the runtime resolves them: in the options of a connector and in a component's `config`. */
import type { Problem } from '../errors.ts';
import { problem } from './issues.ts';
import { MAX_PROBLEMS } from './limits.ts';
import type { Places } from './places.ts';
import { SINK_KEYS, SOURCE_KEYS } from './schema.ts';
import { hasSecret } from './secrets.ts';
import type { Path, Tree } from './tree.ts';

export function misplacedSecrets(root: Tree, places: Places): Problem[] {
  const problems: Problem[] = [];
  const visit = (tree: Tree, path: Path): void => {
    if (isAllowed(path) || problems.length >= MAX_PROBLEMS) return;
    if (tree.kind === 'list') {
      for (const [index, item] of tree.items.entries()) visit(item, [...path, index]);
    } else if (tree.kind === 'map') {
      for (const { key, value } of tree.entries.values()) visit(value, [...path, key]);
    } else if (hasSecret(tree.text)) {
      const message = 'a secret can stand only in the options of a connector or the config of a component';
      problems.push(problem('graph.secret-not-here', message, places.value(path)));
    }
  };
  visit(root, []);
  return problems;
}

function isAllowed([top, section, , key]: Path): boolean {
  if (top !== 'spec' || typeof key !== 'string') return false;
  if (section === 'sources') return !SOURCE_KEYS.includes(key);
  if (section === 'sinks') return !SINK_KEYS.includes(key);
  return section === 'operators' && key === 'config';
}
