/** Runs plans written by hand over the memory connector and stub cells. */
import type { Batch } from '../../engine/batch/batch.ts';
import { BatchBuilder } from '../../engine/batch/builder.ts';
import type { Schema } from '../../engine/batch/types.ts';
import { fuse } from '../../engine/compile/fuse.ts';
import type { TimePolicy } from '../../engine/graph/plan.ts';
import { Deployment, type RuntimeOptions } from '../../engine/runtime/run/deployment.ts';
import { Memory, type MemorySetup } from './memory-connector.ts';
import { type Draft, planOf } from './plans.ts';
import { type Calls, openStubCell } from './stub-cell.ts';

/** A row's number and its event time. */
export const EVENTS: Schema = {
  fields: [
    { name: 'id', type: { kind: 'int64' }, nullable: false },
    { name: 'at', type: { kind: 'timestamp', unit: 'us' }, nullable: true },
  ],
  time: 1,
};

export const SECOND = 1_000_000n;

/** Rows of `EVENTS`, times in seconds; numbered from `first`. */
export function events(seconds: readonly (number | null)[], first = 0): Batch {
  const builder = new BatchBuilder(EVENTS);
  for (const [index, second] of seconds.entries()) {
    builder.columns[0]?.append(BigInt(first + index));
    builder.columns[1]?.append(second === null ? null : BigInt(Math.round(second * 1e6)));
    builder.endRow();
  }
  return builder.finish();
}

/** Event time with `maxDelay` in seconds. */
export function timed(maxDelay: number, more: { idleAfter?: number; maxDrift?: number } = {}): TimePolicy {
  const micros = (seconds: number): bigint => BigInt(Math.round(seconds * 1e6));
  return {
    column: 1,
    maxDelay: micros(maxDelay),
    ...(more.idleAfter === undefined ? {} : { idleAfter: micros(more.idleAfter) }),
    ...(more.maxDrift === undefined ? {} : { maxDrift: micros(more.maxDrift) }),
  };
}

export interface Prepared {
  readonly memory: Memory;
  readonly deployment: Deployment;
  /** By cell name, what was asked of each. */
  readonly calls: ReadonlyMap<string, Calls>;
}

export function prepare(draft: Draft, setup: MemorySetup, options: Partial<RuntimeOptions> = {}): Prepared {
  const memory = new Memory(setup);
  const calls = new Map<string, Calls>();
  const deployment = new Deployment(fuse(planOf(draft)), {
    connectors: [memory.connector],
    openCell: (plan) => {
      const own: Calls = [];
      calls.set(plan.name, own);
      return openStubCell(plan, own);
    },
    ...options,
  });
  return { memory, deployment, calls };
}
