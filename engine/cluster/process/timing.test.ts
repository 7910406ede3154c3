import { describe, expect, test } from 'vitest';
import * as timing from './timing.ts';

describe('timing of the control plane', () => {
  test('an agent is lost within a second, though three beats may fail', () => {
    expect(timing.LOST_AFTER).toBeLessThanOrEqual(1_000);
    expect(timing.LOST_AFTER).toBeGreaterThan(3 * timing.BEAT);
    expect(timing.READY_AFTER).toBeGreaterThan(timing.BEAT);
    expect(timing.READY_AFTER).toBeLessThan(timing.LOST_AFTER);
    expect(timing.NAME_ANSWERS).toBeLessThan(timing.LOST_AFTER);
  });

  test('another coordinator has the lease within five seconds of the last renewal', () => {
    // seen by a look after the renewal, taken by the first look after it has expired
    expect(timing.LEASE_EXPIRES + 2 * timing.LEASE_TEND).toBeLessThanOrEqual(5_000);
  });

  test('a holder has a second for a renewal, and believes no longer than others wait by a clock that is a tenth faster', () => {
    expect(timing.LEASE_BELIEVED - timing.LEASE_RENEW - timing.LEASE_TEND).toBeGreaterThanOrEqual(1_000);
    expect(timing.LEASE_BELIEVED * 1.1).toBeLessThan(timing.LEASE_EXPIRES);
  });

  test('a new coordinator has heard every agent that lives before it judges, and silence has consequences one after the other', () => {
    expect(timing.LISTEN).toBeGreaterThan(timing.LOST_AFTER + timing.BEAT);
    expect(timing.UNPLACED).toBeGreaterThan(timing.LOST_AFTER);
    expect(timing.PASSED_OVER).toBeGreaterThan(timing.LOST_AFTER);
    expect(timing.REBUILT_AFTER).toBeGreaterThan(timing.PASSED_OVER);
    // a coordinator that is lost with the site has a successor by then
    expect(timing.REBUILT_AFTER).toBeGreaterThan(timing.LEASE_EXPIRES + 2 * timing.LEASE_TEND + timing.LISTEN);
  });

  test('whoever waits for a handover waits longer than it may take', () => {
    expect(timing.STOPPING).toBeGreaterThan(timing.LETS_GO);
    expect(timing.HANDOVER).toBeGreaterThan(timing.LAST_CHECKPOINT + timing.STOPPING);
    expect(timing.ABANDONED).toBeGreaterThan(timing.HANDOVER);
    expect(timing.CHECKPOINT_PATIENCE).toBeGreaterThan(timing.ABANDONED);
  });

  test('an agent that leaves is gone within five seconds', () => {
    expect(timing.LEAVING_CHECKPOINT).toBeLessThan(timing.LEAVING_CHECKPOINTS);
    expect(timing.LEAVING_CHECKPOINTS + timing.LEAVING_LETS_GO).toBeLessThan(5_000);
    expect(timing.PARTING + timing.PARTED_CHECKPOINTS + timing.LEAVING_LETS_GO).toBeLessThan(5_000);
    expect(timing.PARTING_ANSWERS).toBeLessThan(timing.PARTING);
  });

  test('what a restored server has lost comes back several times over before an earlier checkpoint is used', () => {
    expect(timing.RETURN).toBeGreaterThanOrEqual(5 * timing.LOOK_AGAIN);
    expect(timing.RETURN).toBeGreaterThanOrEqual(5 * timing.HOUSEKEEPING);
    expect(timing.UNNAMED).toBeGreaterThanOrEqual(5 * timing.LOOK_AGAIN);
    // an agent has followed what is on its disk before the coordinator takes it for lost
    expect(timing.GIVE_BACK).toBeGreaterThan(timing.DISK_AFTER);
    expect(timing.DISK_AFTER).toBeGreaterThan(timing.WHERE_ANSWERS);
  });
});
