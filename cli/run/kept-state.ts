/** Asked before a graph takes the place of one that has state: nothing of it is dropped without the user's word. */
import { readFile, rename, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { compareStates, type StateChange } from '../../engine/compile/compare-states.ts';
import { externalError, messageOf, type Problem, userError } from '../../engine/errors.ts';
import { isKnownVersion, plainPlan } from '../../engine/graph/deployable.ts';
import type { LogicalPlan } from '../../engine/graph/plan.ts';
import { parseValue, stringifyValue } from '../../engine/json.ts';
import { makeDirectory } from '../../engine/state/blobs/files.ts';

/**
 * What becomes of the state of `before`. Throws `state.would-drop` with everything that `after` would drop of it; `way`: how to say that it may.
 * `gone`: nodes that are not in the graph any more, as the user knows.
 */
export function mustKeepState(
  before: LogicalPlan,
  after: LogicalPlan,
  way: string,
  gone: ReadonlySet<string> = new Set(),
): readonly StateChange[] {
  const { changes, dropped: all } = compareStates(carried(before), carried(after));
  const there = new Set([...after.sources, ...after.operators].map(({ name }) => name));
  const dropped = all.filter(({ node }) => there.has(node) || !gone.has(node));
  if (dropped.length === 0) return changes;
  const places = new Map([...after.sources, ...after.operators].map(({ name, place }) => [name, place]));
  const hint = `give it back its name and its meaning, or ${way}`;
  const problems = dropped.map(({ kind, node, reason }): Problem => {
    const place = places.get(node);
    const what = kind === 'source' ? `how far "${node}" was read` : `the state of "${node}"`;
    const message = `${what} would be dropped: ${reason}`;
    return { severity: 'error', code: 'state.would-drop', message, ...(place === undefined ? {} : { place }), hint };
  });
  throw userError('state.would-drop', problems.map(({ message }) => message).join('; '), { problems, hint });
}

/** As it is after a journey: without members that are undefined. */
function carried(plan: LogicalPlan): LogicalPlan {
  return parseValue(stringifyValue(plainPlan(plan))) as LogicalPlan;
}

export interface KeptGraph {
  readonly directory: string;
  readonly plan: LogicalPlan;
  /** There is state of the graph that was run here before. */
  readonly hasState: boolean;
}

/** Beside the state in a directory the graph that it is of; throws as `mustKeepState`. */
export async function keepGraph({ directory, plan, hasState }: KeptGraph): Promise<void> {
  const path = join(directory, 'graphs', plan.namespace, `${plan.name}.json`);
  const before = hasState ? await readPlan(path) : undefined;
  if (before !== undefined) mustKeepState(before, plan, 'begin anew: --fresh');
  try {
    await makeDirectory(dirname(path));
    await writeFile(`${path}.new`, stringifyValue(plainPlan(plan)));
    await rename(`${path}.new`, path);
  } catch (error) {
    const reason = messageOf(error);
    throw externalError('state.write', `${directory} cannot hold state: ${reason}`, { cause: error });
  }
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
