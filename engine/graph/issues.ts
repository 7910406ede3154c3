/** What zod finds, as problems with places: our words, our codes, the nearest right name. */

import type { z } from 'zod';
import { defined } from '../defined.ts';
import type { Place, Problem } from '../errors.ts';
import { laterKey, laterValue } from './later.ts';
import { MAX_PROBLEMS } from './limits.ts';
import type { Places } from './places.ts';
import { didYouMean, suggest } from './suggest.ts';
import { formatPath, type Path, treeAt } from './tree.ts';
import { TYPE_SUGGESTIONS } from './type-names.ts';
import { flatten, type Issue } from './union-issues.ts';
import { keysAt } from './zod-keys.ts';

export interface IssueContext {
  readonly places: Places;
  /** Where in the document the value that was parsed stands. */
  readonly base: Path;
  readonly schema: z.ZodType;
}

/** The problems of the issues, without those that follow from another; at most `MAX_PROBLEMS` of each sort. */
export function issueProblems(issues: readonly Issue[], context: IssueContext): Problem[] {
  const flat = issues.slice(0, MAX_PROBLEMS).flatMap(flatten);
  const unknown: Problem[] = [];
  /** Paths of keys that are missing because of an unknown one: mistyped, or of a kind that is not in this version. */
  const explained = new Set<string>();
  for (const issue of flat) {
    if (issue.code !== 'unrecognized_keys') continue;
    unknown.push(...unknownKeys(issue.keys, [...context.base, ...toPath(issue.path)], context, explained));
  }
  const known = flat.flatMap((issue) => {
    if (issue.code === 'unrecognized_keys') return [];
    const path = [...context.base, ...toPath(issue.path)];
    const follows = explained.has(formatPath(path)) || explained.has(`${formatPath(path.slice(0, -1))}.*`);
    return follows && isMissing(path, context) ? [] : [explain(issue, path, context)];
  });
  return [...unknown, ...known];
}

function unknownKeys(
  keys: readonly string[],
  path: Path,
  { places, base, schema }: IssueContext,
  explained: Set<string>,
): Problem[] {
  const kindReported = keys.some((key) => laterKey(path, key)?.option === false);
  const known = keysAt(schema, path.slice(base.length));
  const given = new Set(keysOf(places, path));
  const free = known.filter((each) => !given.has(each));
  return keys.slice(0, MAX_PROBLEMS).flatMap((key) => {
    const place = places.key([...path, key]);
    const later = laterKey(path, key);
    if (later !== undefined) explained.add(`${formatPath(path)}.*`);
    if (later !== undefined) return later.option && kindReported ? [] : [notInVersion(later.what, place)];
    const near = suggest(key, free);
    if (near !== undefined) explained.add(formatPath([...path, near]));
    const hint = near === undefined ? listOf(known) : `did you mean "${near}"?`;
    return [problem('graph.unknown-key', `unknown key "${key}"${inside(path)}`, place, hint)];
  });
}

function listOf(keys: readonly string[]): string | undefined {
  const listed = keys.filter((key) => !key.startsWith('$'));
  return listed.length === 0 || listed.length > 14 ? undefined : `possible here: ${listed.join(', ')}`;
}

/** The refusal of something that DESIGN names and this version lacks. */
export function notInVersion(what: string, place: Place): Problem {
  return problem('graph.not-in-version', `${what} is not in this version of CloudSkin`, place);
}

function explain(issue: Issue, path: Path, context: IssueContext): Problem {
  const { places } = context;
  const later = laterValue(path, scalarAt(places, path));
  if (later !== undefined) return notInVersion(later, places.value(path));
  switch (issue.code) {
    case 'invalid_type':
      if (isMissing(path, context)) return missing(path, places);
      return problem('graph.wrong-type', `${expectation(issue)}, found ${describe(places, path)}`, places.value(path));
    case 'invalid_union':
      if (isMissing(path, context)) return missing(path, places);
      return problem(
        'graph.wrong-type',
        `${unionExpectation(issue)}, found ${describe(places, path)}`,
        places.value(path),
      );
    case 'invalid_value':
      if (isMissing(path, context)) return missing(path, places);
      return wrongValue(issue, path, places);
    case 'invalid_key':
      return problem('graph.bad-name', `the name "${path.at(-1)}" ${keyMessage(issue)}`, places.key(path));
    case 'too_small':
      return problem(
        'graph.bad-value',
        `${bound('at least', issue.minimum, issue)}, found ${describe(places, path)}`,
        places.value(path),
      );
    case 'too_big':
      return problem(
        'graph.bad-value',
        `${bound('at most', issue.maximum, issue)}, found ${describe(places, path)}`,
        places.value(path),
      );
    case 'custom':
      return custom(issue, path, places);
    case 'invalid_format':
      return problem('graph.bad-value', format(issue, places, path), places.value(path));
    default:
      return problem('graph.bad-value', lower(issue.message), places.value(path));
  }
}

function missing(path: Path, places: Places): Problem {
  return problem('graph.missing-key', `"${path.at(-1)}" is missing${inside(path.slice(0, -1))}`, places.key(path));
}

