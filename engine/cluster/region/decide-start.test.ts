import { describe, expect, it } from 'vitest';
import type { AssignmentDocument } from '../documents/assignment.ts';
import { versioned } from '../documents/document.ts';
import { nextEpoch, nextStep, STEP, stepOf } from '../documents/epochs.ts';
import type { RegionRecord } from '../documents/region-record.ts';
import { decideStart, type Situation } from './decide-start.ts';

const me = { site: 'plant', agent: 'a' };
const region = { epoch: STEP, leader: me, handover: true };
const assignment: AssignmentDocument = {
  ...versioned,
  namespace: 'default',
  app: 'shop',
  revision: 3,
  deployed: 3,
  wanted: 'running',
  term: 1,
  plan: '',
  distributed: '',
  checkpoint: { every: 1_000, keep: 3 },
  regions: { main: region },
  fragments: {},
  agents: [],
  nodes: {},
  troubles: [],
};
const record: RegionRecord = {
  ...versioned,
  namespace: 'default',
  app: 'shop',
  region: 'main',
  deployed: 3,
  epoch: STEP + 4,
  holder: me,
  incarnation: 'x',
  released: false,
  finished: false,
  checkpoint: 7,
  reserved: 23,
};

function start(changes: Partial<Situation> = {}): ReturnType<typeof decideStart> {
  return decideStart({
    assignment,
    region,
    record,
    mayTake: true,
    mayReturn: false,
    restarted: false,
    seen: 0,
    ...changes,
  });
}

describe('epochs', () => {
  it('of the coordinator are above whatever leaders counted up to', () => {
    expect(nextStep([STEP + 7, 3])).toBe(2 * STEP);
    expect(nextStep([])).toBe(STEP);
    expect(stepOf(2 * STEP + 9)).toBe(2 * STEP);
  });

  it('of a leader go on within its step, and no further', () => {
    expect(nextEpoch(STEP, 0)).toBe(STEP);
    expect(nextEpoch(STEP, STEP)).toBe(STEP + 1);
    expect(nextEpoch(STEP, 2 * STEP - 1)).toBeUndefined();
    expect(nextEpoch(STEP, 2 * STEP)).toBeUndefined();
  });
});

describe('starting a region', () => {
  it('begins at the beginning where nothing is known', () => {
    expect(start({ record: undefined })).toEqual({
      kind: 'go',
      epoch: STEP,
      from: { kind: 'beginning' },
      firstCheckpoint: 1,
    });
  });

  it('goes on from the last complete checkpoint, with ids that nobody can have used', () => {
    expect(start()).toEqual({
      kind: 'go',
      epoch: STEP + 5,
      from: { kind: 'checkpoint', limit: 7, exactly: false, epoch: STEP + 4 },
      firstCheckpoint: 24,
    });
  });

  it('is above what the own disk knows, though the record is older', () => {
    expect(start({ seen: STEP + 9 })).toMatchObject({ kind: 'go', epoch: STEP + 10 });
  });

  it('waits for whoever may give the record back, where what ran here is later than the record, or it is only hearsay', () => {
    const waits = { kind: 'wait', phase: 'acquiring' };
    const mayReturn = true;
    expect(start({ mayReturn, record: undefined, seen: STEP })).toMatchObject(waits);
    expect(start({ mayReturn, seen: STEP + 5 })).toMatchObject(waits);
    expect(start({ mayReturn, record: { ...record, incarnation: '' } })).toMatchObject(waits);
    expect(start({ mayReturn, seen: STEP + 4 })).toMatchObject({ kind: 'go' });
    // the server was started anew since: on which disk nobody knows
    expect(start({ mayReturn, restarted: true })).toMatchObject(waits);
    expect(start({ mayReturn, restarted: true, record: { ...record, released: true } })).toMatchObject({ kind: 'go' });
    expect(start({ restarted: true })).toMatchObject({ kind: 'go' });
    // it ran here, too, but before the region was elsewhere, or began anew
    const later = { epoch: 3 * STEP, since: 2 * STEP, leader: me, handover: true };
    expect(start({ mayReturn, region: later, record: undefined, seen: STEP })).toMatchObject({ kind: 'go' });
  });

  it('waits where a later assignment is in force', () => {
    expect(start({ record: { ...record, epoch: 2 * STEP } })).toMatchObject({ kind: 'wait', phase: 'fenced' });
  });

  it('waits for a former holder that lives, unless it is urgent or it has let go', () => {
    const later = { ...region, epoch: 2 * STEP };
    expect(start({ region: later, mayTake: false })).toMatchObject({ kind: 'wait', phase: 'acquiring' });
    expect(start({ region: { ...later, handover: false }, mayTake: false })).toMatchObject({ kind: 'go' });
    expect(start({ region: later, mayTake: false, record: { ...record, released: true } })).toMatchObject({
      kind: 'go',
    });
  });

  it('does not start what has finished, until it is deployed again, and then from the beginning', () => {
    const finished = { ...record, finished: true };
    expect(start({ record: finished })).toEqual({ kind: 'finished' });
    expect(start({ record: { ...finished, deployed: 2 } })).toMatchObject({ kind: 'go', from: { kind: 'beginning' } });
  });

  it('is to flow out where something has come to a checkpoint, or has been handed over, and is empty elsewhere', () => {
    const flowing: AssignmentDocument = { ...assignment, wanted: 'stopped', drain: true };
    expect(start({ assignment: flowing })).toMatchObject({ kind: 'go', from: { kind: 'checkpoint', limit: 7 } });
    const handed = { ...record, checkpoint: 0, from: [{ region: 'old', checkpoint: 2 }] };
    expect(start({ assignment: flowing, record: handed })).toMatchObject({ kind: 'go', from: { kind: 'handed' } });
    expect(start({ assignment: flowing, record: { ...record, checkpoint: 0 } })).toEqual({ kind: 'empty' });
    expect(start({ assignment: flowing, record: undefined })).toEqual({ kind: 'empty' });
    expect(start({ assignment: flowing, record: { ...record, finished: true } })).toEqual({ kind: 'finished' });
  });

  it('goes back to the checkpoint that was asked for, once', () => {
    const restoring = { ...assignment, restore: 5 };
    expect(start({ assignment: restoring, record: { ...record, deployed: 2 } })).toMatchObject({
      from: { kind: 'checkpoint', limit: 5, exactly: true },
    });
    expect(start({ assignment: restoring })).toMatchObject({ from: { limit: 7, exactly: false } });
  });

  it('drops the state where that was asked for, once', () => {
    const fresh = { ...assignment, fresh: true };
    expect(start({ assignment: fresh, record: { ...record, deployed: 2 } })).toMatchObject({
      from: { kind: 'beginning' },
    });
    expect(start({ assignment: fresh })).toMatchObject({ from: { limit: 7 } });
  });
});
