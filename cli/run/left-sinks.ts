/**
 * Before `run --state` begins anew: what sinks of the graph before have written and not shown, where the new graph does not have them any more, is
 * shown up to the last checkpoint (`--drop-state`) or removed (`--fresh`).
 */
import { dirname } from 'node:path';
import { connectors } from '../../connectors/registry.ts';
import type { RestoredSink, SinkContext, SinkSpec } from '../../engine/graph/connector.ts';
import { sourcesOf } from '../../engine/graph/guarantee.ts';
import type { LogicalPlan, SinkNode } from '../../engine/graph/plan.ts';
import { resolveSecrets } from '../../engine/graph/secrets.ts';
import { realPorts } from '../../engine/ports.ts';
import { secretsOf } from '../../engine/runtime/options.ts';
import type { Checkpoints } from '../../engine/state/checkpoint/checkpoints.ts';
import { leftBehind, leftSinks } from './kept-state.ts';

export interface Left {
  readonly before: LogicalPlan;
  readonly after: LogicalPlan;
  /** Of the graph before. */
  readonly checkpoints: Checkpoints;
  /** A line for people. */
  readonly say: (text: string) => void;
}

/** Throws what opening and closing a sink throws: then nothing has been forgotten yet. */
export async function showLeft({ before, after, checkpoints, say }: Left): Promise<void> {
  const left = leftSinks(before, after);
  const held = left.length === 0 ? new Map<string, RestoredSink>() : await heldIn(checkpoints);
  for (const change of left) {
    const [sink, spec] = sinkOf(before, change.node);
    const restored = held.get(change.node);
    if (sink === undefined || spec === undefined || restored === undefined) {
      say(leftBehind(change));
      continue;
    }
    const context = { ...contextOf(before, sink), restored };
    const opened = await spec.open(resolveSecrets(sink.options, secretsOf({})), sink.input, context);
    const { rows } = await opened.close();
    say(`sink "${change.node}" (${change.target}) has shown what it wrote up to the last checkpoint: ${rows} rows\n`);
  }
}

export async function removeLeft({ before, after }: Pick<Left, 'before' | 'after'>): Promise<void> {
  for (const { node } of leftSinks(before, after)) {
    const [sink, spec] = sinkOf(before, node);
    if (sink !== undefined) await spec?.forget?.(sink.options, contextOf(before, sink));
  }
}

function sinkOf({ sinks }: LogicalPlan, name: string): [SinkNode | undefined, SinkSpec | undefined] {
  const sink = sinks.find((one) => one.name === name);
  return [sink, connectors.find((one) => one.name === sink?.connector)?.sink];
}

/** What sinks prepared for the newest sound checkpoint, by their names: in one process each sink is in one fragment. */
async function heldIn(checkpoints: Checkpoints): Promise<Map<string, RestoredSink>> {
  const { manifest } = await checkpoints.newest();
  const held = new Map<string, RestoredSink>();
  for (const { fragment } of manifest?.fragments ?? []) {
    if (manifest === undefined) break;
    const { sinks } = await checkpoints.load(manifest, fragment);
    for (const [name, { prepared: state, frozen }] of sinks) {
      held.set(name, { checkpoint: manifest.id, prepared: { state, frozen } });
    }
  }
  return held;
}

/** As the run before had it. */
function contextOf(plan: LogicalPlan, sink: SinkNode): SinkContext {
  return {
    name: sink.name,
    directory: dirname(plan.file),
    signal: new AbortController().signal,
    ports: realPorts,
    bounded: sourcesOf(plan, sink).every(({ bounded }) => bounded === true),
    stdout: () => undefined,
    color: false,
    width: 120,
    identity: `${plan.namespace}/${plan.name}/${sink.name}`,
    checkpointed: true,
  };
}
