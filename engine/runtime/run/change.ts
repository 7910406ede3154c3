/**
 * Changes the plan of a run while rows flow: everything of the new one is prepared beside the old one, then the old fragments hand over at a
 * checkpoint. Up to then a failure changes nothing; from then on it is the run's.
 */
import type { DistributedPlan } from '../../compile/fragment-plan.ts';
import type { CloudskinError } from '../../errors.ts';
import type { Ports } from '../../ports.ts';
import { Latch } from '../control.ts';
import type { FragmentHost, TookOver } from '../fragment-handle.ts';
import { bequestsOf, hostsOf } from '../handover/bequests.ts';
import { successionOf } from '../handover/succession.ts';
import { Generation, known } from './generation.ts';

export interface ChangeReceipt {
  /** Milliseconds: of what stood still the longest, from its cut to the first row or watermark in its new place. */
  readonly pause: number;
  /** Milliseconds from the request until all was done. */
  readonly total: number;
  /** Of snapshots. */
  readonly bytes: number;
  /** Sources, sinks and cells that went on as they were, and cells whose state went by snapshot. */
  readonly adopted: number;
  readonly carried: number;
  /** Of copies made ahead of the cut, the most of any cell; and the milliseconds that they let expect, where any were made. */
  readonly rounds: number;
  readonly predicted?: number;
  /** The checkpoint was completed; where it was not, the next one covers what it would have. */
  readonly completed: boolean;
}

export interface ChangeOptions {
  readonly host: FragmentHost;
  readonly ports: Ports;
  /** That begins; another one with every attempt. */
  readonly epoch: number;
  /** The new generation is what runs, from this checkpoint on. */
  readonly begun: (next: Generation, checkpoint: number) => void;
  /** Of the run, once it is the new generation's. */
  readonly failed: (error: CloudskinError) => void;
  readonly over: (generation: Generation) => void;
  /** Ends every wait. */
  readonly isOver: Latch;
}

/** Rejects with what was in the way, the old plan running on; undefined where the run failed on the way. */
export async function changePlan(
  now: Generation,
  plan: DistributedPlan,
  options: ChangeOptions,
): Promise<ChangeReceipt | undefined> {
  const { ports, isOver } = options;
  const started = ports.monotonic();
  const { next, begin } = await prepared(now, plan, options);
  const heirs = { handles: next.handles, epoch: next.epoch, revision: plan.fragments[0]?.revision ?? 1 };
  let completed: boolean | undefined;
  try {
    completed = await now.leader?.handOver(heirs, begin);
  } catch (error) {
    await withdrawn(now, next);
    throw error;
  }
  const taken = await isOver.until(next.tookOver());
  if (taken === undefined) return undefined;
  await Promise.all(now.handles.map((handle) => handle.finish()));
  return { ...summed(taken), total: ports.monotonic() - started, completed: completed === true };
}

/** There will be no handover. */
async function withdrawn(now: Generation, next: Generation): Promise<void> {
  await Promise.all(now.handles.map((handle) => handle.bequeath(undefined).catch(() => undefined)));
  await next.stop();
}

interface PreparedGeneration {
  readonly next: Generation;
  /** From here on its failure is the run's. */
  readonly begin: (checkpoint: number) => void;
}

async function prepared(now: Generation, plan: DistributedPlan, options: ChangeOptions): Promise<PreparedGeneration> {
  const successions = successionOf(now.plan.fragments, plan.fragments);
  const bequests = bequestsOf(now.plan.fragments, plan.fragments, options.epoch);
  const formers = hostsOf(now.plan.fragments);
  const { next, failed, failure, begin } = generationOf(plan, options);
  try {
    await next.start(options.host, (name) => {
      const succession = successions.get(name);
      const takeover = succession === undefined ? {} : { takeover: { from: now.epoch, succession, formers } };
      return { peers: new Map<string, number>(), checkpointed: true, ...takeover };
    });
    await Promise.all(now.handles.map((handle) => handle.bequeath(bequests.get(handle.plan.name))));
    await options.isOver.until(failed.until(next.ready));
    const found = failure();
    if (found !== undefined) throw found;
  } catch (error) {
    await withdrawn(now, next);
    throw known(error);
  }
  return { next, begin };
}

interface Beginning extends PreparedGeneration {
  readonly failed: Latch;
  readonly failure: () => CloudskinError | undefined;
}

/** It lives as long as what it made: so it knows nothing of the generation before, which would keep the one before that. */
function generationOf(plan: DistributedPlan, options: ChangeOptions): Beginning {
  const failed = new Latch();
  let failure: CloudskinError | undefined;
  let hasBegun = false;
  const next = new Generation(plan, options.epoch, {
    failed: (error) => {
      failure ??= error;
      failed.trip();
      if (hasBegun) options.failed(error);
    },
    over: () => options.over(next),
  });
  const begin = (checkpoint: number): void => {
    hasBegun = true;
    options.begun(next, checkpoint);
    if (failure !== undefined) options.failed(failure);
  };
  return { next, begin, failed, failure: () => failure };
}

function summed(all: readonly TookOver[]) {
  const predicted = all.flatMap((one) => one.predicted ?? []);
  return {
    pause: Math.max(0, ...all.map(({ pause }) => pause)),
    bytes: all.reduce((sum, { bytes }) => sum + bytes, 0),
    adopted: all.reduce((sum, { adopted }) => sum + adopted, 0),
    carried: all.reduce((sum, { carried }) => sum + carried, 0),
    rounds: Math.max(0, ...all.map(({ rounds }) => rounds)),
    ...(predicted.length === 0 ? {} : { predicted: Math.max(...predicted) }),
  };
}
