import { describe, expect, it } from 'vitest';
import { type Ports, realPorts } from '../../ports.ts';
import { RestartReceipt } from './restart-receipt.ts';
import type { RunOptions } from './run.ts';
import { RegionRun } from './run.ts';

function clock(): { readonly ports: Ports; pass(milliseconds: number): void } {
  let now = 1_000;
  const ports = { ...realPorts, now: () => now + 1e12, monotonic: () => now };
  return {
    ports,
    pass: (milliseconds) => {
      now += milliseconds;
    },
  };
}

function run(epoch: number, more: Partial<RunOptions> = {}, handover = true): RegionRun {
  return new RegionRun({
    assignment: { revision: 7, fragments: { a: { region: 'main' }, b: { region: 'main' } } },
    region: 'main',
    assigned: { epoch: 131_072, handover },
    record: { epoch },
    revision: 1,
    ...more,
  } as unknown as RunOptions);
}

describe('the receipt of a restart', () => {
  it('counts the pause from the release to the moment when all runs, and the total from the assignment on', () => {
    const { ports, pass } = clock();
    const receipt = new RestartReceipt(ports);
    receipt.hears();
    pass(100);
    expect(receipt.releases('running', 4_096)).toEqual({ releasedAt: 1e12 + 1_100, releasedBytes: 4_096 });
    pass(30);
    const next = run(131_072);
    receipt.begins(next);
    pass(20);
    const made = receipt.runs(next);
    expect(made).toMatchObject({ revision: 7, how: 'restart', pause: 50, total: 150, bytes: 4_096, carried: 2 });
    expect(made).toMatchObject({ lost: 0, duplicated: 0, adopted: 0, rounds: 0 });
    expect(receipt.runs(next)).toBeUndefined();
  });

  it('goes by the record where another agent led before', () => {
    const { ports, pass } = clock();
    const receipt = new RestartReceipt(ports);
    pass(10);
    const next = run(131_072, { release: { releasedAt: ports.now() - 250, releasedBytes: 9 } });
    receipt.begins(next);
    expect(receipt.runs(next)).toMatchObject({ pause: 250, total: 250, bytes: 9 });
  });

  it('is none of what was started for another reason', () => {
    const { ports } = clock();
    const receipt = new RestartReceipt(ports);
    const release = { releasedAt: ports.now() - 250 };
    // after a failure, or the first time of all; where nobody handed it over
    for (const other of [run(131_073), run(131_072, { release }, false)]) {
      receipt.begins(other);
      expect(receipt.runs(other)).toBeUndefined();
    }
    // stopped by the user, and started again
    expect(receipt.releases('stopped', 1)).toEqual({});
    const resumed = run(131_072);
    receipt.begins(resumed);
    expect(receipt.runs(resumed)).toBeUndefined();
  });
});
