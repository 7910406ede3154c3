/** Asked before a graph takes the place of one that has state: nothing of it is dropped without the user's word. */

import { readFile, rename, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { compareStates, type StateChange } from '../../engine/compile/compare-states.ts';
import { defined } from '../../engine/defined.ts';
import { externalError, messageOf, type Problem, userError } from '../../engine/errors.ts';
import { isKnownVersion, plainPlan } from '../../engine/graph/deployable.ts';
import type { LogicalPlan } from '../../engine/graph/plan.ts';
import { parseValue, stringifyValue } from '../../engine/json.ts';
import { makeDirectory } from '../../engine/state/blobs/files.ts';

/** What a user may do about state that would be dropped, as the end of a hint. */
export interface WaysOut {
  /** How to have what sinks hold back completed first. */
  readonly complete: string;
  /** How to say that it may be dropped. */
  readonly drop: string;
}

/**
 * What becomes of the state of `before`. Throws `state.would-drop` with everything that `after` would drop of it; `ways`: what to do instead.
 * `gone`: nodes that are not in the graph any more, as the user knows.
 */
export function mustKeepState(
  before: LogicalPlan,
  after: LogicalPlan,
  ways: WaysOut,
  gone: ReadonlySet<string> = new Set(),
): readonly StateChange[] {
  const { changes, dropped: all } = compareStates(carried(before), carried(after));
  const nodes = [...after.sources, ...after.operators, ...after.sinks];
  const there = new Set(nodes.map(({ name }) => name));
  const dropped = all.filter(({ node }) => there.has(node) || !gone.has(node));
  if (dropped.length === 0) return changes;
  const places = new Map(nodes.map(({ name, place }) => [name, place]));
  const problems = dropped.map((change): Problem => {
    const place = places.get(change.node);
    const message = `${whatOf(change)} would be dropped: ${change.reason}`;
    const hint = `give it back its name and its meaning, or ${change.kind === 'sink' ? `${ways.complete}, or ` : ''}${ways.drop}`;
    return { severity: 'error', code: 'state.would-drop', message, ...defined({ place }), hint };
  });
  const hint = problems.findLast((_, index) => dropped[index]?.kind === 'sink')?.hint ?? problems[0]?.hint;
  throw userError('state.would-drop', problems.map(({ message }) => message).join('; '), {
    problems,
    ...defined({ hint }),
  });
}

/** Sinks of `before` that have output which `after` would never show. */
export function leftSinks(before: LogicalPlan, after: LogicalPlan): readonly StateChange[] {
  return compareStates(carried(before), carried(after)).dropped.filter(({ kind }) => kind === 'sink');
}

/** Where to find what such a sink has left behind, as a line for people; empty for other changes. */
export function leftBehind({ kind, change, node, target = '' }: StateChange): string {
  if (kind !== 'sink' || change !== 'dropped') return '';
  const where = target.startsWith('file ') ? '; what there is of it lies beside it, called .NAME.held-*' : '';
  return `what sink "${node}" (${target}) wrote and had not shown is not shown any more${where}\n`;
}

function whatOf({ kind, node, target }: StateChange): string {
  if (kind === 'source') return `how far "${node}" was read`;
  if (kind === 'operator') return `the state of "${node}"`;
  return `what sink "${node}" (${target}) has written but not shown yet`;
}

/** As it is after a journey: without members that are undefined. */
function carried(plan: LogicalPlan): LogicalPlan {
  return parseValue(stringifyValue(plainPlan(plan))) as LogicalPlan;
}

const WAYS: WaysOut = {
  complete: 'let the graph as it was run to its end first, which shows what it wrote',
  drop: 'begin anew: --drop-state, which shows first what sinks wrote, or --fresh',
};

export interface KeptGraph {
  readonly directory: string;
  readonly plan: LogicalPlan;
  /** There is state of the graph that was run here before. */
  readonly hasState: boolean;
}

/** Beside the state in a directory the graph that it is of; throws as `mustKeepState`. */
export async function keepGraph({ directory, plan, hasState }: KeptGraph): Promise<void> {
  const path = pathOf(directory, plan);
  const before = hasState ? await readPlan(path) : undefined;
  if (before !== undefined) mustKeepState(before, plan, WAYS);
  try {
    await makeDirectory(dirname(path));
    await writeFile(`${path}.new`, stringifyValue(plainPlan(plan)));
    await rename(`${path}.new`, path);
  } catch (error) {
    const reason = messageOf(error);
    throw externalError('state.write', `${directory} cannot hold state: ${reason}`, { cause: error });
  }
}

function pathOf(directory: string, { namespace, name }: LogicalPlan): string {
  return join(directory, 'graphs', namespace, `${name}.json`);
}

/** The graph of the same name whose state is in the directory, where one is known. */
export function graphBefore(directory: string, plan: LogicalPlan): Promise<LogicalPlan | undefined> {
  return readPlan(pathOf(directory, plan));
}

/** Undefined where there is none; a state of before graphs were kept beside it is taken as it is. */
async function readPlan(path: string): Promise<LogicalPlan | undefined> {
  const text = await readFile(path, 'utf8').catch(() => undefined);
  if (text === undefined) return undefined;
  try {
    const plan = parseValue(text) as LogicalPlan;
    return isKnownVersion(plan) ? plan : undefined;
  } catch {
    return undefined;
  }
}
