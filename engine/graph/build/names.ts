/** The names of a graph: one space for sources, operators and sinks. */
import type { OperatorEntry, SinkEntry, SourceEntry } from '../document.ts';
import type { Entry, ParsedGraph } from '../parse.ts';
import type { Build } from './context.ts';

export type Named =
  | { readonly kind: 'source'; readonly name: string; readonly entry: Entry<SourceEntry> }
  | { readonly kind: 'operator'; readonly name: string; readonly entry: Entry<OperatorEntry> }
  | { readonly kind: 'sink'; readonly name: string; readonly entry: Entry<SinkEntry> };

export type Names = ReadonlyMap<string, Named>;

/** Every node by name; of two that share one, the first, and an error at the second. */
export function collectNames(parsed: ParsedGraph, build: Build): Names {
  const names = new Map<string, Named>();
  const all: Named[] = [
    ...parsed.sources.map((entry) => ({ kind: 'source' as const, name: entry.name, entry })),
    ...parsed.operators.map((entry) => ({ kind: 'operator' as const, name: entry.name, entry })),
    ...parsed.sinks.map((entry) => ({ kind: 'sink' as const, name: entry.name, entry })),
  ];
  for (const named of all) {
    const first = names.get(named.name);
    if (first === undefined) {
      names.set(named.name, named);
      continue;
    }
    const { line } = build.places.key(first.entry.path);
    const where = line > 0 ? ` in line ${line}` : '';
    const other = first.kind === 'operator' ? 'an operator' : `a ${first.kind}`;
    const message = `the ${named.kind} "${named.name}" has the name of ${other}${where}`;
    build.atKey(named.entry.path, 'graph.duplicate-name', message, 'names are shared by sources, operators and sinks');
  }
  return names;
}
