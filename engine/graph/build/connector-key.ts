/** Finds the connector of a source or sink: the one key of its entry that is not an option of the entry itself. */

import type { Connector } from '../connector.ts';
import { issueProblems, notInVersion } from '../issues.ts';
import { laterKey } from '../later.ts';
import { didYouMean, suggest } from '../suggest.ts';
import type { Path } from '../tree.ts';
import { toValue, treeAt } from '../tree.ts';
import { validate } from '../validate.ts';
import type { Build } from './context.ts';

export interface Chosen {
  readonly connector: Connector;
  readonly options: unknown;
  readonly path: Path;
}

export interface Side {
  readonly side: 'source' | 'sink';
  /** Keys of the entry that are no connectors. */
  readonly known: readonly string[];
  /** Keys that an operator has: telling them apart from mistyped ones. */
  readonly elsewhere: readonly string[];
}

/** The connector with its options parsed; undefined after reporting why there is none or its options are wrong. */
export function chooseConnector(path: Path, keys: readonly string[], side: Side, build: Build): Chosen | undefined {
  const candidates = keys.filter((key) => !side.known.includes(key));
  const usable = build.context.connectors.filter((each) => each[side.side] !== undefined);
  const chosen: Connector[] = [];
  let reported = false;
  for (const key of candidates) {
    const connector = usable.find(({ name }) => name === key);
    if (connector === undefined) reported = reportKey(key, path, side, usable, build) || reported;
    else if (chosen.push(connector) === 2) {
      const message = `a ${side.side} has one connector: "${chosen[0]?.name}" or "${key}"`;
      build.atKey([...path, key], 'graph.two-connectors', message);
      return undefined;
    }
  }
  const [connector] = chosen;
  if (connector !== undefined) {
    const found = withOptions(connector, [...path, connector.name], side, build);
    if (found !== undefined) build.ends.push({ side: side.side, name: String(path.at(-1)), ...found });
    return found;
  }
  if (!reported) {
    const names = usable.map(({ name }) => name).join(', ');
    build.atKey(path, 'graph.no-connector', `"${path.at(-1)}" names no connector`, `possible here: ${names}`);
  }
  return undefined;
}

/** Reports a key that is no connector; true where it was probably meant as one. */
function reportKey(key: string, path: Path, side: Side, usable: readonly Connector[], build: Build): boolean {
  const at = [...path, key];
  const later = laterKey(path, key);
  if (later !== undefined) {
    build.add(notInVersion(later.what, build.places.key(at)));
    return false;
  }
  if (build.context.connectors.some(({ name }) => name === key)) {
    const other = side.side === 'source' ? 'sink' : 'source';
    const hint = didYouMean(
      key,
      usable.map(({ name }) => name),
    );
    build.atKey(at, 'graph.wrong-side', `"${key}" can only be a ${other}`, hint);
    return true;
  }
  if (side.elsewhere.includes(key)) {
    const message = `"${key}" belongs to operators, not to ${side.side}s`;
    build.atKey(at, 'graph.unknown-key', message, `put an operator ${side.side === 'sink' ? 'before' : 'behind'} it`);
    return false;
  }
  const names = usable.map(({ name }) => name);
  const near = suggest(key, [...side.known, ...names]);
  if (near !== undefined && side.known.includes(near)) {
    build.atKey(at, 'graph.unknown-key', `unknown key "${key}" in a ${side.side}`, `did you mean "${near}"?`);
    return false;
  }
  build.atKey(at, 'graph.unknown-connector', `there is no connector "${key}"`, didYouMean(key, names));
  return true;
}

function withOptions(connector: Connector, path: Path, { side }: Side, build: Build): Chosen | undefined {
  const schema = connector[side]?.options;
  if (schema === undefined) return undefined;
  const tree = treeAt(build.places.root, path);
  // `console:` with nothing behind it takes the defaults.
  if (tree?.kind === 'scalar' && toValue(tree) === null) {
    const result = schema.safeParse({});
    if (result.success) return { connector, options: result.data, path };
    for (const found of issueProblems(result.error.issues, { places: build.places, base: path, schema }))
      build.add(found);
    return undefined;
  }
  const { value, dropped, problems } = validate(schema, build.places, path);
  for (const found of problems) build.add(found);
  return problems.length > 0 || dropped.size > 0 ? undefined : { connector, options: value, path };
}
