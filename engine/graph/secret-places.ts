/**
 * Secrets may stand where the runtime resolves them, in the options of a connector and in a component's `config`, but not in what it prints: paths
 * and subjects come in messages, positions and metrics.
 */
import type { Problem } from '../errors.ts';
import { problem } from './issues.ts';
import { MAX_PROBLEMS } from './limits.ts';
import type { Places } from './places.ts';
import { SINK_KEYS, SOURCE_KEYS } from './schema.ts';
import { hasSecret } from './secrets.ts';
import type { Path, Tree } from './tree.ts';

/** Options of connectors that say where something is, and are shown. */
const PRINTED: ReadonlySet<string> = new Set([
  'path',
  'subject',
  'stream',
  'topic',
  'topics',
  'table',
  'schema',
  'key',
]);

export function misplacedSecrets(root: Tree, places: Places): Problem[] {
  const problems: Problem[] = [];
  const visit = (tree: Tree, path: Path): void => {
    if (isAllowed(path) || problems.length >= MAX_PROBLEMS) return;
    if (tree.kind === 'list') {
      for (const [index, item] of tree.items.entries()) visit(item, [...path, index]);
    } else if (tree.kind === 'map') {
      for (const { key, value } of tree.entries.values()) visit(value, [...path, key]);
    } else if (hasSecret(tree.text)) {
      problems.push(problem('graph.secret-not-here', refusal(path), places.value(path)));
    }
  };
  visit(root, []);
  return problems;
}

function refusal(path: Path): string {
  const [, section, , key, option] = path;
  const isOption =
    section === 'sources'
      ? !SOURCE_KEYS.includes(String(key))
      : section === 'sinks' && !SINK_KEYS.includes(String(key));
  if (isOption && typeof option === 'string')
    return `a secret cannot stand in "${option}", which is printed in messages and positions`;
  return 'a secret can stand only in the options of a connector or the config of a component';
}

function isAllowed([top, section, , key, option]: Path): boolean {
  if (top !== 'spec' || typeof key !== 'string') return false;
  // At the connector itself its options are still to be looked at.
  const isHidden = option !== undefined && !PRINTED.has(String(option));
  if (section === 'sources') return isHidden && !SOURCE_KEYS.includes(key);
  if (section === 'sinks') return isHidden && !SINK_KEYS.includes(key);
  return section === 'operators' && key === 'config';
}
