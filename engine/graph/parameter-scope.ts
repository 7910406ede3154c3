/** Where parameters come from: `--param`, then the environment, then the defaults in `spec.parameters`. */
import { defined } from '../defined.ts';
import type { Place, Problem } from '../errors.ts';
import { problem } from './issues.ts';
import { MAX_PROBLEMS } from './limits.ts';
import { type ParameterScope, substitute } from './parameters.ts';
import type { Places } from './places.ts';
import { didYouMean } from './suggest.ts';
import { type Path, type Tree, treeAt } from './tree.ts';

export interface Parameters {
  /** From `--param`. */
  readonly parameters?: Readonly<Record<string, string>>;
  readonly environment?: Readonly<Record<string, string | undefined>>;
}

export interface Substituted {
  readonly root: Tree;
  readonly problems: readonly Problem[];
  /** The scalars that problems are in. */
  readonly unresolved: readonly Place[];
}

const SECTION: Path = ['spec', 'parameters'];

/** The tree with every parameter substituted. A parameter given and used nowhere is a warning. */
export function substituteParameters(
  root: Tree,
  places: Places,
  { parameters = {}, environment = {} }: Parameters,
): Substituted {
  const problems: Problem[] = [];
  const unresolved: Place[] = [];
  const used = new Set<string>();
  const given = (name: string): string | undefined => {
    used.add(name);
    return own(parameters, name) ?? own(environment, name);
  };
  const report: ParameterScope['report'] = (code, message, path, span, hint) => {
    if (problems.length >= MAX_PROBLEMS) return;
    unresolved.push(places.value(path));
    problems.push(problem(code, message, places.span(path, span), hint));
  };
  const section = treeAt(root, SECTION);
  const defaults = new Map<string, string>();
  const outer = { lookup: given, names: () => Object.keys(parameters), report };
  const resolved = section === undefined ? undefined : substitute(section, outer, SECTION);
  for (const { key, value } of resolved?.kind === 'map' ? resolved.entries.values() : []) {
    if (value.kind === 'scalar') defaults.set(key, value.text);
  }
  const names = (): string[] => [...Object.keys(parameters), ...defaults.keys()];
  const scope = { lookup: (name: string) => given(name) ?? defaults.get(name), names, report };
  const result = substitute(root, scope, [], section, resolved);
  for (const name of Object.keys(parameters)) if (!used.has(name)) problems.push(unused(name, defaults, used));
  return { root: result, problems, unresolved };
}

function unused(name: string, defaults: ReadonlyMap<string, string>, used: ReadonlySet<string>): Problem {
  const message = `the graph does not use the parameter "${name}"`;
  const hint = didYouMean(name, new Set([...defaults.keys(), ...used]));
  return { severity: 'warning', code: 'graph.unused-parameter', message, ...defined({ hint }) };
}

function own<T>(values: Readonly<Record<string, T>>, name: string): T | undefined {
  return Object.hasOwn(values, name) ? values[name] : undefined;
}
