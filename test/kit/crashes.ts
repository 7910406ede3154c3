/** Runs a plan as one fragment that is given up and started again from its checkpoint, as often and wherever a test says. */
import { openCell } from '../../engine/cell/open.ts';
import type { FragmentPlan } from '../../engine/compile/fragment-plan.ts';
import { fuse } from '../../engine/compile/fuse.ts';
import { Fragment } from '../../engine/runtime/fragment/fragment.ts';
import { planOrThrow, prepareText } from '../../engine/runtime/prepare.ts';
import { wholeFragment } from '../../engine/runtime/run/deployment.ts';
import { MemoryLog } from '../../engine/state/log/memory.ts';
import type { Ledger } from './ledger.ts';
import { MemoryCheckpoints } from './memory-checkpoints.ts';

export type Execution = 'compiled' | 'kernels';

export async function planFor(graph: string, ledger: Ledger): Promise<FragmentPlan> {
  const prepared = await prepareText(graph, 'graph.yaml', { connectors: [ledger.connector], environment: {} });
  return wholeFragment(fuse(planOrThrow(prepared)));
}

export interface Crash {
  /** The batch of the run, counted over all partitions, before which it is cut. */
  readonly at: number;
  /** Whether its leader gets so far as to commit before all is lost. */
  readonly committed: boolean;
  /** Batches that are still taken in before all is lost. */
  readonly further?: number;
}

/**
 * Runs to the end in spite of the crashes, each in a run of its own, executions in turn. A crash past the end of the input does not happen. Resolves to how many
 * crashes there were.
 */
export async function runThrough(
  plan: FragmentPlan,
  ledger: Ledger,
  crashes: readonly Crash[],
  executions: readonly Execution[] = ['compiled'],
  journals?: Map<string, MemoryLog>,
): Promise<number> {
  const store = new MemoryCheckpoints();
  let checkpoint = 0;
  for (let run = 0; ; run++) {
    const crash = crashes[run];
    const execution = executions[run % executions.length] ?? 'compiled';
    const outcome = await runOnce(plan, ledger, store, { from: checkpoint, crash, execution, journals });
    checkpoint += 1;
    if (outcome === 'ended') return run;
  }
}

interface Once {
  readonly from: number;
  readonly crash: Crash | undefined;
  readonly execution: Execution;
  readonly journals: Map<string, MemoryLog> | undefined;
}

async function runOnce(
  plan: FragmentPlan,
  ledger: Ledger,
  store: MemoryCheckpoints,
  { from, crash, execution, journals }: Once,
): Promise<'ended' | 'crashed'> {
  const id = from + 1;
  let crashed = false;
  let saved = Promise.withResolvers<void>();
  const fragment: Fragment = new Fragment(plan, {
    runtime: {
      connectors: [ledger.connector],
      openCell: (cell) => openCell(cell, { execution }),
    },
    saver: store.saver,
    ...(journals === undefined ? {} : { journal: async (source, partition) => reopened(journals, source, partition) }),
    ...(from === 0 ? {} : { restored: { checkpoint: from, snapshots: [store.snapshot(from, plan.name)] } }),
    events: {
      saved: () => saved.resolve(),
      notSaved: (_, error) => saved.reject(error),
      ended: () => {
        if (crashed) return;
        saved = Promise.withResolvers();
        fragment.checkpoint(id);
        void saved.promise.then(() => fragment.commit(id)).then(() => fragment.finish());
      },
    },
  });
  let batches = 0;
  ledger.onBatch = async () => {
    if (crash === undefined) return;
    if (crashed && batches++ >= crash.at + (crash.further ?? 0)) void fragment.stop('discard');
    if (crashed || batches++ !== crash.at) return;
    crashed = true;
    fragment.checkpoint(id);
    await saved.promise;
    if (crash.committed) await fragment.commit(id);
    if (crash.further === undefined) void fragment.stop('discard');
  };
  try {
    await fragment.run();
  } catch (error) {
    if (!crashed || fragment.status().state !== 'stopped') throw error;
  }
  return crashed ? 'crashed' : 'ended';
}

/** The log of a partition as a crash has left it. */
function reopened(journals: Map<string, MemoryLog>, source: string, partition: string): MemoryLog {
  const name = `${source} ${partition}`;
  const log = journals.get(name) ?? new MemoryLog({ maxBytes: 1 << 20 });
  journals.set(name, log);
  log.crash();
  return log;
}
