/**
 * What a region takes over from regions that were: each is fenced by its record first, so that nothing more can become complete there, and
 * then its last complete checkpoint is what the new region goes on from.
 */
import { defined } from '../../defined.ts';
import { CloudskinError } from '../../errors.ts';
import type { CheckpointOrigin } from '../../runtime/fragment-handle.ts';
import type { RegionName } from '../../state/checkpoint/layout.ts';
import type { AssignmentDocument, RegionOrigin } from '../documents/assignment.ts';
import { stepOf } from '../documents/epochs.ts';
import { agentLabel, sameAgent } from '../documents/names.ts';
import type { RegionRecord } from '../documents/region-record.ts';
import { chooseCheckpoint } from './choose-checkpoint.ts';
import type { RegionContext } from './context.ts';

export interface Heir {
  readonly name: RegionName;
  readonly domain: string | undefined;
  /** As it was assigned. */
  readonly epoch: number;
  readonly assignment: AssignmentDocument;
  /** A living former holder is waited for. */
  readonly patient: boolean;
  /** What is missing of a checkpoint may be put back yet. */
  readonly hopeful: boolean;
}

export type Inherited =
  | { readonly kind: 'wait'; readonly why: string; readonly phase: 'acquiring' | 'fenced' }
  /** Everything had run to its end in this very deployment. */
  | { readonly kind: 'finished' }
  /** `from` is empty where none of them ever completed anything. `reserved`: the highest id that any of them may have used. */
  | { readonly kind: 'from'; readonly from: readonly CheckpointOrigin[]; readonly reserved: number };

interface Found {
  readonly origin: RegionOrigin;
  readonly record: RegionRecord;
}

/** Rejects where a record cannot be read, unless its site was given up, and as `chooseCheckpoint` does. */
export async function inherit(
  context: RegionContext,
  heir: Heir,
  origins: readonly RegionOrigin[],
): Promise<Inherited> {
  const found: Found[] = [];
  for (const origin of origins) {
    const all = await fenced(context, heir, origin);
    if ('kind' in all) return all;
    found.push(...all);
  }
  const { deployed } = heir.assignment;
  const isOver = ({ record }: Found): boolean => record.finished && record.deployed === deployed;
  if (found.length > 0 && found.every(isOver)) return { kind: 'finished' };
  const from: CheckpointOrigin[] = [];
  for (const one of found) from.push(...(await checkpointsOf(context, heir, one)));
  return { kind: 'from', from, reserved: Math.max(0, ...found.map(({ record }) => record.reserved)) };
}

/** The records that count, fenced; what was never started stands for what it would have gone on from. */
async function fenced(
  context: RegionContext,
  heir: Heir,
  origin: RegionOrigin,
): Promise<readonly Found[] | Extract<Inherited, { readonly kind: 'wait' }>> {
  const loaded = await load(context, heir, origin);
  if (loaded === undefined) return [];
  const { record, revision } = loaded;
  if (record === undefined || record.epoch < origin.since) {
    const all: Found[] = [];
    for (const earlier of origin.from) {
      const some = await fenced(context, heir, earlier);
      if ('kind' in some) return some;
      all.push(...some);
    }
    return all;
  }
  if (stepOf(record.epoch) > heir.epoch)
    return { kind: 'wait', phase: 'fenced', why: 'a later assignment is in force' };
  if (record.epoch < heir.epoch) {
    if (mustWait(context, heir, record)) {
      return { kind: 'wait', phase: 'acquiring', why: `${agentLabel(record.holder)} hands ${origin.region} over` };
    }
    const isOwn = origin.region === heir.name.region && origin.domain === heir.domain;
    // Its own record is written anew, which does it.
    if (!isOwn) await context.records.fence({ ...record, epoch: heir.epoch, released: true }, origin.domain, revision);
  }
  return [{ origin, record }];
}

function mustWait(context: RegionContext, { assignment, name, patient }: Heir, record: RegionRecord): boolean {
  if (record.released || record.finished || !patient) return false;
  const isHandedOver = assignment.regions[name.region]?.handover === true;
  // Also this agent itself, which may be about to end what it leads there.
  return isHandedOver && (sameAgent(record.holder, context.name) || context.isAlive(record.holder));
}

async function load(context: RegionContext, { name }: Heir, { region, domain, lost }: RegionOrigin) {
  try {
    return await context.records.load(name, region, domain);
  } catch (error) {
    if (!lost || !(error instanceof CloudskinError) || error.domain !== 'external') throw error;
    context.log('warn', `what region ${region} came to is out of reach, and its site was forgotten: it is left`, {
      namespace: name.namespace,
      app: name.app,
      region: name.region,
      code: 'cluster.state-lost',
    });
    return undefined;
  }
}

async function checkpointsOf(
  context: RegionContext,
  heir: Heir,
  { origin, record }: Found,
): Promise<readonly CheckpointOrigin[]> {
  const { name, assignment } = heir;
  const isNew = record.deployed !== assignment.deployed;
  const restore = isNew ? assignment.restore : undefined;
  // What has run to its end runs again from the beginning when it is deployed again.
  if (record.finished && restore === undefined) return [];
  if (record.checkpoint === 0 && restore === undefined) return record.from ?? [];
  const { region, domain, since } = origin;
  const limits = { limit: restore ?? record.checkpoint, exactly: restore !== undefined, since };
  const checkpoint = await chooseCheckpoint(context, heir, { ...name, region, domain }, limits);
  return [{ region, checkpoint, ...defined({ domain }) }];
}
