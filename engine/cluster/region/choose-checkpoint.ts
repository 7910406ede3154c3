/** The checkpoint that a region starts from, of those that there are in a store. */
import { externalError, userError } from '../../errors.ts';
import type { Manifest } from '../../state/checkpoint/checkpoints.ts';
import type { RegionName } from '../../state/checkpoint/layout.ts';
import type { AssignmentDocument } from '../documents/assignment.ts';
import { sameAgent } from '../documents/names.ts';
import type { RegionContext } from './context.ts';

export interface Limits {
  /** No later one, unless of `epoch`. */
  readonly limit: number;
  /**
   * Of the region's record, where it may have gone back. What was completed in this epoch or a later one came after everything that was committed before that
   * epoch, and nothing else was committed since: to start there loses and repeats nothing. Of an earlier epoch it may be what a `restore` left behind.
   */
  readonly epoch?: number;
  /** That one and no other. */
  readonly exactly: boolean;
  /** Those of lower epochs are of an earlier time of the region. */
  readonly since: number;
}

/** Whoever starts from it. */
export interface Starting {
  readonly name: RegionName;
  readonly assignment: AssignmentDocument;
  /** Others that are there are waited for; and, for longer, whoever may be back with what is missing. */
  readonly patient: boolean;
  readonly hopeful: boolean;
}

/** A region, where it is now or where it was. */
export interface Former extends RegionName {
  readonly domain: string | undefined;
}

/**
 * Rejects with `state.not-whole` while other agents may put back what the store has lost; with `state.no-checkpoint` or `state.no-sound-checkpoint`, which
 * somebody who comes back may end, too, where there is nothing to start from, though there should be.
 */
export async function chooseCheckpoint(
  context: RegionContext,
  starting: Starting,
  { domain, ...name }: Former,
  { limit, exactly, since, epoch }: Limits,
): Promise<number> {
  const { keep } = starting.assignment.checkpoint;
  // going back on purpose is no going back of the store
  const known = exactly ? undefined : { id: limit, epoch: since };
  const store = await context.checkpoints(name, domain, keep, known);
  let found = await store.newest(limit, epoch);
  // a later one may be on this agent's disk alone, where those that start from it cannot find it
  if (found.manifest?.id !== limit) {
    await context.putBack(name, domain, keep);
    found = await store.newest(limit, epoch);
  }
  const { manifest, refused } = found;
  const where = { namespace: name.namespace, app: name.app, region: name.region };
  const wanted = refused.find(({ id }) => id === limit);
  const reason = because(wanted?.problem);
  const isMissing = wanted === undefined || wanted.missing === true;
  const comes = (starting.patient && hasOthers(context, starting)) || (starting.hopeful && isMissing && !exactly);
  if (isBefore(manifest, limit) && comes) {
    throw externalError(
      'state.not-whole',
      `checkpoint ${limit} of region ${name.region} is not whole${reason}; other agents may have the rest`,
      { retry: true },
    );
  }
  for (const { id, problem } of refused) {
    context.log('warn', `checkpoint ${id} is refused: ${problem}`, { ...where, checkpoint: id, code: 'state.refused' });
  }
  if (manifest !== undefined && manifest.id > limit) {
    const message = `checkpoint ${manifest.id} is complete, and the region's record knows of ${limit} only: it is started from the later one`;
    context.log('warn', message, { ...where, checkpoint: manifest.id, epoch: manifest.epoch });
  }
  const isOfNow = manifest !== undefined && manifest.epoch >= since;
  if (isOfNow && (manifest.id === limit || !exactly)) return manifest.id;
  if (exactly) {
    throw userError('state.no-checkpoint', `region ${name.region} has no checkpoint ${limit}${reason}`, {
      hint: 'cloudskin checkpoint list shows those there are',
    });
  }
  throw externalError('state.no-sound-checkpoint', `no checkpoint of region ${name.region} can be used${reason}`, {
    retry: true,
    hint: 'start the agents that ran it, with their data; or deploy with --drop-state, which starts from the beginning and may repeat output',
  });
}

function isBefore(found: Manifest | undefined, limit: number): boolean {
  return (found?.id ?? 0) < limit;
}

/** Whether other agents of the region are there, which may have copies. */
function hasOthers(context: RegionContext, { name, assignment: { fragments } }: Starting): boolean {
  return Object.values(fragments).some(
    ({ region, host }) => region === name.region && !sameAgent(host, context.name) && context.isAlive(host),
  );
}

function because(reason: string | undefined): string {
  return reason === undefined ? '' : `: ${reason}`;
}
