/** What sinks have written on this agent's machine and nobody was shown, once nothing will go on from it. */
import { existsSync } from 'node:fs';
import { connectors } from '../../../connectors/registry.ts';
import type { Left } from '../../../engine/cluster/memory/housekeeping.ts';
import type { FragmentPlan } from '../../../engine/compile/fragment-plan.ts';
import type { SinkContext } from '../../../engine/graph/connector.ts';
import type { SinkNode } from '../../../engine/graph/plan.ts';
import { resolveSecrets } from '../../../engine/graph/secrets.ts';
import { realPorts } from '../../../engine/ports.ts';
import { identityOf } from '../../../engine/runtime/fragment/identity.ts';
import { secretsOf } from '../../../engine/runtime/options.ts';

/** Removes what was written at epochs up to `epoch`; `own`: the directory of graphs that have none here. */
export async function dropHeld({ fragments, directory }: Left, epoch: number, own: string): Promise<void> {
  for (const plan of fragments) {
    for (const sink of plan.sinks) {
      const spec = connectors.find(({ name }) => name === sink.connector)?.sink;
      const context = contextOf(plan, sink, epoch, directory !== undefined && existsSync(directory) ? directory : own);
      await spec?.forget?.(resolveSecrets(sink.options, secretsOf({})), context);
    }
  }
}

function contextOf(plan: FragmentPlan, { name }: SinkNode, epoch: number, directory: string): SinkContext {
  return {
    name,
    directory,
    signal: new AbortController().signal,
    ports: realPorts,
    bounded: false,
    stdout: () => undefined,
    color: false,
    width: 120,
    identity: identityOf(plan, name),
    epoch,
    checkpointed: true,
  };
}