function wrongValue(issue: Issue & { code: 'invalid_value' }, path: Path, places: Places): Problem {
  const values = issue.values.map(String);
  const [first] = values;
  const list = values.length === 1 ? `"${first}"` : `one of ${values.join(', ')}`;
  const expected = issue.message.startsWith('Invalid') ? `expected ${list}` : issue.message;
  const written = scalarAt(places, path);
  const hint = values.length > 1 && typeof written === 'string' ? didYouMean(written, values) : undefined;
  const message = `${expected}, found ${describe(places, path)}`;
  return problem('graph.bad-value', message, places.value(path), hint?.startsWith('did') ? hint : undefined);
}

function custom(issue: Issue & { code: 'custom' }, path: Path, places: Places): Problem {
  const params: Readonly<Record<string, unknown>> = issue.params ?? {};
  const code = typeof params.code === 'string' ? params.code : 'graph.bad-value';
  let hint = typeof params.hint === 'string' ? params.hint : undefined;
  if (hint === undefined && code === 'graph.unknown-type') hint = didYouMean(String(params.of), TYPE_SUGGESTIONS);
  return problem(code, issue.message, places.value(path), hint);
}

function format(issue: Issue & { code: 'invalid_format' }, places: Places, path: Path): string {
  const written = describe(places, path);
  return issue.message.startsWith('Invalid')
    ? `${written} is not a valid ${issue.format}`
    : `${written} ${issue.message}`;
}

const WORDS: Readonly<Record<string, string>> = {
  string: 'text',
  object: 'a map',
  record: 'a map',
  array: 'a list',
  number: 'a number',
  int: 'a whole number',
  boolean: 'true or false',
  bigint: 'a whole number',
};

function word(expected: string): string {
  return WORDS[expected] ?? expected;
}

function expectation(issue: Issue & { code: 'invalid_type' }): string {
  return issue.message.startsWith('Invalid input') ? `expected ${word(issue.expected)}` : issue.message;
}

function unionExpectation(issue: Issue & { code: 'invalid_union' }): string {
  const wanted = new Set<string>();
  for (const branch of issue.errors) {
    for (const each of branch)
      if (each.code === 'invalid_type' && each.path.length === 0) wanted.add(word(each.expected));
  }
  return wanted.size === 0 ? 'expected another value' : `expected ${[...wanted].join(' or ')}`;
}

function bound(
  which: string,
  limit: number | bigint,
  issue: { origin: string; inclusive?: boolean | undefined },
): string {
  const strict = issue.inclusive === false;
  if (issue.origin === 'array' || issue.origin === 'string') {
    const unit = issue.origin === 'array' ? 'entries' : 'characters';
    return limit === 1 && which === 'at least' ? 'must not be empty' : `must have ${which} ${limit} ${unit}`;
  }
  if (strict) return `must be ${which === 'at least' ? 'above' : 'below'} ${limit}`;
  return `must be ${which} ${limit}`;
}

function keyMessage(issue: Issue & { code: 'invalid_key' }): string {
  const message = issue.issues[0]?.message ?? '';
  return message === '' || message.startsWith('Invalid') ? 'is not allowed here' : message;
}

/** What is written at `path`, in words. */
function describe(places: Places, path: Path): string {
  const tree = treeAt(places.root, path);
  if (tree?.kind === 'map') return 'a map';
  if (tree?.kind === 'list') return tree.items.length === 0 ? 'an empty list' : 'a list';
  const value = tree?.value;
  if (value === null || value === undefined) return tree?.text ? tree.text : 'nothing';
  if (typeof value === 'string') return `"${shorten(value)}"`;
  if (typeof value === 'number' || typeof value === 'bigint') return `the number ${tree?.text}`;
  if (typeof value === 'boolean') return String(value);
  return `a JavaScript ${typeof value}`;
}

function shorten(text: string): string {
  return text.length > 60 ? `${text.slice(0, 57)}...` : text;
}

function inside(path: Path): string {
  return path.length === 0 ? '' : ` in ${formatPath(path)}`;
}

function keysOf(places: Places, path: Path): Iterable<string> {
  const tree = treeAt(places.root, path);
  return tree?.kind === 'map' ? tree.entries.keys() : [];
}

function scalarAt(places: Places, path: Path): unknown {
  const tree = treeAt(places.root, path);
  return tree?.kind === 'scalar' ? tree.value : undefined;
}

function isMissing(path: Path, { places }: IssueContext): boolean {
  return path.length > 0 && treeAt(places.root, path) === undefined;
}

function toPath(path: readonly PropertyKey[]): Path {
  return path.map((part) => (typeof part === 'number' ? part : String(part)));
}

function lower(text: string): string {
  return `${text.charAt(0).toLowerCase()}${text.slice(1)}`;
}

export function problem(code: string, message: string, place: Place | undefined, hint?: string): Problem {
  return {
    severity: 'error',
    code,
    message,
    ...defined({ place, hint }),
  };
}
