/** Takes a region over: reads its record, finds the checkpoint to start from, and writes the record anew at the next epoch. */
import { defined } from '../../defined.ts';
import type { CheckpointOrigin } from '../../runtime/fragment-handle.ts';
import type { Checkpoints } from '../../state/checkpoint/checkpoints.ts';
import type { RegionName } from '../../state/checkpoint/layout.ts';
import type { AssignmentDocument, RegionAssignment } from '../documents/assignment.ts';
import { versionOf } from '../documents/document.ts';
import { sameAgent } from '../documents/names.ts';
import type { RegionRecord } from '../documents/region-record.ts';
import { UNHEARD } from '../memory/region-records.ts';
import { chooseCheckpoint } from './choose-checkpoint.ts';
import type { RegionContext } from './context.ts';
import { decideStart, RESERVE, type Start, type StartFrom } from './decide-start.ts';
import { type Heir, inherit } from './origins.ts';
import { RegionRun } from './run.ts';

export type Takeover =
  | { readonly kind: 'taken'; readonly run: RegionRun; readonly store: Checkpoints; readonly firstCheckpoint: number }
  | Exclude<Start, { readonly kind: 'go' }>;

export interface Waiting {
  /** A living former holder is waited for. */
  readonly patient: boolean;
  /** So is, for longer, whoever may be back with what is missing of a checkpoint. */
  readonly hopeful: boolean;
  /** An epoch that somebody else spoke of. */
  readonly above: number;
  /** See `RunOptions`. */
  readonly memories: Map<string, string>;
}

/**
 * Rejects with `nats.wrong-revision` where somebody else was first, with `state.no-checkpoint` or `state.no-sound-checkpoint` where there is
 * nothing to start from, though there should be.
 */
export async function takeOver(
  context: RegionContext,
  name: RegionName,
  assignment: AssignmentDocument,
  region: RegionAssignment,
  { patient, hopeful, memories, above }: Waiting,
): Promise<Takeover> {
  const { record, revision, restarted } = await context.records.load(name, name.region, region.domain);
  // Whatever its memory: a name is one process's (presence/own-name.ts), so that a former holder of the same name is gone, and hands nothing over.
  const mine = record === undefined || sameAgent(record.holder, context.name);
  const isLed = record !== undefined && !mine && context.isAlive(record.holder);
  const start = decideStart({
    assignment,
    region,
    record,
    mayTake: !patient || !isLed,
    // whoever is there gives it back soon
    mayReturn: isLed ? patient : hopeful,
    restarted: restarted === true && !mine,
    seen: Math.max(above, context.disk.epochOf(name, name.region)),
  });
  if (start.kind !== 'go') return start;
  const heir = { name, domain: region.domain, epoch: region.epoch, assignment, patient, hopeful };
  const past = await pastOf(context, heir, region, start.from);
  if (past.kind !== 'past') return past;
  const { checkpoint, origins } = past;
  const firstCheckpoint = Math.max(start.firstCheckpoint, past.reserved + 1);
  const { from: _, prepared: __, ...known } = { from: undefined, prepared: undefined, ...record };
  const { releasedAt, releasedBytes, ...before } = known;
  const next: RegionRecord = {
    ...before,
    ...versionOf(origins !== undefined || region.since !== undefined),
    namespace: name.namespace,
    app: name.app,
    region: name.region,
    deployed: assignment.deployed,
    epoch: start.epoch,
    holder: context.name,
    incarnation: context.incarnation,
    released: false,
    finished: false,
    checkpoint: checkpoint ?? 0,
    reserved: firstCheckpoint - 1 + RESERVE,
    ...defined({ from: origins }),
  };
  const saved = await context.records.save(next, region.domain, revision);
  const run = new RegionRun({
    assignment,
    region: name.region,
    assigned: region,
    record: next,
    revision: saved,
    memories,
    ...defined({ checkpoint, origins }),
    ...(record?.released === true ? { release: defined({ releasedAt, releasedBytes }) } : {}),
  });
  const store = await context.checkpoints(name, region.domain, assignment.checkpoint.keep);
  return { kind: 'taken', run, store, firstCheckpoint };
}

type Past =
  | Extract<Takeover, { readonly kind: 'wait' | 'finished' | 'empty' }>
  | {
      readonly kind: 'past';
      readonly checkpoint?: number;
      readonly origins?: readonly CheckpointOrigin[];
      /** The highest id that was used there. */
      readonly reserved: number;
    };

/** What it goes on from. */
async function pastOf(context: RegionContext, heir: Heir, region: RegionAssignment, from: StartFrom): Promise<Past> {
  const { name } = heir;
  switch (from.kind) {
    case 'beginning':
      return { kind: 'past', reserved: 0 };
    case 'handed':
      return { kind: 'past', origins: from.from, reserved: 0 };
    case 'checkpoint': {
      const limits = { ...from, since: region.since ?? 0 };
      const checkpoint = await chooseCheckpoint(context, heir, { ...name, domain: region.domain }, limits);
      return { kind: 'past', checkpoint, reserved: checkpoint > from.limit ? checkpoint + UNHEARD : 0 };
    }
    case 'origins': {
      const inherited = await inherit(context, heir, from.origins);
      if (inherited.kind !== 'from') return inherited;
      const { from: origins, reserved } = inherited;
      return { kind: 'past', reserved, ...(origins.length === 0 ? {} : { origins }) };
    }
  }
}
