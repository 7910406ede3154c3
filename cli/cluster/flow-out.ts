/** Before an app begins anew: sinks that are not in its new graph, or go elsewhere there, show what they have written, as `undeploy` has them do. */
import type { ClusterClient } from '../../engine/cluster/client.ts';
import type { StateChange } from '../../engine/compile/compare-states.ts';
import type { LogicalPlan } from '../../engine/graph/plan.ts';
import type { Progress } from '../output/progress.ts';
import { leftBehind, leftSinks } from '../run/kept-state.ts';
import { awaitApp } from './await-app.ts';
import { isStopped, letEnd } from './change-app.ts';

export interface FlowOut {
  readonly progress: Progress;
  /** Milliseconds. */
  readonly timeout: number;
}

/** Ends the app as it was where it has such sinks; lines for people that say what became of their output. `before`: the graph that runs. */
export async function letFlowOut(
  client: ClusterClient,
  before: LogicalPlan,
  after: LogicalPlan,
  { progress, timeout }: FlowOut,
): Promise<string> {
  const sinks = leftSinks(before, after);
  if (sinks.length === 0) return '';
  progress.step(`letting flow out what ${sinks.map(({ node }) => node).join(', ')} has not shown yet`);
  const name = { namespace: after.namespace, app: after.name };
  const awaited = { progress, timeout, done: isStopped, mayFail: true };
  if ((await client.app(name))?.wanted !== 'stopped') await letEnd(client, name, awaited);
  const { regions } = await awaitApp(client, await client.want(name, 'undeployed', true), awaited);
  const isShown = regions.every(({ phase }) => phase === 'finished');
  return sinks.map((sink) => (isShown ? shown(sink) : leftBehind(sink))).join('');
}

function shown({ node, target }: StateChange): string {
  return `sink "${node}" (${target}) has shown all that it wrote\n`;
}
