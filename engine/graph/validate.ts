/**
 * Runs a schema over a piece of the document. Parameters are read as the type their place wants, and where something is
 * wrong the rest is still parsed, so that the checks behind it can go on.
 */
import type { z } from 'zod';
import type { Problem } from '../errors.ts';
import { issueProblems } from './issues.ts';
import { coreScalar } from './parameters.ts';
import type { Places } from './places.ts';
import { type Path, type ScalarTree, type Tree, toValue, treeAt } from './tree.ts';
import { flatten, type Issue } from './union-issues.ts';

export interface Validated<T> {
  /** Absent where not even a part could be read. */
  readonly value?: T;
  /** Top-level keys that were left out of `value` because something in them is wrong, unknown ones included. */
  readonly dropped: ReadonlySet<string>;
  readonly problems: readonly Problem[];
}

/** Validates the tree at `base`. Never throws for what a user wrote. */
export function validate<T>(schema: z.ZodType<T>, places: Places, base: Path): Validated<T> {
  const tree = treeAt(places.root, base);
  if (tree === undefined) return { dropped: new Set(), problems: [] };
  const replaced = new Map<ScalarTree, unknown>();
  const result = parseEitherWay(schema, tree, replaced);
  if (result.success) return { value: result.data, dropped: new Set(), problems: [] };
  const problems = issueProblems(result.error.issues, { places, base, schema });
  const { value, dropped } = parseRest(schema, toValue(tree, replaced), result.error.issues);
  return value === undefined ? { dropped, problems } : { value, dropped, problems };
}

/** Reads substituted scalars as text or as a number, boolean or null, whichever the schema takes at their place. */
function parseEitherWay<T>(
  schema: z.ZodType<T>,
  tree: Tree,
  replaced: Map<ScalarTree, unknown>,
): z.ZodSafeParseResult<T> {
  let result = schema.safeParse(toValue(tree, replaced));
  const tried = new Set<ScalarTree>();
  while (!result.success) {
    const failing = result.error.issues
      .flatMap(flatten)
      .map((issue) => treeAt(tree, toPath(issue.path)))
      .filter((each): each is ScalarTree => each?.kind === 'scalar' && each.substituted && !tried.has(each));
    if (failing.length === 0) return result;
    for (const scalar of failing) {
      tried.add(scalar);
      replaced.set(scalar, typeof scalar.value === 'string' ? coreScalar(scalar.text) : scalar.text);
    }
    const again = schema.safeParse(toValue(tree, replaced));
    if (!again.success && again.error.issues.length >= result.error.issues.length) {
      for (const scalar of failing) replaced.delete(scalar);
    }
    result = schema.safeParse(toValue(tree, replaced));
  }
  return result;
}

/** Parses again without the top-level keys that issues point into. */
function parseRest<T>(
  schema: z.ZodType<T>,
  whole: unknown,
  issues: readonly Issue[],
): { value: T | undefined; dropped: ReadonlySet<string> } {
  const dropped = new Set<string>();
  if (typeof whole !== 'object' || whole === null || Array.isArray(whole)) return { value: undefined, dropped };
  const rest: Record<string, unknown> = { ...whole };
  for (const issue of issues) {
    const keys = issue.code === 'unrecognized_keys' && issue.path.length === 0 ? issue.keys : [String(issue.path[0])];
    for (const key of keys) {
      dropped.add(key);
      delete rest[key];
    }
  }
  const result = schema.safeParse(rest);
  return { value: result.success ? result.data : undefined, dropped };
}

function toPath(path: readonly PropertyKey[]): Path {
  return path.map((part) => (typeof part === 'number' ? part : String(part)));
}
