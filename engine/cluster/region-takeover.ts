/** Takes a region over: reads its record, finds the checkpoint to start from, and writes the record anew at the next epoch. */
import { userError } from '../errors.ts';
import type { Checkpoints } from '../state/checkpoints.ts';
import {
  type AssignmentDocument,
  type RegionAssignment,
  type RegionRecord,
  sameAgent,
  versioned,
} from './documents.ts';
import type { RegionContext, RegionName } from './region-context.ts';
import { RegionRun } from './region-run.ts';
import { decideStart, RESERVE, type Start, type StartFrom } from './region-start.ts';

export type Takeover =
  | { readonly kind: 'taken'; readonly run: RegionRun; readonly store: Checkpoints; readonly firstCheckpoint: number }
  | Exclude<Start, { readonly kind: 'go' }>;

/**
 * Rejects with `nats.wrong-revision` where somebody else was first, with `state.no-checkpoint` or `state.no-sound-checkpoint` where there is
 * nothing to start from, though there should be. `patient`: a living former holder is waited for.
 */
export async function takeOver(
  context: RegionContext,
  name: RegionName,
  assignment: AssignmentDocument,
  region: RegionAssignment,
  patient: boolean,
): Promise<Takeover> {
  const { record, revision } = await context.records.load(name, name.region, region.domain);
  const mine = record === undefined || sameAgent(record.holder, context.name);
  const start = decideStart({
    assignment,
    region,
    record,
    mayTake: mine || !patient || !context.isAlive(record.holder),
    seen: context.disk.epochOf(name, name.region),
  });
  if (start.kind !== 'go') return start;
  const store = await context.checkpoints(name, region.domain, assignment.checkpoint.keep);
  const checkpoint = await chooseCheckpoint(context, name, store, start.from);
  const next: RegionRecord = {
    ...(record ?? versioned),
    ...{ namespace: name.namespace, app: name.app, region: name.region, deployed: assignment.deployed },
    ...{ epoch: start.epoch, holder: context.name, incarnation: context.incarnation, released: false, finished: false },
    checkpoint: checkpoint ?? 0,
    reserved: start.firstCheckpoint - 1 + RESERVE,
  };
  const saved = await context.records.save(next, region.domain, revision);
  const run = new RegionRun({
    ...{ assignment, region: name.region, assigned: region, record: next, revision: saved },
    ...(checkpoint === undefined ? {} : { checkpoint }),
  });
  return { kind: 'taken', run, store, firstCheckpoint: start.firstCheckpoint };
}

async function chooseCheckpoint(
  context: RegionContext,
  name: RegionName,
  store: Checkpoints,
  from: StartFrom,
): Promise<number | undefined> {
  if (from.kind === 'beginning') return undefined;
  const { manifest, refused } = await store.newest(from.limit);
  const where = { namespace: name.namespace, app: name.app, region: name.region };
  for (const { id, problem } of refused) {
    context.log('warn', `checkpoint ${id} is refused: ${problem}`, { ...where, checkpoint: id, code: 'state.refused' });
  }
  if (manifest !== undefined && (manifest.id === from.limit || !from.exactly)) return manifest.id;
  const reason = refused.find(({ id }) => id === from.limit)?.problem;
  if (from.exactly) {
    throw userError('state.no-checkpoint', `region ${name.region} has no checkpoint ${from.limit}${because(reason)}`, {
      hint: 'cloudskin checkpoint list shows those there are',
    });
  }
  throw userError('state.no-sound-checkpoint', `no checkpoint of region ${name.region} can be used${because(reason)}`, {
    hint: 'deploy with --drop-state starts from the beginning and may repeat output',
  });
}

function because(reason: string | undefined): string {
  return reason === undefined ? '' : `: ${reason}`;
}
