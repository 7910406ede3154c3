/** `from`: the streams that an operator or sink reads, by name and port. */

import type { From } from '../document.ts';
import type { StreamRef } from '../plan.ts';
import { didYouMean } from '../suggest.ts';
import type { Path } from '../tree.ts';
import type { Build } from './context.ts';
import type { Names } from './names.ts';
import type { Outputs, Stream } from './stream.ts';

/** What SQL reads as an identifier without quotes. */
const ALIAS = /^[a-z_][a-z0-9_]{0,62}$/;

export interface Reference {
  readonly ref: StreamRef;
  readonly path: Path;
  readonly alias?: string;
}

/** The references in `from`, in order, without a look at what they name. */
export function referencesOf(from: From, path: Path): Reference[] {
  if (typeof from === 'string') return [{ ref: parseRef(from), path }];
  if (isList(from)) return from.map((text, index) => ({ ref: parseRef(text), path: [...path, index] }));
  return Object.entries(from).map(([alias, text]) => ({ ref: parseRef(text), path: [...path, alias], alias }));
}

/** `minutes.late` is the port `late` of `minutes`. */
export function parseRef(text: string): StreamRef {
  const dot = text.indexOf('.');
  return dot < 0 ? { node: text, port: '' } : { node: text.slice(0, dot), port: text.slice(dot + 1) };
}

/** Reports names that no source or operator has; true where the name is right. */
export function checkName({ ref, path }: Reference, names: Names, build: Build): boolean {
  const found = names.get(ref.node);
  if (found?.kind === 'source' || found?.kind === 'operator') return true;
  if (found?.kind === 'sink') {
    build.atValue(path, 'graph.reads-sink', `"${ref.node}" is a sink; nothing comes out of it`);
    return false;
  }
  const readable = [...names.values()].filter(({ kind }) => kind !== 'sink').map(({ name }) => name);
  const message = `"${ref.node}" is no source or operator`;
  build.atValue(path, 'graph.unknown-input', message, didYouMean(ref.node, readable));
  return false;
}

/** Reports streams read twice, and aliases that SQL could not name; true where there are none. */
export function checkAliases(references: readonly Reference[], build: Build): boolean {
  const seen = new Set<string>();
  let right = true;
  for (const { ref, path, alias } of references) {
    const text = `${ref.node}.${ref.port}`;
    if (alias !== undefined && !ALIAS.test(alias)) {
      const hint = 'an alias is a lower-case letter or _, then letters, digits and _';
      build.atKey(path, 'graph.bad-alias', `"${alias}" cannot be an alias`, hint);
      right = false;
    } else if (alias === undefined && seen.has(text)) {
      build.atValue(path, 'graph.duplicate-input', `"${ref.node}" is read twice`);
      right = false;
    }
    seen.add(text);
  }
  return right;
}

/** The stream a reference names; undefined where it has none, which has been reported, or where its node has errors. */
export function streamOf({ ref, path }: Reference, outputs: Outputs, build: Build): Stream | undefined {
  if (outputs === undefined) return undefined;
  const stream = outputs.get(ref.port);
  if (stream !== undefined) return stream;
  build.atValue(path, 'graph.unknown-output', `"${ref.node}" has no output "${ref.port}"`, portHint(ref, outputs));
  return undefined;
}

function portHint({ node, port }: StreamRef, outputs: ReadonlyMap<string, Stream>): string | undefined {
  if (port === 'late') return 'a windowed aggregate has one, with late: divert';
  if (port === 'errors') return `add onError: divert to ${node}`;
  const ports = [...outputs.keys()].map((each) => (each === '' ? node : `${node}.${each}`));
  return didYouMean(`${node}.${port}`, ports);
}

function isList(from: From): from is readonly string[] {
  return Array.isArray(from);
}
